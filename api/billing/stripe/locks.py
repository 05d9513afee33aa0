"""A lock on one of Stripe's objects, so that what is read of it and what is written belong together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.sql import advisory_locks
from api.sql.connection import Database, Pool, transaction

LOCK_WAIT = 5.0
"""Seconds to wait for an object that another process has locked."""


class ObjectBusyError(Exception):
    """Another process has the object locked."""


@asynccontextmanager
async def lock_object(pool: Pool, kind: str, id: str, wait: float = LOCK_WAIT) -> AsyncIterator[Database]:
    """A transaction that holds the lock. Read from Stripe in it first and write last, so that rows stay locked only
    briefly. Raises ObjectBusyError after `wait` seconds.
    """
    async with transaction(pool) as db:
        if not await advisory_locks.lock_name(db, f"stripe:{kind}:{id}", wait):
            raise ObjectBusyError
        yield db
