"""A Stripe client that reads early and returns late, for tests of what happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from api.billing.stripe.client import Call, Stripe, T
from api.settings import Settings
from api.sql.connection import Pool


class SlowStripe(Stripe):
    """A Stripe whose answers of one kind are looked at late."""

    def __init__(self, settings: Settings, shape: type) -> None:
        super().__init__(settings, pause=0.02)
        self.read, self.go_on = asyncio.Event(), asyncio.Event()
        self._late = shape

    async def request(self, call: Call, shape: type[T]) -> T:
        answer = await super().request(call, shape)
        await self._wait_before_return(shape)
        return answer

    async def list_all(self, call: Call, shape: type[T]) -> AsyncIterator[T]:
        elements = [element async for element in super().list_all(call, shape)]
        await self._wait_before_return(shape)
        for element in elements:
            yield element

    async def _wait_before_return(self, shape: type) -> None:
        if shape is self._late:
            self.read.set()
            await self.go_on.wait()


async def run_overtaking(
    pool: Pool, slow: SlowStripe, first: Awaitable[Any], change: Callable[[], Awaitable[Any]], second: Awaitable[Any]
) -> None:
    """One worker reads and is slow to write; the object changes, and another worker hears of it."""
    one = asyncio.ensure_future(first)
    await slow.read.wait()
    await change()
    two = asyncio.ensure_future(second)
    while not two.done() and not await has_waiting_lock(pool):  # noqa: ASYNC110 - PostgreSQL tells nobody who waits
        await asyncio.sleep(0.01)
    slow.go_on.set()
    await asyncio.gather(one, two)
    await slow.close()


async def has_waiting_lock(pool: Pool) -> bool:
    async with pool.acquire() as db:
        return bool(await db.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))
