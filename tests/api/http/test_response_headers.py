"""What browsers and caches are told: policies by kind of answer, and which other origins may read them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from api.app import create_app
from api.http.middleware import wrap_app
from api.http.state import AppState
from api.sql.leases import ClaimedGeneration
from api.worker.segment_publisher import SegmentPublisher
from tests.support.segments import REQUEST, make_preview, make_segment
from tests.support.users import Person

ORIGIN = "https://app.example"


def directives(answer: httpx.Response) -> dict[str, list[str]]:
    policy = answer.headers["content-security-policy"].split("; ")
    return {words[0]: words[1:] for words in map(str.split, policy)}


async def test_a_browser_may_show_media_that_it_opens_directly(
    client: httpx.AsyncClient, app_state: AppState, account: Person, claimed_job: ClaimedGeneration, tmp_path: Path
) -> None:
    """It builds a page around the file, whose only content comes from the file's own address."""
    publisher = SegmentPublisher(claimed_job, REQUEST, app_state.lifecycle, app_state.storage)
    await publisher.publish_segment(make_segment(tmp_path, 0))
    await publisher.publish_preview(make_preview(tmp_path, 2.0))
    for name in ("stream.m3u8", "stream/1-0.m4s", "preview/1-0.jpg"):
        for method in ("GET", "HEAD"):
            answer = await client.request(method, f"/v1/videos/{claimed_job.id}/{name}", headers=account.headers)
            policy = directives(answer)
            assert "'self'" in policy["media-src"], name
            assert "'self'" in policy["img-src"], name
            assert policy["default-src"] == ["'none'"], "no script ever runs there"
            assert answer.headers["x-content-type-options"] == "nosniff"


async def test_other_answers_may_load_nothing(client: httpx.AsyncClient) -> None:
    for path in ("/v1/videos", "/nothing", "/health/live", "/openapi.json"):
        policy = directives(await client.get(path))
        assert policy == {"default-src": ["'none'"], "frame-ancestors": ["'none'"]}


@pytest.fixture(params=[[ORIGIN], ["*"]], ids=["one origin", "every origin"])
async def web_client(request: pytest.FixtureRequest, app_state: AppState) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that web pages may use."""
    app = create_app(msgspec.structs.replace(app_state.settings, cors_origins=request.param))
    app.state.app_state = app_state
    asgi: Any = wrap_app(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(asgi), base_url="http://test") as client:
        yield client


async def test_a_cache_never_gives_one_origin_the_answer_for_another(web_client: httpx.AsyncClient) -> None:
    asked: tuple[dict[str, str], ...] = (
        {},
        {"origin": ORIGIN},
        {"origin": "https://b.example"},
        {"origin": ORIGIN, "cookie": "a"},
    )
    for path in ("/health/live", "/v1/videos", "/nothing", "/openapi.json"):
        for headers in asked:
            answer = await web_client.get(path, headers=headers)
            assert answer.headers.get_list("vary", split_commas=True) == ["Origin"], (path, headers)


async def test_pages_may_read_the_headers_they_need(web_client: httpx.AsyncClient) -> None:
    answer = await web_client.get("/v1/videos", headers={"origin": ORIGIN})
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] in (ORIGIN, "*")
    exposed = set(answer.headers["access-control-expose-headers"].split(", "))
    assert exposed >= {"ETag", "Content-Range", "Accept-Ranges", "Content-Disposition", "Location", "Upload-Offset"}
    assert exposed >= {"Retry-After", "RateLimit", "X-Request-Id", "WWW-Authenticate"}


async def test_pages_may_send_ranges_and_tokens(web_client: httpx.AsyncClient) -> None:
    wanted = "authorization, if-range, last-event-id, range, tus-resumable"
    asked = {"origin": ORIGIN, "access-control-request-method": "PATCH", "access-control-request-headers": wanted}
    answer = await web_client.options("/v1/uploads/x", headers=asked)
    assert answer.status_code == 204
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert set(wanted.split(", ")) <= set(answer.headers["access-control-allow-headers"].lower().split(", "))
    assert "origin" in answer.headers["vary"].lower()
