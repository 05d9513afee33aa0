"""Attempts that end before their video is complete, and what the next attempt continues from."""

from __future__ import annotations

import io
import os
import signal
from pathlib import Path
from typing import get_args

import av

from api.http.state import AppState
from api.settings import Settings
from api.sql import media
from api.videos import hls
from api.worker.runner import remaining_seconds
from engine.types import Progress, Resume, Stage
from tests.support.factories import assert_books_balance
from tests.support.generations import create, person
from tests.support.workers import (
    LONG,
    SHORT,
    find_engine_process,
    list_published_segments,
    running_worker,
    wait_until_ended,
    wait_until_published,
    wait_until_running,
)


async def test_a_killed_engine_costs_a_try_and_the_video_is_completed(
    isolated_state: AppState, worker_settings: Settings
) -> None:
    account = await person(isolated_state)
    async with running_worker(worker_settings):
        video_id = await create(isolated_state, account, **(LONG | {"seconds": 4}))
        await wait_until_running(isolated_state, video_id, account)
        os.kill(find_engine_process(), signal.SIGKILL)
        assert await wait_until_ended(isolated_state, video_id, account) == "completed"
    assert (await isolated_state.library.get(video_id, account.id)).attempt == 2
    await assert_books_balance(isolated_state.pool, account.id)


async def test_the_next_attempt_continues_after_the_published_segments(
    isolated_state: AppState, worker_settings: Settings
) -> None:
    account = await person(isolated_state)
    async with running_worker(worker_settings):
        video_id = await create(isolated_state, account, **(LONG | {"seconds": 6}))
        await wait_until_published(isolated_state, video_id, account)
        before = await list_published_segments(isolated_state, video_id)
        os.kill(find_engine_process(), signal.SIGKILL)
        assert await wait_until_ended(isolated_state, video_id, account) == "completed"
    after = await list_published_segments(isolated_state, video_id)
    assert after[: len(before)] == before
    assert [piece.number for piece in after] == list(range(len(after)))
    assert {piece.attempt for piece in after} == {1, 2}
    assert not any(piece.discontinuity for piece in after), "had it begun anew, players would be told"
    heads = {
        isolated_state.storage.file_path(hls.storage_key(video_id, f"{piece.head}.mp4")).read_bytes() for piece in after
    }
    pieces = [
        isolated_state.storage.file_path(hls.storage_key(video_id, hls.segment_name(piece))).read_bytes()
        for piece in after
    ]
    async with isolated_state.pool.acquire() as db:
        served = await media.find_rendition(db, video_id, "video")
    assert served
    assert served.key
    film = pictures(isolated_state.storage.file_path(served.key).read_bytes())
    assert len(film) == 48
    assert film == pictures(b"".join([*heads, *pieces])), "what was watched and what is kept are the same"
    await assert_books_balance(isolated_state.pool, account.id)


def pictures(film: bytes) -> list[tuple[int | None, bytes]]:
    """When each frame is shown, and what it shows."""
    with av.open(io.BytesIO(film), "r") as container:
        return [(frame.pts, frame.to_ndarray().tobytes()) for frame in container.decode(video=0)]


FULL_FOR_A_MOMENT = """
CREATE SEQUENCE tries;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('tries') <= 2 THEN RAISE 'no room' USING ERRCODE = 'disk_full'; END IF;
    RETURN new;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON segments FOR EACH ROW EXECUTE FUNCTION refuse();
"""


async def test_a_last_segment_that_fails_to_be_listed_is_listed_before_the_playlist_ends(
    isolated_state: AppState, worker_settings: Settings
) -> None:
    account = await person(isolated_state)
    async with isolated_state.pool.acquire() as db:
        await db.execute(FULL_FOR_A_MOMENT)
    async with running_worker(worker_settings):
        video_id = await create(isolated_state, account, **SHORT)
        assert await wait_until_ended(isolated_state, video_id, account) == "completed"
    assert sum(piece.seconds for piece in await list_published_segments(isolated_state, video_id)) == 1
    assert (await isolated_state.library.get(video_id, account.id)).attempt == 1


def test_estimates_are_ignored_until_the_engine_has_seen_the_published_segments() -> None:
    resume = Resume((), Path("state"))
    for stage in get_args(Stage):
        event = Progress(stage, 0.5, 4.0, 1, 8, 1, 2)
        assert remaining_seconds(event, resume) == (None if stage in ("loading", "encoding") else 4.0)
        assert remaining_seconds(event, None) == 4.0


async def test_a_stopping_worker_returns_its_job_to_the_queue(
    isolated_state: AppState, worker_settings: Settings
) -> None:
    account = await person(isolated_state)
    async with running_worker(worker_settings):
        video_id = await create(isolated_state, account, **LONG)
        await wait_until_running(isolated_state, video_id, account)
    row = await isolated_state.library.get(video_id, account.id)
    assert (row.state, row.attempt) == ("queued", 1)
    async with isolated_state.pool.acquire() as db:
        assert await db.fetchval("SELECT tries + losses FROM generations WHERE id = $1", video_id) == 0
