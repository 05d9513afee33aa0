"""A whole worker with an engine process on tiny weights, on a database of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image, ImageChops

from api.http.state import AppState
from api.idempotency import RequestIdentity
from api.schemas.video_requests import VideoCreate
from api.settings import Settings
from api.sql import media
from api.videos import hls
from api.videos.quote import build_quote
from api.videos.renditions import SUFFIXES
from api.videos.submission import Submission
from tests.api.videos.test_event_stream import following
from tests.support.factories import assert_books_balance, pricing_terms
from tests.support.generations import balance, create, drawn, person
from tests.support.workers import (
    LONG,
    PATIENCE,
    SHORT,
    running_worker,
    wait_for_forkserver,
    wait_until_ended,
    wait_until_running,
)


async def test_a_prompt_becomes_four_renditions(isolated_state: AppState, worker_settings: Settings) -> None:
    account = await person(isolated_state)
    async with running_worker(worker_settings):
        video_id = await create(isolated_state, account, **SHORT)
        assert await wait_until_ended(isolated_state, video_id, account) == "completed"
    async with isolated_state.pool.acquire() as db:
        for variant in SUFFIXES:
            served = await media.find_rendition(db, video_id, variant)
            assert served
            assert served.key
            assert isolated_state.storage.file_path(served.key).stat().st_size == served.bytes
    assert not list((isolated_state.settings.data / "work").iterdir())
    await assert_books_balance(isolated_state.pool, account.id)


async def test_a_plan_with_a_watermark_marks_its_videos(isolated_state: AppState, worker_settings: Settings) -> None:
    """The same clip twice: what differs is in the corner where the mark stands."""
    asked, posters = SHORT | {"size": "320x192", "seed": 7}, []
    async with running_worker(worker_settings):
        for plan in ("free", "plus", "plus"):
            account = await person(isolated_state, plan)
            video_id = await create(isolated_state, account, **asked)
            assert await wait_until_ended(isolated_state, video_id, account) == "completed"
            async with isolated_state.pool.acquire() as db:
                served = await media.find_rendition(db, video_id, "poster")
            assert served
            assert served.key
            posters.append(Image.open(isolated_state.storage.file_path(served.key)).convert("L"))
    marked, plain, again = posters
    assert plain.tobytes() == again.tobytes()
    box = ImageChops.difference(marked, plain).getbbox()
    assert box
    assert box[0] > marked.width / 2
    assert box[1] > marked.height / 2


async def test_cancelling_stops_the_engine_and_the_next_job_runs(
    isolated_state: AppState, worker_settings: Settings
) -> None:
    account = await person(isolated_state)
    async with running_worker(worker_settings):
        long = await create(isolated_state, account, **LONG)
        await wait_until_running(isolated_state, long, account)
        short = await create(isolated_state, account, **SHORT)
        await isolated_state.lifecycle.cancel(long, account.id)
        assert await wait_until_ended(isolated_state, short, account) == "completed"
        assert await wait_until_ended(isolated_state, long, account) == "cancelled"
    assert await balance(isolated_state, account) == (299, 0)
    await assert_books_balance(isolated_state.pool, account.id)


async def test_a_preview_reaches_watchers_before_the_first_segment(
    isolated_state: AppState, worker_settings: Settings, weights: Path
) -> None:
    slow = "ltx-video-2b-0.9.5"
    serving = msgspec.structs.replace(worker_settings, models=[slow], weights={slow: str(weights)})
    account = await person(isolated_state)
    asked = VideoCreate(prompt="a red ball", model=slow, seconds=2, size="768x512")
    quote = build_quote(asked, pricing_terms(account.plan), serving)
    await isolated_state.submissions.submit(
        Submission(RequestIdentity(account.id, None, b""), quote, []), drawn(isolated_state)
    )
    [row] = await isolated_state.library.list_page(account.id, None, 1, descending=True)
    async with (
        running_worker(serving),
        aclosing(isolated_state.event_streams.stream_video(row.id, account.id)) as events,
    ):
        async with asyncio.timeout(PATIENCE):
            while (assets := shown(await following(events)))["preview"] is None:
                assert assets["stream"] is None
        key = hls.storage_key(row.id, assets["preview"].partition("?")[0].rpartition("/")[2])
        with Image.open(isolated_state.storage.file_path(key)) as image:
            assert (image.format, image.size) == ("JPEG", (320, 213))
        await isolated_state.lifecycle.cancel(row.id, account.id)
        assert await wait_until_ended(isolated_state, row.id, account) == "cancelled"
    assert (
        isolated_state.serializer.to_video(await isolated_state.library.get(row.id, account.id)).assets.preview is None
    )
    assert await balance(isolated_state, account) == (300, 0), "a guess is not charged for"


def shown(events: list[dict[str, str]]) -> dict[str, Any]:
    """The assets in the last of these events."""
    return dict(msgspec.json.decode(events[-1]["data"])["assets"])


@pytest.mark.xdist_group("backend")
async def test_a_starting_worker_stops_at_once_on_sigterm(worker_settings: Settings) -> None:
    environment = os.environ | worker_settings.to_environment()
    command = (sys.executable, "-m", "api.cli", "worker")
    process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.DEVNULL)
    forkserver = os.pidfd_open(await wait_for_forkserver(process.pid))
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(forkserver, gone.set)
    await asyncio.wait_for(gone.wait(), PATIENCE)
    asyncio.get_running_loop().remove_reader(forkserver)
    os.close(forkserver)
