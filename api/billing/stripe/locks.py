"""One of Stripe's objects in one pair of hands: what is read of it and what is written then belong together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.sql import stripe_events
from api.sql.connection import Database, Pool

PATIENCE = 5.0  # seconds to wait for an object that somebody else has in hand


class ObjectBusyError(Exception):
    """Somebody else has the object in hand."""


@asynccontextmanager
async def lock_object(pool: Pool, kind: str, name: str) -> AsyncIterator[Database]:
    """A connection that has the object until the block ends, outside of a transaction: Stripe may take its time, and a
    transaction that waits is ended by the database. Raises BusyError.
    """
    async with pool.acquire() as db:
        if not await stripe_events.acquire_lock(db, f"stripe:{kind}:{name}", PATIENCE):
            raise ObjectBusyError
        try:
            yield db
        finally:
            await stripe_events.release_locks(db)
