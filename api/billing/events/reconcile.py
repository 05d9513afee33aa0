"""Looking for what was not heard: events that never arrived, and subscriptions that have gone quiet.

It only ever fills the inbox, so what it finds is applied as everything else is.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog
from msgspec import Struct

from api.billing.events import metering
from api.billing.events.receive import store_event
from api.billing.stripe.client import Stripe
from api.billing.stripe.event_types import EVENTS, RENEWAL
from api.errors import Problem
from api.settings import Settings
from api.sql import stripe_events, subscriptions
from api.sql.connection import Database, Pool, connect, transaction

log = structlog.get_logger()

CHORE = "stripe reconcile"
DAY = 86400.0
AGAIN = 3600.0  # seconds after which it is tried again, where Stripe did not answer
KEPT = timedelta(days=29, hours=12)  # how far back Stripe can be asked; it keeps events for 30 days
MOST = 10_000  # events of one round; what is left, the next round finds
QUIET = 3600.0  # seconds after a period's end in which news of the next one should have come
FORGET = 60  # days after which an applied event can no longer come back


class Reconciled(Struct, frozen=True):
    """What one round put into the inbox: events that had not arrived, and subscriptions gone quiet."""

    events: int
    quiet: int


async def reconcile_daily(pool: Pool, stripe: Stripe) -> Reconciled | None:
    """Reconcile if nobody has for a day; None if somebody has, or Stripe is away, and then it is tried again soon."""
    async with transaction(pool) as db:
        if not await stripe_events.begin_chore(db, CHORE, DAY, AGAIN):
            return None
    try:
        return await reconcile_account(pool, stripe)
    except Problem as problem:
        log.warning("reconcile_failed", error=type(problem).__name__, code=problem.code)
        return None


async def reconcile_account(pool: Pool, stripe: Stripe) -> Reconciled:
    """Put what was not heard of into the inbox. Raises what Stripe raises."""
    found = Reconciled(await _store_undelivered(pool, stripe), await _queue_overdue(pool))
    async with transaction(pool) as db:
        await stripe_events.delete_applied_events(db, FORGET)
        await stripe_events.end_chore(db, CHORE)
    log.info("reconciled", event_count=found.events, subscription_count=found.quiet)
    return found


async def reconcile_now(settings: Settings) -> list[str]:
    """Reconcile at once, and try again everything that was set aside; return what was done, a sentence each. Raises
    what Stripe and the database raise.
    """
    stripe = Stripe(settings)
    pool = await connect(settings.database_url, connections=2)
    try:
        found = await reconcile_account(pool, stripe)
        revived = await metering.requeue_refused(pool)
        async with transaction(pool) as db:
            waiting = await stripe_events.make_all_due(db)
    finally:
        await stripe.close()
        await pool.close()
    return [
        f"{found.events} events had not arrived, and {found.quiet} subscriptions were quiet.",
        f"{waiting} events wait to be applied by a worker, as soon as one runs.",
        f"{revived} refused entries of overage are sent again.",
    ]


async def _store_undelivered(pool: Pool, stripe: Stripe) -> int:
    """Events that no endpoint has taken. One that is here already counts for nothing."""
    fresh = 0
    async for event in stripe.undelivered(datetime.now(UTC) - KEPT, EVENTS):
        async with transaction(pool) as db:
            fresh += await store_event(db, event)
        if fresh >= MOST:
            break
    return fresh


async def _queue_overdue(pool: Pool) -> int:
    """Live subscriptions whose period is over, and nothing was heard of since. Each is looked at once an hour."""
    now = datetime.now(UTC)
    async with transaction(pool) as db:
        names = await subscriptions.list_overdue(db, QUIET)
        return sum([await _queue_renewal(db, name, now) for name in names])


async def _queue_renewal(db: Database, subscription: str, now: datetime) -> bool:
    name = f"{RENEWAL}:{subscription}:{now:%Y-%m-%dT%H}"
    return await stripe_events.insert_event(
        db, id=name, type=RENEWAL, object_type=RENEWAL, object_id=subscription, occurred_at=now
    )
