"""A server below a path of its host, behind proxies that strip the path from requests and proxies that do not."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from api.app import create_asgi_app
from api.http.state import AppState, build_app_state
from api.settings import Settings
from api.worker.segment_publisher import SegmentPublisher
from tests.support.lifespan import running
from tests.support.media_files import encode_noise_png
from tests.support.segments import REQUEST, make_segment
from tests.support.users import Person, sign_up

PATH = "/kinora"


class Proxied:
    """A client of the proxy, which strips the path or not; `state` is the server's."""

    def __init__(self, state: AppState, asgi: Any, *, strips: bool) -> None:
        async def proxy(scope: Any, receive: Any, send: Any) -> None:
            assert scope["path"].startswith(f"{PATH}/"), f"{scope['path']} is somebody else's"
            kept = scope["path"].removeprefix(PATH) if strips else scope["path"]
            await asgi(scope | {"path": kept}, receive, send)

        self.state = state
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(proxy), base_url=f"https://example.com{PATH}/")


@pytest.fixture(params=[True, False], ids=["stripping", "passing on"])
async def proxied(request: pytest.FixtureRequest, settings: Settings, pool: Any, redis: Any) -> AsyncIterator[Proxied]:
    assert redis
    changed = msgspec.structs.replace(settings, public_url=f"https://example.com{PATH}/", cors_origins=["https://b.c"])
    async with build_app_state(changed, pool) as state:
        asgi = create_asgi_app(changed, lambda _: nullcontext(state))
        async with running(asgi):
            yield Proxied(state, asgi, strips=request.param)


@pytest.fixture
async def person(proxied: Proxied) -> Person:
    return await sign_up(proxied.http)


async def test_what_locations_name_can_be_opened(proxied: Proxied, person: Person) -> None:
    made = await proxied.http.post("v1/videos", json={"prompt": "a ball"}, headers=person.headers)
    assert made.headers["location"] == f"{PATH}/v1/videos/{made.json()['id']}"
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "4"}
    upload = await proxied.http.post("v1/uploads", headers=person.headers | tus)
    for answer in (made, upload):
        url = answer.url.join(answer.headers["location"])
        assert (await proxied.http.get(url, headers=person.headers)).status_code == 200


async def test_signed_urls_and_playlists_can_be_opened(proxied: Proxied, person: Person, tmp_path: Any) -> None:
    made = await proxied.http.post("v1/videos", json={"prompt": "a ball"}, headers=person.headers)
    job = await proxied.state.lifecycle.claim("worker_a")
    assert job
    publisher = SegmentPublisher(job, REQUEST, proxied.state.lifecycle, proxied.state.storage)
    await publisher.publish_segment(make_segment(tmp_path, 0))
    video = await proxied.http.get(f"v1/videos/{made.json()['id']}", headers=person.headers)
    stream = video.json()["assets"]["stream"]
    assert stream.startswith(f"https://example.com{PATH}/v1/videos/")
    playlist = await proxied.http.get(stream)
    uris = [line for line in playlist.text.splitlines() if not line.startswith("#")]
    uris += re.findall('URI="(.*?)"', playlist.text)
    assert len(uris) == 2
    for uri in uris:
        assert (await proxied.http.get(playlist.url.join(uri))).status_code == 200


async def test_paths_in_bodies_can_be_opened(proxied: Proxied, person: Person) -> None:
    files = {"image": ("a.png", encode_noise_png())}
    preset = await proxied.http.post(
        "v1/presets", data={"name": "n", "prompt": "p"}, files=files, headers=person.headers
    )
    assert preset.status_code == 201, preset.text
    image = await proxied.http.get(preset.url.join(preset.json()["image"]), headers=person.headers)
    assert (image.status_code, image.headers["content-type"]) == (200, "image/png")
    poor = {"prompt": "x", "seconds": 10, "n": 4, "size": "512x512"}
    for _ in range(10):
        refused = await proxied.http.post("v1/videos", json=poor, headers=person.headers)
        if refused.status_code == 402:
            break
    assert refused.json()["upgrade"] == f"{PATH}/v1/billing/plans"
    assert (await proxied.http.get(refused.url.join(refused.json()["upgrade"]))).status_code == 200


async def test_the_reference_finds_its_files_and_the_server(proxied: Proxied) -> None:
    for address in ("docs", "docs/"):
        page = await proxied.http.get(address)
        links = re.findall(r'(?:href|src)="([^"]+)"', page.text)
        assert len(links) >= 3
        for link in links:
            assert (await proxied.http.get(page.url.join(link))).status_code == 200
    script = await proxied.http.get("docs/start.js")
    (document,) = re.findall(r'url: "([^"]+)"', script.text)
    opened = await proxied.http.get(page.url.join(document))
    (server,) = json.loads(opened.text)["servers"]
    base = str(opened.url.join(server["url"])).rstrip("/")
    assert (await proxied.http.get(f"{base}/health/live")).status_code == 200


async def test_preflights_and_missing_pages_are_answered(proxied: Proxied) -> None:
    asked = {"origin": "https://b.c", "access-control-request-method": "POST"}
    assert (await proxied.http.options("v1/videos", headers=asked)).status_code == 204
    missing = await proxied.http.get("nothing/of/that/name")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")


async def test_who_comes_past_the_proxy_is_served_too(settings: Settings, app_state: AppState) -> None:
    """Health checks, the worker's neighbours, a public path that looks like one of ours."""
    for path in (PATH, "/v1", "/a/b", "/été"):
        changed = msgspec.structs.replace(settings, public_url=f"https://example.com{path}")
        asgi: Any = create_asgi_app(changed, lambda _: nullcontext(app_state))
        async with running(asgi), httpx.AsyncClient(transport=httpx.ASGITransport(asgi), base_url="http://a") as http:
            for prefix in ("", path):
                assert (await http.get(f"{prefix}/v1/models")).status_code in (200, 401), path
                assert (await http.get(f"{prefix}/health/live")).status_code == 200, path
            assert (await http.get(f"{path}x/health/live")).status_code == 404
            assert urlsplit(changed.origin).path == path
