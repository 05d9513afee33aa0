"""A lock on one of Stripe's objects, so that what is read of it and what is written belong together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.sql import advisory_locks
from api.sql.connection import Database, Pool

LOCK_WAIT = 5.0
"""Seconds to wait for an object that another process has locked."""


class ObjectBusyError(Exception):
    """Another process has the object locked."""


@asynccontextmanager
async def lock_object(pool: Pool, kind: str, id: str, wait: float = LOCK_WAIT) -> AsyncIterator[Database]:
    """A connection that holds the lock until the block ends, outside of a transaction: Stripe may take its time, and a
    transaction that waits is ended by the database. Raises ObjectBusyError after `wait` seconds.
    """
    async with pool.acquire() as db:
        if not await advisory_locks.acquire_lock(db, f"stripe:{kind}:{id}", wait):
            raise ObjectBusyError
        try:
            yield db
        finally:
            await advisory_locks.release_locks(db)
