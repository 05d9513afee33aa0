"""The subscriptions table: subscriptions as Stripe last showed them, and the plan that follows for their owner."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from api.sql.connection import Database, row

KEEPS_PLAN = ("active", "trialing", "past_due")
"""Statuses in which a subscription gives its plan."""
LIVE = (*KEEPS_PLAN, "unpaid", "paused", "incomplete")
"""Statuses of a subscription that has not ended."""

_COLUMNS = (
    "id, user_id, plan, version, status, item, metered_item, period_start, period_end, trial_end, cancel_at, next_plan,"
    " next_version, schedule, created_at"
)


class SubscriptionRow(Struct, frozen=True):
    """A subscription. Without a `metered_item` its invoices charge no overage."""

    id: str
    user_id: str
    plan: str
    version: int
    status: str
    item: str | None
    metered_item: str | None
    period_start: datetime
    period_end: datetime
    trial_end: datetime | None
    cancel_at: datetime | None
    next_plan: str | None
    next_version: int | None
    schedule: str | None
    created_at: datetime


class SubscriptionPatch(Struct, frozen=True):
    """New values of a subscription whose price is none of ours; the plan stays."""

    status: str
    metered_item: str | None
    period_start: datetime
    period_end: datetime
    cancel_at: datetime | None


# -- writing ------------------------------------------------------------------------------------------------


async def lock_owner(db: Database, customer: str, subscription_id: str) -> str | None:
    """Id of the user who is this customer at Stripe, locked until the transaction ends; None if there is none here.

    A user whose customer was deleted at Stripe has another one by now, but a subscription of the old one is known here
    and ends here.
    """
    query = """
        SELECT id
        FROM users
        WHERE id = coalesce(
            (SELECT id FROM users WHERE stripe_customer = $1),
            (SELECT user_id FROM subscriptions WHERE id = $2)
        )
        FOR NO KEY UPDATE
    """
    user_id: str | None = await db.fetchval(query, customer, subscription_id)
    return user_id


async def upsert_subscription(db: Database, subscription: SubscriptionRow) -> None:
    """Store a subscription as it was just read, and that its owner has had a trial if it has one."""
    upsert = f"""
        INSERT INTO subscriptions ({_COLUMNS}, synced_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, now())
        ON CONFLICT (id) DO UPDATE
        SET user_id = excluded.user_id,
            plan = excluded.plan,
            version = excluded.version,
            status = excluded.status,
            item = excluded.item,
            metered_item = excluded.metered_item,
            period_start = excluded.period_start,
            period_end = excluded.period_end,
            trial_end = excluded.trial_end,
            cancel_at = excluded.cancel_at,
            next_plan = excluded.next_plan,
            next_version = excluded.next_version,
            schedule = excluded.schedule,
            created_at = excluded.created_at,
            synced_at = now()
    """
    mark_trialled = """
        UPDATE users
        SET trialled_at = coalesce(trialled_at, now())
        WHERE id = $1 AND $2::timestamptz IS NOT NULL
    """
    await db.execute(upsert, *(getattr(subscription, name) for name in SubscriptionRow.__struct_fields__))
    await db.execute(mark_trialled, subscription.user_id, subscription.trial_end)


async def update_subscription(db: Database, id: str, update: SubscriptionPatch) -> bool:
    """Update a subscription but for its plan; False if it is not known here."""
    query = """
        UPDATE subscriptions
        SET status = $2,
            metered_item = $3,
            period_start = $4,
            period_end = $5,
            cancel_at = $6,
            synced_at = now()
        WHERE id = $1
    """
    tag: str = await db.execute(
        query, id, update.status, update.metered_item, update.period_start, update.period_end, update.cancel_at
    )
    return tag.endswith(" 1")


async def set_user_plan(db: Database, user_id: str, plan: str, version: int | None) -> None:
    """Set the plan of a user; version None is whatever version is the newest."""
    query = """
        UPDATE users
        SET plan = $2, plan_version = $3
        WHERE id = $1
    """
    await db.execute(query, user_id, plan, version)


# -- reading ------------------------------------------------------------------------------------------------


async def find_current(db: Database, user_id: str) -> SubscriptionRow | None:
    """The subscription that gives a user the plan: of two, which cannot last, the one that began first."""
    query = f"""
        SELECT {_COLUMNS}
        FROM subscriptions
        WHERE user_id = $1 AND status = ANY($2)
        ORDER BY created_at, id
        LIMIT 1
    """
    return row(await db.fetchrow(query, user_id, KEEPS_PLAN), SubscriptionRow)


async def find_displayed(db: Database, user_id: str) -> SubscriptionRow | None:
    """The subscription to show a user: the one that gives the plan, else one that waits for a payment."""
    query = f"""
        SELECT {_COLUMNS}
        FROM subscriptions
        WHERE user_id = $1 AND status = ANY($2)
        ORDER BY status = ANY($3) DESC, created_at, id
        LIMIT 1
    """
    return row(await db.fetchrow(query, user_id, LIVE, KEEPS_PLAN), SubscriptionRow)


async def list_keeping_plan(db: Database, customer: str) -> list[str]:
    """Ids of a Stripe customer's subscriptions that would give a plan, the one that began first in front."""
    query = """
        SELECT subscriptions.id
        FROM subscriptions
        JOIN users ON users.id = subscriptions.user_id
        WHERE users.stripe_customer = $1 AND subscriptions.status = ANY($2)
        ORDER BY subscriptions.created_at, subscriptions.id
    """
    return [record["id"] for record in await db.fetch(query, customer, KEEPS_PLAN)]


async def list_overdue(db: Database, grace: float, limit: int = 1000) -> list[str]:
    """Ids of live subscriptions whose period ended `grace` seconds ago and that were not synced for as long."""
    query = """
        SELECT id
        FROM subscriptions
        WHERE source = 'stripe'
            AND status = ANY($3)
            AND period_end < now() - make_interval(secs => $1)
            AND synced_at < now() - make_interval(secs => $1)
        ORDER BY period_end
        LIMIT $2
    """
    return [record["id"] for record in await db.fetch(query, grace, limit, LIVE)]
