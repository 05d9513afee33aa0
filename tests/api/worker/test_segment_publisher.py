"""Segments are listed in order once stored; previews are visible until a segment covers them or the video ends."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from api.http.state import AppState
from api.sql.leases import ClaimedGeneration
from api.storage.local import Storage, StoredFile
from api.videos.lifecycle import VideoLifecycle
from api.worker.segment_publisher import SegmentPublisher
from tests.api.videos.test_event_stream import following
from tests.support.generations import claim, create
from tests.support.generations import person as rich
from tests.support.segments import REQUEST, get_video, make_preview, make_segment
from tests.support.users import Person, sign_up


async def test_a_preview_is_visible_until_a_segment_covers_it(
    client: httpx.AsyncClient, app_state: AppState, account: Person, claimed_job: ClaimedGeneration, tmp_path: Path
) -> None:
    async def assets() -> dict[str, Any]:
        return dict((await get_video(client, account, claimed_job.id))["assets"])

    publisher = SegmentPublisher(claimed_job, REQUEST, app_state.lifecycle, app_state.storage)
    assert (await assets())["preview"] is None
    assert await publisher.publish_preview(make_preview(tmp_path, 0.0))
    first = (await assets())["preview"]
    assert await publisher.publish_preview(make_preview(tmp_path, 1.0))
    second = (await assets())["preview"]
    assert first != second
    for url, content in ((first, b"guess at 0.0"), (second, b"guess at 1.0")):
        answer = await client.get(url)
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-type"] == "image/jpeg"
    assert await publisher.publish_segment(make_segment(tmp_path, 0))
    assert (await assets())["preview"] == second, "it shows what cannot be watched yet"
    assert await publisher.publish_segment(make_segment(tmp_path, 1))
    assert (await assets())["preview"] is None
    assert await publisher.publish_preview(make_preview(tmp_path, 1.5))
    assert (await assets())["preview"] is None, "that second is published"
    assert await publisher.publish_preview(make_preview(tmp_path, 2.5))
    assert (await assets())["preview"]
    assert await app_state.lifecycle.complete(claimed_job, [])
    assert (await assets())["preview"] is None


async def test_every_preview_is_an_event(isolated_state: AppState, tmp_path: Path) -> None:
    person = await rich(isolated_state)
    video_id = await create(isolated_state, person)
    claimed_job = await claim(isolated_state)
    publisher = SegmentPublisher(claimed_job, REQUEST, isolated_state.lifecycle, isolated_state.storage)
    async with aclosing(isolated_state.event_streams.stream_video(video_id, person.id)) as stream:
        await following(stream)

        async def told(act: Awaitable[bool]) -> tuple[str | None, str | None]:
            assert await act
            [event] = await following(stream)
            assets = msgspec.json.decode(event["data"])["assets"]
            return assets["preview"], assets["stream"]

        one, nothing = await told(publisher.publish_preview(make_preview(tmp_path, 0.0)))
        two, nothing_yet = await told(publisher.publish_preview(make_preview(tmp_path, 0.5)))
        gone, playlist = await told(publisher.publish_segment(make_segment(tmp_path, 0)))
    assert one
    assert two
    assert one != two
    assert (nothing, nothing_yet, gone) == (None, None, None)
    assert playlist


async def test_a_preview_is_readable_by_its_owner_only(
    client: httpx.AsyncClient, app_state: AppState, account: Person, claimed_job: ClaimedGeneration, tmp_path: Path
) -> None:
    await SegmentPublisher(claimed_job, REQUEST, app_state.lifecycle, app_state.storage).publish_preview(
        make_preview(tmp_path, 0.0)
    )
    url = httpx.URL((await get_video(client, account, claimed_job.id))["assets"]["preview"])
    signed = url.query.decode()
    stranger = await sign_up(client)
    assert (await client.get(url.path)).status_code == 401
    assert (await client.get(f"/v1/videos/{claimed_job.id}/stream.m3u8?{signed}")).status_code == 401
    assert (await client.get(url.path, headers=stranger.headers)).status_code == 404
    assert (await client.get(url.path, headers=account.headers)).status_code == 200
    for name in ("1-7.jpg", "1-0.m4s", "x", "..%2F..%2Fvideo.mp4"):
        answer = await client.get(f"/v1/videos/{claimed_job.id}/preview/{name}", headers=account.headers)
        assert answer.status_code == 404, name


@pytest.mark.parametrize(("end", "code"), [("cancelled", "video_cancelled"), ("failed", "video_failed")])
async def test_previews_of_a_failed_or_cancelled_video_are_withdrawn(
    client: httpx.AsyncClient,
    app_state: AppState,
    account: Person,
    claimed_job: ClaimedGeneration,
    tmp_path: Path,
    end: str,
    code: str,
) -> None:
    publisher = SegmentPublisher(claimed_job, REQUEST, app_state.lifecycle, app_state.storage)
    await publisher.publish_preview(make_preview(tmp_path, 0.0))
    url = (await get_video(client, account, claimed_job.id))["assets"]["preview"]
    if end == "failed":
        assert await app_state.lifecycle.fail(claimed_job, "bad_frames")
    else:
        await client.post(f"/v1/videos/{claimed_job.id}/cancel", headers=account.headers)
    answer = await client.get(url)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, code)
    assert (await get_video(client, account, claimed_job.id))["assets"]["preview"] is None
    assert not await publisher.publish_preview(make_preview(tmp_path, 1.0)), "a late one is not taken"


class UnreachableLifecycle:
    """The lifecycle, except that publishing a segment fails while the database is away."""

    def __init__(self, lifecycle: VideoLifecycle) -> None:
        self.unreachable = True
        self._lifecycle = lifecycle

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lifecycle, name)

    async def publish_segment(self, *args: Any) -> bool:
        if self.unreachable:
            raise ConnectionError
        return await self._lifecycle.publish_segment(*args)


class LosingStorage(Storage):
    """Storage that loses the files it should move in."""

    losing = True

    def adopt_file(self, source: Path, key: str) -> StoredFile:
        if self.losing:
            source.unlink()
            raise OSError(key)
        return super().adopt_file(source, key)


async def test_a_segment_that_could_not_be_listed_is_listed_with_the_next(
    client: httpx.AsyncClient,
    app_state: AppState,
    account: Person,
    claimed_job: ClaimedGeneration,
    tmp_path: Path,
) -> None:
    lifecycle: Any = UnreachableLifecycle(app_state.lifecycle)
    publisher = SegmentPublisher(claimed_job, REQUEST, lifecycle, app_state.storage)
    with pytest.raises(ConnectionError):
        await publisher.publish_segment(make_segment(tmp_path, 0))
    lifecycle.unreachable = False
    assert await publisher.publish_segment(make_segment(tmp_path, 1))
    text = (await client.get(f"/v1/videos/{claimed_job.id}/stream.m3u8", headers=account.headers)).text
    assert [line.partition("?")[0] for line in text.splitlines() if "m4s" in line] == [
        "stream/1-0.m4s", "stream/1-1.m4s",
    ]  # fmt: skip


async def test_a_segment_that_never_reached_storage_is_never_listed(
    client: httpx.AsyncClient,
    app_state: AppState,
    account: Person,
    claimed_job: ClaimedGeneration,
    tmp_path: Path,
) -> None:
    storage = LosingStorage(app_state.storage.root)
    publisher = SegmentPublisher(claimed_job, REQUEST, app_state.lifecycle, storage)
    with pytest.raises(OSError, match="latents"):
        await publisher.publish_segment(make_segment(tmp_path, 0))
    with pytest.raises(OSError, match="m4s"):
        await publisher.publish_pending()
    storage.losing = False
    with pytest.raises(FileNotFoundError):
        await publisher.publish_pending()
    answer = await client.get(f"/v1/videos/{claimed_job.id}/stream.m3u8", headers=account.headers)
    assert answer.json()["error"]["code"] == "not_ready"
