"""Repairs the state that crashes leave behind. Every worker runs it; its steps may run concurrently.

Expired leases go back to the queue, wake-ups that were lost are sent again, credits expire, and files past their time
or without a row are removed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import time

from api.billing.ledger import lots
from api.messaging.wakeups import Wakeups
from api.settings import Settings
from api.sql import maintenance, presets, uploads
from api.sql.connection import Database, Pool, transaction
from api.storage import keys
from api.storage.local import Storage
from api.videos.lifecycle import VideoLifecycle

WAKEUP_AFTER = 2.0  # seconds a row may be claimable before another wake-up is sent for it
ORPHAN_AGE = 3600.0  # seconds after which files that no row names are removed
STREAM_AGE = 25 * 3600.0  # seconds after which a stream can no longer be opened
WORK = "work"  # the folder, beside storage, of running attempts and of uploads being read


class Sweeper:
    """The sweeps of one worker."""

    def __init__(
        self, *, settings: Settings, pool: Pool, storage: Storage, lifecycle: VideoLifecycle, wakeups: Wakeups
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._storage = storage
        self._lifecycle = lifecycle
        self._wakeups = wakeups

    async def sweep_due(self) -> None:
        """Repairs that users wait for, run every few seconds. Each step is a transaction of its own."""
        await self._lifecycle.requeue_lost()
        await self._resend_wakeups()
        await self._purge_videos()
        async with transaction(self._pool) as db:
            await lots.expire_lots(db)

    async def clean_storage(self) -> None:
        """What nobody waits for, every few minutes: old rows, and files that no row names."""
        async with transaction(self._pool) as db:
            await maintenance.delete_outdated_rows(db)
        await self._remove_unnamed(keys.INPUTS, maintenance.filter_unpurged)
        await self._remove_unnamed(keys.PRESETS, presets.filter_existing)
        await self._remove_expired_uploads()
        await self._remove_unnamed(keys.UPLOADS, uploads.filter_existing)
        await self._remove_lost_attempts()
        # A video still in the making needs both: the next attempt continues from its segments and its resume state.
        await self._remove_unnamed(keys.STREAMS, maintenance.filter_unfinished, age=STREAM_AGE)
        await self._remove_unnamed(keys.RESUME_STATES, maintenance.filter_unfinished)
        await self._remove_work_folders()

    async def _resend_wakeups(self) -> None:
        pool = self._settings.pool
        async with self._pool.acquire() as db:
            waiting = await maintenance.has_waiting_job(db, pool, WAKEUP_AFTER)
        if waiting and not await self._wakeups.has_pending(pool):
            self._wakeups.send(pool)

    async def _purge_videos(self) -> None:
        async with self._pool.acquire() as db:
            due = await maintenance.list_purgeable(db, ORPHAN_AGE)
        for video_id in due:
            for folder in (keys.VIDEOS, keys.INPUTS, keys.STREAMS, keys.RESUME_STATES):
                await asyncio.to_thread(self._storage.remove_folder, f"{folder}/{video_id}")
            async with transaction(self._pool) as db:
                await maintenance.mark_purged(db, video_id)

    async def _remove_unnamed(
        self,
        folder: str,
        find_needed: Callable[[Database, list[str]], Awaitable[set[str]]],
        *,
        age: float = ORPHAN_AGE,
    ) -> None:
        """Remove `folder/<id>` for each id that has not changed for `age` seconds and that no row needs.

        Its row never came, or its owner is gone, or it has been purged.
        """
        old = await _list_unchanged(self._storage, folder, age)
        async with self._pool.acquire() as db:
            needed = await find_needed(db, old)
        for unnamed in set(old) - needed:
            await asyncio.to_thread(self._storage.remove_folder, f"{folder}/{unnamed}")

    async def _remove_expired_uploads(self) -> None:
        """Remove the files of expired uploads, then their rows, so that a crash in between is repaired next time."""
        async with self._pool.acquire() as db:
            expired = await uploads.list_expired(db)
        for upload_id in expired:
            await asyncio.to_thread(self._storage.remove_folder, keys.upload_folder(upload_id))
        async with transaction(self._pool) as db:
            await uploads.delete_rows(db, expired)

    async def _remove_lost_attempts(self) -> None:
        """Remove renditions of attempts other than the one that counts, with one query for all videos."""
        old = [
            (video_id, attempt)
            for video_id in await _list_unchanged(self._storage, keys.VIDEOS, 0)
            for attempt in await _list_unchanged(self._storage, f"{keys.VIDEOS}/{video_id}", ORPHAN_AGE)
        ]
        async with self._pool.acquire() as db:
            counting = await maintenance.find_kept_attempts(db, [video_id for video_id, _ in old])
        for video_id, attempt in old:
            if attempt != str(counting.get(video_id)):
                await asyncio.to_thread(self._storage.remove_folder, f"{keys.VIDEOS}/{video_id}/{attempt}")

    async def _remove_work_folders(self) -> None:
        """Remove working folders older than any attempt may become: those of killed processes."""
        data = Storage(self._settings.data)
        for name in await _list_unchanged(data, WORK, ORPHAN_AGE + self._settings.job_timeout):
            await asyncio.to_thread(data.remove_folder, f"{WORK}/{name}")


async def _list_unchanged(storage: Storage, folder: str, age: float) -> list[str]:
    """Names in a folder that have not changed for `age` seconds."""
    entries = await asyncio.to_thread(storage.list_folders, folder)
    return [name for name, changed in entries if changed < time() - age]
