"""Mending what crashes leave behind. Every worker calls it; its parts may run side by side.

Leases that ran out go back to the queue, work nobody was told of is rung for, credits expire, and files past
their time go.
"""

from __future__ import annotations

import asyncio
from time import time

from api.billing.ledger import lots
from api.messaging.wakeups import Bell
from api.settings import Settings
from api.sql import maintenance, presets, uploads
from api.sql.connection import Pool, transaction
from api.storage.local import Storage
from api.uploads.store import FOLDER as UPLOADS
from api.videos import hls
from api.videos.inputs import FOLDER as INPUTS
from api.videos.lifecycle import VideoLifecycle
from api.videos.presets import FOLDER as PRESETS

UNHEARD_AFTER = 2.0  # seconds a row may wait before it is rung for again
ORPHAN_AGE = 3600.0  # seconds after which files go that nothing names
STREAM_AGE = 25 * 3600.0  # seconds after which nobody may watch a stream any more
VIDEOS, WORK = "videos", "work"


class Sweeper:
    """One worker's sweeping side."""

    def __init__(
        self, *, settings: Settings, pool: Pool, storage: Storage, lifecycle: VideoLifecycle, bell: Bell
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._storage = storage
        self._lifecycle = lifecycle
        self._bell = bell

    async def sweep(self) -> None:
        """What people wait for, every few seconds. Each part is a transaction of its own."""
        await self._lifecycle.requeue_lost()
        await self._ring()
        await self._purge()
        async with transaction(self._pool) as db:
            await lots.expire_lots(db)

    async def clean(self) -> None:
        """What nobody waits for, every few minutes: rows that are forgotten, files that nothing names."""
        async with transaction(self._pool) as db:
            await maintenance.forget(db)
        await self._remove_inputs()
        await self._remove_pictures()
        await self._remove_uploads()
        await self._remove_attempts()
        await self._remove_streams()
        await self._remove_unfinished()

    async def _ring(self) -> None:
        pool = self._settings.pool
        async with self._pool.acquire() as db:
            waiting = await maintenance.waiting(db, pool, UNHEARD_AFTER)
        if waiting and not await self._bell.unheard(pool):
            self._bell.ring(pool)

    async def _purge(self) -> None:
        async with self._pool.acquire() as db:
            due = await maintenance.purgeable(db, ORPHAN_AGE)
        for video_id in due:
            for folder in (VIDEOS, INPUTS, hls.FOLDER, hls.STATES):
                await asyncio.to_thread(self._storage.remove, f"{folder}/{video_id}")
            async with transaction(self._pool) as db:
                await maintenance.purged(db, video_id)

    async def _remove_inputs(self) -> None:
        """Pictures of a create that failed after they were stored, or of a video that is purged."""
        old = await _old(self._storage, INPUTS, ORPHAN_AGE)
        async with self._pool.acquire() as db:
            kept = await maintenance.unpurged(db, old)
        for video_id in set(old) - kept:
            await asyncio.to_thread(self._storage.remove, f"{INPUTS}/{video_id}")

    async def _remove_pictures(self) -> None:
        """Pictures of presets that were never kept, or whose owner is gone."""
        old = await _old(self._storage, PRESETS, ORPHAN_AGE)
        async with self._pool.acquire() as db:
            kept = await presets.present(db, old)
        for preset_id in set(old) - kept:
            await asyncio.to_thread(self._storage.remove, f"{PRESETS}/{preset_id}")

    async def _remove_uploads(self) -> None:
        """Uploads whose day is over, each row behind its files; then files that no row names: their owner is gone."""
        async with self._pool.acquire() as db:
            expired = await uploads.expired(db)
        for upload_id in expired:
            await asyncio.to_thread(self._storage.remove, f"{UPLOADS}/{upload_id}")
            async with transaction(self._pool) as db:
                await uploads.forget(db, upload_id)
        old = await _old(self._storage, UPLOADS, ORPHAN_AGE)
        async with self._pool.acquire() as db:
            kept = await uploads.present(db, old)
        for upload_id in set(old) - kept:
            await asyncio.to_thread(self._storage.remove, f"{UPLOADS}/{upload_id}")

    async def _remove_attempts(self) -> None:
        """Renditions of attempts that were lost on the way, by now of no use to anybody."""
        for video_id in await _old(self._storage, VIDEOS, 0):
            attempts = await _old(self._storage, f"{VIDEOS}/{video_id}", ORPHAN_AGE)
            async with self._pool.acquire() as db:
                present = await maintenance.present_attempt(db, video_id)
            for attempt in attempts:
                if attempt != str(present):
                    await asyncio.to_thread(self._storage.remove, f"{VIDEOS}/{video_id}/{attempt}")

    async def _remove_streams(self) -> None:
        """What could be watched while a clip was made, once its signatures have ended; and what was kept to go on with
        it. Both stay while the clip is still to be made: whoever goes on needs the pieces too.
        """
        for folder, age in ((hls.FOLDER, STREAM_AGE), (hls.STATES, ORPHAN_AGE)):
            old = await _old(self._storage, folder, age)
            async with self._pool.acquire() as db:
                kept = await maintenance.unfinished(db, old)
            for video_id in set(old) - kept:
                await asyncio.to_thread(self._storage.remove, f"{folder}/{video_id}")

    async def _remove_unfinished(self) -> None:
        """An attempt's working folder that is older than an attempt may become is a killed worker's."""
        data = Storage(self._settings.data)
        for name in await _old(data, WORK, ORPHAN_AGE + self._settings.job_timeout):
            await asyncio.to_thread(data.remove, f"{WORK}/{name}")


async def _old(storage: Storage, folder: str, age: float) -> list[str]:
    """Names in a folder that have not changed for so many seconds."""
    entries = await asyncio.to_thread(storage.folders, folder)
    return [name for name, changed in entries if changed < time() - age]
