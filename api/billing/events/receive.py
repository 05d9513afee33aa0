"""Receiving Stripe's events: an event is stored once, under its id, and a worker is woken."""

from __future__ import annotations

from api.billing.stripe.event_objects import ReceivedEvent
from api.billing.stripe.event_types import EVENTS, REPORT, REPORTS
from api.billing.stripe.objects import from_unix_time
from api.messaging.wakeups import Wakeups
from api.sql import stripe_events
from api.sql.connection import Database, Pool, transaction

BILLING_POOL = "billing"
"""Name of the wake-ups that billing workers listen for."""


async def receive_event(pool: Pool, wakeups: Wakeups, event: ReceivedEvent) -> None:
    """Store a verified event and wake a worker if it is new."""
    async with transaction(pool) as db:
        is_new = await store_event(db, event)
    if is_new:
        wakeups.send(BILLING_POOL)


async def store_event(db: Database, event: ReceivedEvent) -> bool:
    """Add an event to the inbox; False if it is there already. One of a type that we ignore counts as applied."""
    report = event.type in REPORTS
    return await stripe_events.insert_event(
        db,
        id=event.id,
        type=event.type,
        object_type=REPORT if report else event.object_type,
        object_id=event.id if report else event.object_id,
        occurred_at=from_unix_time(event.occurred_at),
        done=not report and event.type not in EVENTS,
    )
