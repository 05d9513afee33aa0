"""A worker's side of money: events are applied as they come, usage is told, and once a day it is all gone through."""

from __future__ import annotations

import asyncio

import asyncpg
import structlog

from api.billing.events import reconcile
from api.billing.events.handlers import EventHandlers
from api.billing.events.inbox import Inbox
from api.billing.events.metering import UsageReporter
from api.billing.stripe.client import Stripe
from api.billing.tariff.tariff import Tariff
from api.sql.connection import AWAY, Pool

log = structlog.get_logger()

HANDS = 4  # events applied at once; each has a connection of its own
CONNECTIONS = HANDS + 2
TIMEOUT = 30.0  # seconds of one statement, longer than anybody waits for an object in other hands
CHORES_EVERY = 600.0  # seconds between two looks whether the day's reconciling is due


class BillingWorker:
    """Works off what Stripe has told and what it is to be told. Its parts may run in every worker at once."""

    def __init__(self, pool: Pool, stripe: Stripe, tariff: Tariff) -> None:
        self._pool = pool
        self._stripe = stripe
        self._inbox = Inbox(pool, EventHandlers(pool, stripe, tariff).apply_event, hands=HANDS)
        self._metering = UsageReporter(pool, stripe)
        self._woken = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()  # hearing the bell is all that the listener has to wait for

    async def wake_up(self) -> None:
        """There may be an event to apply."""
        self._woken.set()

    async def run(self, every: float) -> None:
        """Apply events when the bell rings, and look every so many seconds all the same; until cancelled."""
        while True:
            self._woken.clear()
            try:
                await self._inbox.drain()
            except* (*AWAY, asyncpg.PostgresError) as errors:
                log.warning("inbox_stopped", error_types=[type(one).__name__ for one in errors.exceptions])
            try:
                async with asyncio.timeout(every):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def report_usage(self) -> None:
        """Tell Stripe of usage."""
        await self._metering.drain()

    async def reconcile_daily(self) -> None:
        """Do the day's reconciling if nobody has."""
        if await reconcile.reconcile_daily(self._pool, self._stripe):
            self._woken.set()
