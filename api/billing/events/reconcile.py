"""Reconciliation with Stripe: events that were never delivered, and subscriptions whose renewal was never heard of.

It only adds to the inbox, so whatever it finds is applied as any other event.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog
from msgspec import Struct

from api.billing.events import metering
from api.billing.events.receive import store_event
from api.billing.stripe import reads
from api.billing.stripe.client import Stripe
from api.billing.stripe.event_types import EVENTS, RENEWAL
from api.errors import Problem
from api.settings import Settings
from api.sql import chores, stripe_events, subscriptions
from api.sql.connection import Database, Pool, connect, transaction

log = structlog.get_logger()

CHORE = "stripe reconcile"
EVERY = 86400.0
"""Seconds from one reconciliation to the next."""
RETRY_AFTER = 3600.0
"""Seconds after which a reconciliation that failed is tried again."""
LOOK_BACK = timedelta(days=29, hours=12)
"""How far back Stripe is asked for events; it keeps them for 30 days."""
MOST_EVENTS = 10_000
"""Events of one round; the next round finds the others."""
RENEWAL_GRACE = 3600.0
"""Seconds after a period's end in which the event of the next period should have come."""
FORGET_AFTER_DAYS = 60
"""Days after which an applied event can no longer be delivered again."""


class Reconciled(Struct, frozen=True):
    """How many events one round added to the inbox: undelivered ones, and renewals of overdue subscriptions."""

    undelivered: int
    overdue: int


async def reconcile_daily(pool: Pool, stripe: Stripe) -> Reconciled | None:
    """Reconcile if no worker has for a day; None if one has, or if Stripe is away, which is tried again in an hour."""
    async with transaction(pool) as db:
        if not await chores.begin_chore(db, CHORE, EVERY, RETRY_AFTER):
            return None
    try:
        return await reconcile_account(pool, stripe)
    except Problem as problem:
        log.warning("reconcile_failed", error=type(problem).__name__, code=problem.code)
        return None


async def reconcile_account(pool: Pool, stripe: Stripe) -> Reconciled:
    """Add to the inbox what was not heard of. Raises what Stripe raises."""
    reconciled = Reconciled(await _store_undelivered(pool, stripe), await _queue_overdue(pool))
    async with transaction(pool) as db:
        await stripe_events.delete_applied_events(db, FORGET_AFTER_DAYS)
        await chores.end_chore(db, CHORE)
    log.info("reconciled", event_count=reconciled.undelivered, subscription_count=reconciled.overdue)
    return reconciled


async def reconcile_now(settings: Settings) -> list[str]:
    """Reconcile at once and make everything parked or refused due again; return a sentence for each thing done. Raises
    what Stripe and the database raise.
    """
    stripe = Stripe(settings)
    pool = await connect(settings.database_url, connections=2)
    try:
        reconciled = await reconcile_account(pool, stripe)
        requeued = await metering.requeue_refused(pool)
        async with transaction(pool) as db:
            waiting = await stripe_events.make_all_due(db)
    finally:
        await stripe.close()
        await pool.close()
    return [
        f"{reconciled.undelivered} events had not arrived, and {reconciled.overdue} subscriptions were quiet.",
        f"{waiting} events wait to be applied by a worker, as soon as one runs.",
        f"{requeued} refused entries of overage are sent again.",
    ]


async def _store_undelivered(pool: Pool, stripe: Stripe) -> int:
    """Store events that no endpoint has taken; return how many were new."""
    stored = 0
    async for event in reads.list_undelivered_events(stripe, datetime.now(UTC) - LOOK_BACK, EVENTS):
        async with transaction(pool) as db:
            stored += await store_event(db, event)
        if stored >= MOST_EVENTS:
            break
    return stored


async def _queue_overdue(pool: Pool) -> int:
    """Queue live subscriptions whose period is over without news of the next, each at most once an hour."""
    now = datetime.now(UTC)
    async with transaction(pool) as db:
        ids = await subscriptions.list_overdue(db, RENEWAL_GRACE)
        return sum([await _queue_renewal(db, subscription_id, now) for subscription_id in ids])


async def _queue_renewal(db: Database, subscription_id: str, now: datetime) -> bool:
    event_id = f"{RENEWAL}:{subscription_id}:{now:%Y-%m-%dT%H}"
    return await stripe_events.insert_event(
        db, id=event_id, type=RENEWAL, object_type=RENEWAL, object_id=subscription_id, occurred_at=now
    )
