"""Mending what crashes leave behind. Every worker calls it; one sweeps at a time.

Leases that ran out go back to the queue, work nobody was told of is rung for, and files past their time go.
"""

from __future__ import annotations

import asyncio
from time import time

import structlog

from api.billing import credits
from api.db import Pool, transaction
from api.events import Announcer
from api.queue import Bell
from api.settings import Settings
from api.sql import generations, upkeep
from api.sql.upkeep import Lost
from api.storage import Storage
from api.videos import Videos

log = structlog.get_logger()

UNHEARD_AFTER = 2.0  # seconds a row may wait before it is rung for again
ORPHAN_AGE = 3600.0  # seconds after which files of no known generation go
FOLDERS = ("videos", "inputs")
WORK = "work"


class Sweeper:
    """One worker's sweeping side."""

    def __init__(
        self,
        *,
        settings: Settings,
        pool: Pool,
        storage: Storage,
        videos: Videos,
        bell: Bell,
        announcer: Announcer,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._storage = storage
        self._videos = videos
        self._bell = bell
        self._announcer = announcer

    async def sweep(self) -> None:
        """Everything once. Each part is a transaction of its own, so a failing one undoes only itself."""
        for lost in await self._lost():
            await self._recover(lost)
        await self._ring()
        await self._purge()
        async with transaction(self._pool) as db:
            if await upkeep.lock(db):
                await credits.expire(db)
                await upkeep.forget(db)

    async def _lost(self) -> list[Lost]:
        async with self._pool.acquire() as db:
            return await upkeep.lost(db)

    async def _recover(self, lost: Lost) -> None:
        """Queue it again: a lost worker is no fault of the job, until it has been lost far too often."""
        if lost.losses + 1 >= self._settings.max_losses:
            await self._videos.end(lost.id, lost.user_id, lost.attempt, "worker_lost")
            return
        async with self._pool.acquire() as db:
            moved = await generations.requeue(db, lost.id, lost.attempt, tries=0, losses=1, wait=0.0)
        if moved:
            log.warning("lease_lost", video_id=lost.id, attempt=lost.attempt)
            await self._announcer.changed(lost.user_id, lost.id)
            await self._bell.ring(lost.pool)

    async def _ring(self) -> None:
        async with self._pool.acquire() as db:
            pools = await upkeep.waiting_pools(db, UNHEARD_AFTER)
        for pool in pools:
            if not await self._bell.unheard(pool):
                await self._bell.ring(pool)

    async def _purge(self) -> None:
        async with self._pool.acquire() as db:
            due = await upkeep.purgeable(db)
        for one in due:
            for folder in FOLDERS:
                await asyncio.to_thread(self._storage.remove, f"{folder}/{one.id}")
            async with transaction(self._pool) as db:
                await upkeep.purged(db, one.id)

    async def remove_orphans(self) -> int:
        """Remove old files that nothing names: of a create that failed after its picture was stored, and what
        workers of this machine were making when they were killed.
        """
        removed = await self._remove_unfinished()
        for folder in FOLDERS:
            old = [name for name, changed in self._storage.folders(folder) if changed < time() - ORPHAN_AGE]
            async with self._pool.acquire() as db:
                known = await upkeep.known(db, old)
            for name in set(old) - known:
                await asyncio.to_thread(self._storage.remove, f"{folder}/{name}")
                removed += 1
        return removed

    async def _remove_unfinished(self) -> int:
        """An attempt's folder that is older than an attempt may become is a killed worker's."""
        data, age = Storage(self._settings.data), ORPHAN_AGE + self._settings.job_timeout
        old = [name for name, changed in data.folders(WORK) if changed < time() - age]
        for name in old:
            await asyncio.to_thread(data.remove, f"{WORK}/{name}")
        return len(old)
