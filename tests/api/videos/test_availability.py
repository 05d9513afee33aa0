"""Clips that have no stream, or none any more: what is said of it, and where their media is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from litestar import Litestar

from api.http.state import AppState
from api.sql import maintenance
from api.sql.leases import ClaimedGeneration
from api.sql.migrate import MIGRATIONS
from api.worker.segment_publisher import SegmentPublisher
from tests.support.rebuilt import with_image_wait
from tests.support.segments import REQUEST, get_video, make_segment
from tests.support.users import Person

NOW = datetime.now(UTC)


async def test_a_failed_clip_s_stream_is_withdrawn(
    client: httpx.AsyncClient, app_state: AppState, account: Person, claimed_job: ClaimedGeneration, tmp_path: Path
) -> None:
    await SegmentPublisher(claimed_job, REQUEST, app_state.lifecycle, app_state.storage).publish_segment(
        make_segment(tmp_path, 0)
    )
    assert await app_state.lifecycle.fail(claimed_job, "bad_frames")
    answer = await client.get(f"/v1/videos/{claimed_job.id}/stream.m3u8", headers=account.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "video_failed")
    video = await get_video(client, account, claimed_job.id)
    assert video["assets"]["stream"] is None
    assert video["failure"]["refunded"]


async def test_a_stream_ends_after_a_day(
    client: httpx.AsyncClient, app_state: AppState, account: Person, claimed_job: ClaimedGeneration, tmp_path: Path
) -> None:
    await SegmentPublisher(claimed_job, REQUEST, app_state.lifecycle, app_state.storage).publish_segment(
        make_segment(tmp_path, 0)
    )
    async with app_state.pool.acquire() as db:
        await db.execute(
            "UPDATE generations SET created_at = $2 WHERE id = $1", claimed_job.id, NOW - timedelta(hours=25)
        )
    answer = await client.get(f"/v1/videos/{claimed_job.id}/stream.m3u8", headers=account.headers)
    assert (answer.status_code, "once it is made" in answer.json()["detail"]) == (410, True)
    assert (await get_video(client, account, claimed_job.id))["assets"]["stream"] is None
    assert await app_state.lifecycle.complete(claimed_job, [])
    answer = await client.get(f"/v1/videos/{claimed_job.id}/stream.m3u8", headers=account.headers)
    assert (answer.status_code, "fetch the file" in answer.json()["detail"]) == (410, True)
    async with app_state.pool.acquire() as db:
        await maintenance.mark_purged(db, claimed_job.id)
    answer = await client.get(f"/v1/videos/{claimed_job.id}/stream.m3u8", headers=account.headers)
    assert (answer.status_code, "/content" in answer.json()["detail"]) == (410, False)


async def test_an_image_has_no_stream_and_says_where_it_is(
    client: httpx.AsyncClient, app_state: AppState, account: Person, app: Litestar
) -> None:
    app.state.app_state = with_image_wait(app_state, 0.0)
    await client.post("/v1/images/generations", json={"prompt": "a ball"}, headers=account.headers)
    still = await app_state.lifecycle.claim("worker_a")
    assert still

    async def said() -> tuple[int, str, str]:
        answer = await client.get(f"/v1/videos/{still.id}/stream.m3u8", headers=account.headers)
        return answer.status_code, answer.json()["error"]["code"], answer.json()["detail"]

    for made_by_then in (False, True):
        if made_by_then:
            assert await app_state.lifecycle.complete(still, [])
        status, code, detail = await said()
        assert (status, code) == (404, "no_stream")
        assert "content?variant=poster" in detail
        assert (await get_video(client, account, still.id))["assets"]["stream"] is None
    async with app_state.pool.acquire() as db:
        await db.execute("UPDATE generations SET created_at = $2 WHERE id = $1", still.id, NOW - timedelta(hours=25))
    assert (await said())[:2] == (404, "no_stream")
    async with app_state.pool.acquire() as db:
        await maintenance.mark_purged(db, still.id)
    assert (await said())[:2] == (410, "expired")


async def test_a_clip_that_was_made_before_streams_were_kept_names_none(
    client: httpx.AsyncClient, app_state: AppState, account: Person, claimed_job: ClaimedGeneration
) -> None:
    assert await app_state.lifecycle.complete(claimed_job, [])
    answer = await client.get(f"/v1/videos/{claimed_job.id}/stream.m3u8", headers=account.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_stream")
    assert answer.json()["detail"].endswith("GET /v1/videos/{id}/content.")
    assert (await get_video(client, account, claimed_job.id))["assets"]["stream"] is None


async def test_an_update_takes_back_streams_that_were_never_kept(
    client: httpx.AsyncClient, app_state: AppState, account: Person, claimed_job: ClaimedGeneration, tmp_path: Path
) -> None:
    await SegmentPublisher(claimed_job, REQUEST, app_state.lifecycle, app_state.storage).publish_segment(
        make_segment(tmp_path, 0)
    )
    await client.post("/v1/videos", json={"prompt": "a ball"}, headers=account.headers)
    async with app_state.pool.acquire() as db:
        await db.execute("UPDATE generations SET published_seconds = 4")
        await db.execute((MIGRATIONS / "0009_streamed.sql").read_text())
        rows = await db.fetch("SELECT id, published_seconds FROM generations")
    assert {row["id"] == claimed_job.id: row["published_seconds"] for row in rows} == {True: 4, False: 0}


async def test_a_cancelled_clip_names_its_stream_only_while_its_segments_are_kept(
    client: httpx.AsyncClient, app_state: AppState, account: Person, claimed_job: ClaimedGeneration, tmp_path: Path
) -> None:
    await SegmentPublisher(claimed_job, REQUEST, app_state.lifecycle, app_state.storage).publish_segment(
        make_segment(tmp_path, 0)
    )
    await client.post(f"/v1/videos/{claimed_job.id}/cancel", headers=account.headers)
    assert (await get_video(client, account, claimed_job.id))["assets"]["stream"]
    async with app_state.pool.acquire() as db:
        await maintenance.mark_purged(db, claimed_job.id)
    answer = await client.get(f"/v1/videos/{claimed_job.id}/stream.m3u8", headers=account.headers)
    assert (answer.status_code, "cancelled" in answer.json()["detail"]) == (410, True)
    assert "/content" not in answer.json()["detail"], "there is no file of it"
    assert (await get_video(client, account, claimed_job.id))["assets"]["stream"] is None


async def test_a_stream_cancelled_before_its_first_segment_is_answered_so(
    client: httpx.AsyncClient, account: Person, claimed_job: ClaimedGeneration
) -> None:
    await client.post(f"/v1/videos/{claimed_job.id}/cancel", headers=account.headers)
    answer = await client.get(f"/v1/videos/{claimed_job.id}/stream.m3u8", headers=account.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "video_cancelled"), (
        "there is no waiting for it"
    )
