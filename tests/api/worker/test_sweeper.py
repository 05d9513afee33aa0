"""The sweeper: lost wake-ups, expired leases, expired and unnamed files."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import asyncpg
import msgspec

from api.http.state import AppState
from api.idempotency import RequestIdentity
from api.schemas.presets import PresetCreate
from api.settings import Settings
from api.sql.connection import transaction
from tests.support.generations import balance, claim, create, drawn, person, submission
from tests.support.video_requests import png
from tests.support.workers import (
    SHORT,
    create_sweeper,
    running_worker,
    wait_until_ended,
)


async def test_work_with_a_lost_wakeup_is_claimed_after_a_sweep(
    isolated_state: AppState, worker_settings: Settings
) -> None:
    account = await person(isolated_state)
    async with running_worker(worker_settings):
        first = await create(isolated_state, account, **SHORT)
        assert await wait_until_ended(isolated_state, first, account) == "completed"
        second = await create(isolated_state, account, **SHORT)
        await isolated_state.redis.flushdb()
        assert await wait_until_ended(isolated_state, second, account) == "completed"


async def test_an_expired_lease_is_requeued_until_too_many_losses(
    isolated_state: AppState, worker_settings: Settings
) -> None:
    account = await person(isolated_state)
    video_id = await create(isolated_state, account, **SHORT)
    for losses in range(worker_settings.max_losses):
        claimed_job = await isolated_state.lifecycle.claim("worker_lost")
        assert claimed_job
        assert claimed_job.attempt == losses + 1
        async with transaction(isolated_state.pool) as db:
            await db.execute("UPDATE generations SET lease_until = now() - interval '1 second'")
        await create_sweeper(isolated_state, msgspec.structs.replace(worker_settings, lease=0.0)).sweep_due()
    assert await wait_until_ended(isolated_state, video_id, account) == "failed:worker_lost"
    assert await balance(isolated_state, account) == (300, 0)


async def test_files_of_expired_videos_are_removed(isolated_state: AppState, worker_settings: Settings) -> None:
    account = await person(isolated_state)
    async with running_worker(worker_settings):
        video_id = await create(isolated_state, account, **SHORT)
        assert await wait_until_ended(isolated_state, video_id, account) == "completed"
    async with transaction(isolated_state.pool) as db:
        await db.execute("UPDATE generations SET expires_at = now() - interval '1 second'")
    await create_sweeper(isolated_state, worker_settings).sweep_due()
    assert not list((isolated_state.settings.data / "media" / "videos").iterdir())
    assert (await isolated_state.library.get(video_id, account.id)).variants == []


async def test_files_without_a_row_are_removed(isolated_state: AppState, worker_settings: Settings) -> None:
    account = await person(isolated_state)
    running = await create(isolated_state, account, **SHORT)
    assert (await claim(isolated_state)).attempt == 1
    data = isolated_state.settings.data
    asked = PresetCreate(name="Ours", prompt="flat colours")
    kept = (await isolated_state.presets.create_preset(asked, png(), RequestIdentity(account.id, None, b""))).id
    going = [data / "work" / f"{running}.0", data / "media" / "inputs" / "video_unknown"]
    going += [data / "media" / "videos" / running / "0", data / "media" / "videos" / "video_unknown" / "1"]
    going += [data / "media" / "presets" / "preset_unknown", data / "work" / "upload_left"]
    staying = [
        data / "media" / "presets" / kept,
        data / "media" / "inputs" / running,
        data / "media" / "videos" / running / "1",
    ]
    young = data / "work" / f"{running}.1"
    for folder in (*going, *staying, young):
        folder.mkdir(parents=True, exist_ok=True)
    for folder in (*going, *staying):
        os.utime(folder, (0, 0))
    await create_sweeper(isolated_state, worker_settings).clean_storage()
    assert not [folder for folder in going if folder.exists()]
    assert all(folder.exists() for folder in (*staying, young))


async def test_segments_and_resume_states_are_removed_with_their_video(
    isolated_state: AppState, worker_settings: Settings
) -> None:
    account = await person(isolated_state)
    queued = await create(isolated_state, account, **SHORT)
    media = isolated_state.settings.data / "media"
    folders = [media / kind / name for name in (queued, "video_unknown") for kind in ("streams", "latents")]
    for folder in folders:
        folder.mkdir(parents=True)
        os.utime(folder, (0, 0))
    await create_sweeper(isolated_state, worker_settings).clean_storage()
    assert [folder.exists() for folder in folders] == [True, True, False, False]
    await isolated_state.library.delete(queued, account.id)
    await create_sweeper(isolated_state, worker_settings).sweep_due()
    assert not [folder for folder in folders if folder.exists()]


async def test_stored_videos_cost_one_query_however_many_there_are(
    app_state: AppState, connection: asyncpg.Connection[Any]
) -> None:
    counts = []
    for videos in (1, 20):
        for number in range(videos):
            folder = app_state.settings.data / "media" / "videos" / f"video_{videos}_{number}" / "1"
            folder.mkdir(parents=True)
            os.utime(folder, (0, 0))
        statements: list[Any] = []
        with connection.query_logger(statements.append):
            await create_sweeper(app_state, app_state.settings).clean_storage()
            await asyncio.sleep(0)  # asyncpg calls its loggers in the loop's next turn
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert not list((app_state.settings.data / "media" / "videos").glob("*/*"))


async def test_variations_keep_their_image_when_one_is_deleted(
    isolated_state: AppState, worker_settings: Settings
) -> None:
    account = await person(isolated_state)
    asked = submission(isolated_state, account, picture=png(), n=2, **SHORT)
    await isolated_state.submissions.submit(asked, drawn(isolated_state))
    first, second = await isolated_state.library.list_page(account.id, None, 2, descending=False)
    await isolated_state.library.delete(first.id, account.id)
    await create_sweeper(isolated_state, worker_settings).sweep_due()
    async with running_worker(worker_settings):
        assert await wait_until_ended(isolated_state, second.id, account) == "completed"


async def test_a_lot_may_expire_twice(isolated_state: AppState, worker_settings: Settings) -> None:
    account = await person(isolated_state)
    async with transaction(isolated_state.pool) as db:
        await db.execute("UPDATE lots SET expires_at = now() - interval '1 second', key = key || ':past'")
    await create_sweeper(isolated_state, worker_settings).sweep_due()
    async with transaction(isolated_state.pool) as db:
        lot = await db.fetchval("SELECT id FROM lots WHERE user_id = $1", account.id)
        await db.execute("UPDATE lots SET remaining = 5 WHERE id = $1", lot)
    await create_sweeper(isolated_state, worker_settings).sweep_due()
    assert (await balance(isolated_state, account))[0] == 300
