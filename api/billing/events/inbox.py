"""The inbox: each due event is claimed and applied, tried again later, or parked. Knows no type of event.

Events are independent of each other, so several are applied at once, and one that cannot be applied stops no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from api.billing.events.backoff import retry_delay
from api.billing.stripe.locks import ObjectBusyError
from api.errors import Problem
from api.sql import stripe_events
from api.sql.connection import Pool, database_time, transaction
from api.sql.stripe_events import InboxEvent

log = structlog.get_logger()

LEASE = 300.0
"""Seconds for one event, longer than all requests to Stripe that it needs may take."""
PARK_AFTER_DAYS = 1.0
PARK_AFTER_TRIES = 8
"""An event that has failed for so many days and so often waits for a person."""
BUSY_DELAY = 0.5
"""Seconds until an event whose object was locked is due again."""
LONGEST_ERROR = 500

ApplyEvent = Callable[[InboxEvent], Awaitable[None]]


class Inbox:
    """Applies the events that are due."""

    def __init__(self, pool: Pool, apply_event: ApplyEvent, *, concurrency: int = 4) -> None:
        self._pool = pool
        self._apply_event = apply_event
        self._concurrency = concurrency

    async def drain(self) -> None:
        """Apply events until none is due. Raises only what the database raises when it is away."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._concurrency):
                tasks.create_task(self._drain_alone())

    async def _drain_alone(self) -> None:
        while await self._apply_next():
            pass

    async def _apply_next(self) -> bool:
        """Apply one event; False if none is due."""
        async with transaction(self._pool) as db:
            event = await stripe_events.claim_event(db, LEASE)
            claimed_at = await database_time(db)
        if event:
            await self._apply_claimed(event, claimed_at)
        return event is not None

    async def _apply_claimed(self, event: InboxEvent, claimed_at: datetime) -> None:
        try:
            await self._apply_event(event)
        except ObjectBusyError:
            async with transaction(self._pool) as db:
                await stripe_events.postpone_event(db, event, BUSY_DELAY)
        except Problem as problem:
            await self._record_failure(event, problem)
        except Exception as error:  # whatever is wrong with this event, the others must go on
            log.exception("crash", stripe_event_id=event.id, exc_info=error)
            await self._record_failure(event, error)
        else:
            async with transaction(self._pool) as db:
                await stripe_events.mark_applied(db, event, claimed_at)

    async def _record_failure(self, event: InboxEvent, error: Exception) -> None:
        fields = {"stripe_event_id": event.id, "event_type": event.type, "tries": event.tries}
        fields["error"] = type(error).__name__
        log.warning("stripe_event_failed", **fields)
        reason = f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
        async with transaction(self._pool) as db:
            is_parked = await stripe_events.retry_later(
                db, event, retry_delay(event.tries), reason, tries=PARK_AFTER_TRIES, days=PARK_AFTER_DAYS
            )
        if is_parked:
            log.error("stripe_event_parked", **fields)
