"""Workers in the process of the tests: started, observed and stopped."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from api.http.state import AppState
from api.messaging.events import Announcer, CommandOutbox
from api.messaging.wakeups import Wakeups
from api.settings import Settings
from api.sql.ledger.ledger_users import LedgerUser
from api.sql.segments import SegmentRow, list_segments
from api.videos.lifecycle import VideoLifecycle
from api.worker import main
from api.worker.sweeper import Sweeper

SHORT: dict[str, Any] = {"seconds": 1, "size": "64x64", "quality": "turbo"}
LONG: dict[str, Any] = {"seconds": 10, "size": "640x384", "quality": "full"}
PATIENCE = 60


@asynccontextmanager
async def running_worker(settings: Settings) -> AsyncIterator[None]:
    """Run a worker in this process and stop it at the end."""
    stop = asyncio.Event()
    task = asyncio.create_task(main.run_worker(settings, stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def wait_until_ended(app_state: AppState, video_id: str, account: LedgerUser) -> str:
    row = await app_state.event_streams.wait_until_terminal(video_id, account.id, PATIENCE)
    return f"{row.state}:{row.failure}" if row.failure else row.state


async def wait_until_running(app_state: AppState, video_id: str, account: LedgerUser, progress: float = 1) -> None:
    """Wait until the engine has made some progress."""
    async with asyncio.timeout(PATIENCE), app_state.hub.watch(account.id, video_id) as watcher:
        while (await app_state.library.get(video_id, account.id)).progress < progress:
            await watcher.take_snapshots(1.0)


async def wait_until_published(app_state: AppState, video_id: str, account: LedgerUser) -> None:
    """Wait until the first segment is published."""
    async with asyncio.timeout(PATIENCE), app_state.hub.watch(account.id, video_id) as watcher:
        while not (await app_state.library.get(video_id, account.id)).published_seconds:
            await watcher.take_snapshots(1.0)


async def list_published_segments(app_state: AppState, video_id: str) -> list[SegmentRow]:
    async with app_state.pool.acquire() as db:
        return await list_segments(db, video_id)


def create_sweeper(app_state: AppState, settings: Settings) -> Sweeper:
    """A sweeper to call by hand."""
    outbox = CommandOutbox(app_state.redis)
    wakeups = Wakeups(app_state.redis, outbox)
    lifecycle = VideoLifecycle(settings, app_state.pool, app_state.credits, wakeups, Announcer(outbox))
    return Sweeper(
        settings=settings, pool=app_state.pool, storage=app_state.storage, lifecycle=lifecycle, wakeups=wakeups
    )


def find_engine_process() -> int:
    """The engine's process id: the forkserver is our child, and the engine is the forkserver's."""
    forkserver = next(pid for pid in list_children(os.getpid()) if b"forkserver" in command_line(pid))
    return list_children(forkserver)[0]


async def wait_for_forkserver(pid: int) -> int:
    """Wait until this process starts its forkserver; its process id."""
    async with asyncio.timeout(PATIENCE):
        while not (found := [child for child in list_children(pid) if b"forkserver" in command_line(child)]):  # noqa: ASYNC110 (/proc tells nobody)
            await asyncio.sleep(0.01)
    return found[0]


def list_children(pid: int) -> list[int]:
    """Child processes of all threads of a process."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for thread in threads for child in thread.read_text().split()]


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
