"""Taking in what Stripe tells: an event is kept once, under its id, and a worker is woken. Nothing else happens."""

from __future__ import annotations

from api.billing.stripe.event_types import EVENTS, REPORT, REPORTS
from api.billing.stripe.objects import ReceivedEvent, from_unix_time
from api.messaging.wakeups import Bell
from api.sql import stripe_events
from api.sql.connection import Database, Pool, transaction

BELL = "billing"
"""The bell of those who apply events."""


async def receive_event(pool: Pool, bell: Bell, event: ReceivedEvent) -> None:
    """Keep an event that Stripe has signed, and have it applied soon."""
    async with transaction(pool) as db:
        fresh = await store_event(db, event)
    if fresh:
        bell.ring(BELL)


async def store_event(db: Database, event: ReceivedEvent) -> bool:
    """Put an event into the inbox; False if it is there already. One of a type that asks for nothing is done with."""
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
