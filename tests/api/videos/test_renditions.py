"""Serving renditions: whole, in part, validated, signed, and refused for a stated reason."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import RangeNotSatisfiable
from api.http import file_response
from api.http.file_response import ByteRange, FileRequestHeaders, ServedFile
from api.http.state import AppState
from api.sql.media import RenditionRow
from tests.support.users import Person, sign_up

CLIP = bytes(range(256)) * 40


@pytest.fixture
async def video_id(client: httpx.AsyncClient, app_state: AppState, account: Person, tmp_path: Path) -> str:
    """A finished video whose clip is CLIP."""
    made = await client.post("/v1/videos", json={"prompt": "a ball"}, headers=account.headers)
    claimed_job = await app_state.lifecycle.claim("worker_a")
    assert claimed_job
    (tmp_path / "clip").write_bytes(CLIP)
    key = f"videos/{claimed_job.id}/1/video.mp4"
    stored = app_state.storage.adopt_file(tmp_path / "clip", key)
    medium = RenditionRow(variant="video", key=key, content_type="video/mp4", bytes=stored.bytes, etag=stored.digest)
    assert await app_state.lifecycle.complete(claimed_job, [medium])
    return str(made.json()["id"])


async def fetch(client: httpx.AsyncClient, account: Person, video_id: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.get(f"/v1/videos/{video_id}/content", headers=account.headers | named)


async def test_the_whole_file(client: httpx.AsyncClient, account: Person, video_id: str) -> None:
    answer = await fetch(client, account, video_id)
    assert (answer.status_code, answer.content) == (200, CLIP)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"] == f'inline; filename="{video_id}.mp4"'
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_head_says_the_same_without_the_bytes(
    client: httpx.AsyncClient, account: Person, video_id: str
) -> None:
    whole = await fetch(client, account, video_id)
    head = await client.head(f"/v1/videos/{video_id}/content", headers=account.headers)
    assert head.status_code == 200
    assert head.content == b""
    assert int(head.headers["content-length"]) == len(CLIP)
    assert head.headers["etag"] == whole.headers["etag"]


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-1", 0, 1),
        ("bytes=0-", 0, 10239),
        ("bytes=10239-", 10239, 10239),
        ("bytes=-5", 10235, 10239),
        ("bytes=-99999", 0, 10239),
        ("bytes=100-99999", 100, 10239),
        ("BYTES = 3-4", 3, 4),
    ],
)
async def test_a_part(
    client: httpx.AsyncClient, account: Person, video_id: str, asked: str, first: int, last: int
) -> None:
    answer = await fetch(client, account, video_id, range=asked)
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last}/10240"
    assert answer.content == CLIP[first : last + 1]


@pytest.mark.parametrize("asked", ["bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "lines=0-1", "bytes=0-1,3-4", "0-1"])
async def test_a_range_nobody_understands_gets_the_whole(
    client: httpx.AsyncClient, account: Person, video_id: str, asked: str
) -> None:
    answer = await fetch(client, account, video_id, range=asked)
    assert (answer.status_code, len(answer.content)) == (200, len(CLIP))


@pytest.mark.parametrize("asked", ["bytes=10240-", "bytes=99999-100000", "bytes=-0"])
async def test_a_range_behind_the_end_is_416(
    client: httpx.AsyncClient, account: Person, video_id: str, asked: str
) -> None:
    answer = await fetch(client, account, video_id, range=asked)
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */10240"


async def test_validators(client: httpx.AsyncClient, account: Person, video_id: str) -> None:
    whole = await fetch(client, account, video_id)
    tag, modified = whole.headers["etag"], whole.headers["last-modified"]
    for known in (tag, f'"other", W/{tag}', "*"):
        same = await fetch(client, account, video_id, if_none_match=known)
        assert (same.status_code, same.content) == (304, b"")
    assert (await fetch(client, account, video_id, if_none_match='"other"')).status_code == 200
    assert (await fetch(client, account, video_id, range="bytes=0-1", if_range=tag)).status_code == 206
    assert (await fetch(client, account, video_id, range="bytes=0-1", if_range=modified)).status_code == 206
    assert (await fetch(client, account, video_id, range="bytes=0-1", if_range='"other"')).status_code == 200


async def test_a_signed_url_opens_without_a_token_and_for_nothing_else(
    client: httpx.AsyncClient, account: Person, video_id: str
) -> None:
    shown = (await client.get(f"/v1/videos/{video_id}", headers=account.headers)).json()
    url = httpx.URL(shown["assets"]["video"])
    assert shown["assets"]["poster"] is None
    signed = f"{url.path}?{url.query.decode()}"
    assert (await client.get(signed)).content == CLIP
    assert (await client.get(signed, headers={"range": "bytes=0-1"})).status_code == 206
    assert (await client.get(signed.replace("variant=video", "variant=poster"))).status_code == 401
    assert (await client.get(signed.replace("signature=", "signature=A"))).status_code == 401
    assert (await client.get(signed.partition("&signature")[0])).status_code == 401


async def test_a_signature_ends(app_state: AppState) -> None:
    ended = int(time.time()) - 1
    assert not app_state.keyring.is_media_signature("v/video", ended, app_state.keyring.sign_media("v/video", ended))
    url = app_state.serializer.asset_url("v", "video", ended)
    assert url.startswith(f"{app_state.settings.origin}/v1/videos/v/content?variant=video&expires={ended}&signature=")


async def test_strangers_and_unfinished_videos(client: httpx.AsyncClient, account: Person, video_id: str) -> None:
    stranger = await sign_up(client)
    assert (await fetch(client, stranger, video_id)).status_code == 404
    assert (await client.get(f"/v1/videos/{video_id}/content")).status_code == 401
    made = (await client.post("/v1/videos", json={"prompt": "a ball"}, headers=account.headers)).json()
    early = await fetch(client, account, made["id"])
    assert (early.status_code, early.json()["error"]["code"]) == (409, "not_ready")
    await client.post(f"/v1/videos/{made['id']}/cancel", headers=account.headers)
    cancelled = await fetch(client, account, made["id"])
    assert (cancelled.status_code, cancelled.json()["error"]["code"]) == (409, "video_cancelled")
    assert (await fetch(client, account, "%00")).status_code == 404
    odd = await client.get(f"/v1/videos/{video_id}/content?variant=gif", headers=account.headers)
    assert (odd.status_code, odd.json()["param"]) == (422, "variant")


async def test_a_file_that_went_missing_is_our_fault(
    client: httpx.AsyncClient, account: Person, video_id: str, app_state: AppState
) -> None:
    app_state.storage.remove_folder(f"videos/{video_id}")
    assert (await fetch(client, account, video_id)).status_code == 500


async def test_what_is_past_its_retention_is_gone(
    client: httpx.AsyncClient, account: Person, video_id: str, app_state: AppState
) -> None:
    async with app_state.pool.acquire() as db:
        await db.execute("UPDATE generations SET expires_at = now() - interval '1 day' WHERE id = $1", video_id)
    assert (await fetch(client, account, video_id)).status_code == 410


def film(size: int) -> ServedFile:
    return ServedFile(Path("key"), "video/mp4", size, '"tag"', datetime(2026, 1, 1, tzinfo=UTC))


@given(size=st.integers(1, 1000), first=st.integers(0, 1100), last=st.integers(0, 1100))
def test_every_range_lies_inside_the_file(size: int, first: int, last: int) -> None:
    try:
        part = file_response.parse_range_header(film(size), FileRequestHeaders(f"bytes={first}-{last}", None, None))
    except RangeNotSatisfiable:
        assert first >= size
        assert last >= first
        return
    if part is None:
        assert last < first
    else:
        assert part == ByteRange(first, min(last, size - 1))
