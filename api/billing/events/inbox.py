"""Working off the inbox: each event that is due is applied, tried again later, or parked. Knows no kind of event.

Events are independent of each other, so several are in hand at once, and one that cannot be applied stops no other.
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
from api.sql.connection import Pool, transaction
from api.sql.ledger_entries import database_time
from api.sql.stripe_events import InboxEvent

log = structlog.get_logger()

LEASE = 300.0  # seconds for one event, longer than all that is asked of Stripe for it may take
PARK_AFTER = 1.0  # days, and
PARK_TRIES = 8  # tries, after which an event waits for a person
BUSY = 0.5  # seconds until an event is due again whose object was in somebody else's hands
LONGEST_ERROR = 500

Apply = Callable[[InboxEvent], Awaitable[None]]


class Inbox:
    """One worker's side of the inbox."""

    def __init__(self, pool: Pool, apply: Apply, *, hands: int = 4) -> None:
        self._pool = pool
        self._apply = apply
        self._hands = hands

    async def drain(self) -> None:
        """Apply what is due until nothing is. Raises only what the database raises when it is away."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._hands):
                tasks.create_task(self._drain_alone())

    async def _drain_alone(self) -> None:
        while await self._apply_next():
            pass

    async def _apply_next(self) -> bool:
        async with transaction(self._pool) as db:
            event = await stripe_events.claim_event(db, LEASE)
            begun = await database_time(db)
        if event:
            await self._apply_claimed(event, begun)
        return event is not None

    async def _apply_claimed(self, event: InboxEvent, begun: datetime) -> None:
        try:
            await self._apply(event)
        except ObjectBusyError:
            async with transaction(self._pool) as db:
                await stripe_events.postpone_event(db, event, BUSY)
        except Problem as problem:
            await self._record_failure(event, problem)
        except Exception as error:  # whatever is wrong with this event, the others must go on
            log.exception("crash", stripe_event_id=event.id, exc_info=error)
            await self._record_failure(event, error)
        else:
            async with transaction(self._pool) as db:
                await stripe_events.mark_applied(db, event, begun)

    async def _record_failure(self, event: InboxEvent, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
        fields = {
            "stripe_event_id": event.id,
            "event_type": event.type,
            "tries": event.tries,
            "error": type(error).__name__,
        }
        log.warning("stripe_event_failed", **fields)
        async with transaction(self._pool) as db:
            parked = await stripe_events.retry_later(
                db, event, retry_delay(event.tries), reason, tries=PARK_TRIES, days=PARK_AFTER
            )
        if parked:
            log.error("stripe_event_parked", **fields)
