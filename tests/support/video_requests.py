"""Requests that create videos, as tests send them."""

from __future__ import annotations

import io
from typing import Any

import httpx
import msgspec
from litestar import Litestar
from PIL import Image

from api.http.state import AppState
from api.sql.leases import ClaimedGeneration
from api.sql.media import RenditionRow
from tests.support.rebuilt import rebuild_creates
from tests.support.users import Person

PROMPT = "a red ball bounces over green hills at sunset"


def png(width: int = 64, height: int = 48, colour: str = "teal") -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(drawn, "PNG")
    return drawn.getvalue()


async def create(
    client: httpx.AsyncClient, account: Person, headers: dict[str, str] | None = None, **body: Any
) -> httpx.Response:
    return await client.post("/v1/videos", json={"prompt": PROMPT} | body, headers=account.headers | (headers or {}))


async def available(client: httpx.AsyncClient, account: Person) -> int:
    return int((await client.get("/v1/billing/balance", headers=account.headers)).json()["available"])


def fill_disk(app: Litestar) -> None:
    """Let any disk count as full."""
    app_state: AppState = app.state.app_state
    full = msgspec.structs.replace(app_state.settings, full_disk=0.0)
    app.state.app_state = rebuild_creates(app_state._replace(settings=full))


async def finished(client: httpx.AsyncClient, app_state: AppState, account: Person, **asked: Any) -> str:
    """A video that is done, though no engine made it: its file holds a few bytes."""
    video_id = str((await create(client, account, **asked)).json()["id"])
    claimed_job = await app_state.lifecycle.claim("worker_a")
    assert claimed_job
    key = f"videos/{video_id}/1/video.mp4"
    app_state.storage.write_file(key, b"film of " + video_id.encode())
    medium = RenditionRow(variant="video", key=key, content_type="video/mp4", bytes=10, etag="e")
    assert await app_state.lifecycle.complete(claimed_job, [medium])
    return video_id


async def post(client: httpx.AsyncClient, account: Person, path: str, body: dict[str, Any]) -> httpx.Response:
    return await client.post(f"/v1/videos/{path}", json=body, headers=account.headers)


async def claim(app_state: AppState) -> ClaimedGeneration:
    claimed_job = await app_state.lifecycle.claim("worker_b")
    assert claimed_job
    return claimed_job
