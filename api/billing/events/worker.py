"""The billing loop of a worker: applies Stripe's events, reports usage, and reconciles daily."""

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

CONCURRENT_EVENTS = 4
"""Events applied at once; each has a database connection of its own."""
CONNECTIONS = CONCURRENT_EVENTS + 2
TIMEOUT = 30.0
"""Seconds for one statement, longer than any wait for a locked object."""
CHORES_EVERY = 600.0
"""Seconds between two checks whether the daily reconciliation is due."""


class BillingWorker:
    """Applies events and reports usage. Every worker process may run one at the same time."""

    def __init__(self, pool: Pool, stripe: Stripe, tariff: Tariff) -> None:
        self._pool = pool
        self._stripe = stripe
        self._inbox = Inbox(pool, EventHandlers(pool, stripe, tariff).apply_event, concurrency=CONCURRENT_EVENTS)
        self._reporter = UsageReporter(pool, stripe)
        self._woken = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()  # the listener never has to wait: events are applied by `run`

    async def wake_up(self) -> None:
        """Look for events now."""
        self._woken.set()

    async def run(self, every: float) -> None:
        """Apply events on each wake-up, and every so many seconds in any case; until cancelled."""
        while True:
            self._woken.clear()
            try:
                await self._inbox.drain()
            except* (*AWAY, asyncpg.PostgresError) as errors:
                log.warning("inbox_stopped", error_types=[type(error).__name__ for error in errors.exceptions])
            try:
                async with asyncio.timeout(every):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def report_usage(self) -> None:
        """Report overage to Stripe."""
        await self._reporter.drain()

    async def reconcile_daily(self) -> None:
        """Reconcile with Stripe if no worker has for a day."""
        if await reconcile.reconcile_daily(self._pool, self._stripe):
            self._woken.set()
