"""HEAD is answered as GET is, without the content."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import httpx

from api.app import create_asgi_app
from api.http.state import AppState
from tests.support.lifespan import running
from tests.support.users import sign_up

OWN = {"x-request-id", "ratelimit"}
"""Headers that differ between any two responses."""
PATHS = [
    "/health/live",
    "/docs",
    "/docs/swagger-ui.css",
    "/openapi.json",
    "/v1/models",
    "/v1/models/kinora-mini",
    "/v1/videos",
    "/v1/videos/",
    "/v1/videos/video_none",
    "/v1/billing/plans",
    "/v1/uploads",
    "/v1/me",
    "/nothing",
]


async def test_head_says_what_get_would_say(app_state: AppState) -> None:
    asgi: Any = create_asgi_app(app_state.settings, lambda _: nullcontext(app_state))
    transport = httpx.ASGITransport(asgi)
    async with running(asgi), httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        person = await sign_up(http)
        for headers in ({}, person.headers):
            for path in PATHS:
                head, get = [await http.request(method, path, headers=headers) for method in ("HEAD", "GET")]
                assert (head.status_code, head.content) == (get.status_code, b""), path
                told = [{k: v for k, v in each.headers.items() if k not in OWN} for each in (head, get)]
                assert told[0] == told[1], path


async def test_head_of_a_stream_ends(app_state: AppState) -> None:
    asgi: Any = create_asgi_app(app_state.settings, lambda _: nullcontext(app_state))
    transport = httpx.ASGITransport(asgi)
    async with running(asgi), httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        person = await sign_up(http)
        head = await http.head("/v1/events", headers=person.headers)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"].startswith("text/event-stream")
        post_only = await http.head("/v1/auth/login")
        assert (post_only.status_code, "POST" in post_only.headers["allow"]) == (405, True)
    assert app_state.hub.watcher_count == 0
