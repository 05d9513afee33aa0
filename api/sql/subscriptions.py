"""Subscriptions and checkouts as Stripe last showed them, and the plan that follows for their owner."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from api.sql.connection import Database, row

KEEPS_PLAN = "('active', 'trialing', 'past_due')"
LIVE = "('active', 'trialing', 'past_due', 'unpaid', 'paused', 'incomplete')"


class SubscriptionRow(Struct, frozen=True):
    """A subscription as it is to be kept."""

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


class CheckoutPurchase(Struct, frozen=True):
    """A checkout: what it sells, and to whom."""

    id: str
    user_id: str
    kind: str
    item: str
    version: int
    quantity: int


async def lock_owner(db: Database, customer: str, subscription: str) -> str | None:
    """The user who is this customer of Stripe's, locked until the transaction ends; None if it is nobody here.

    A customer who was deleted at Stripe is another one by now, but what they had bought is known here, and ends here.
    """
    value: str | None = await db.fetchval(
        "SELECT id FROM users WHERE id = coalesce((SELECT id FROM users WHERE stripe_customer = $1),"
        " (SELECT user_id FROM subscriptions WHERE id = $2)) FOR NO KEY UPDATE",
        customer,
        subscription,
    )
    return value


async def upsert_subscription(db: Database, seen: SubscriptionRow) -> None:
    """Write a subscription down as it was just seen."""
    columns = SubscriptionRow.__struct_fields__
    names, values = ", ".join(columns), ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "id")
    await db.execute(
        f"INSERT INTO subscriptions ({names}, synced_at) VALUES ({values}, now())"
        f" ON CONFLICT (id) DO UPDATE SET {changes}, synced_at = now()",
        *(getattr(seen, name) for name in columns),
    )
    await db.execute(
        "UPDATE users SET trialled_at = coalesce(trialled_at, now()) WHERE id = $1 AND $2::timestamptz IS NOT NULL",
        seen.user_id,
        seen.trial_end,
    )


class SubscriptionUpdate(Struct, frozen=True):
    """What is kept of a subscription whose price is none of ours; the plan stays."""

    status: str
    metered_item: str | None
    period_start: datetime
    period_end: datetime
    cancel_at: datetime | None


async def update_subscription(db: Database, id: str, seen: SubscriptionUpdate) -> bool:
    """Write down what has become of such a subscription; False if it is not known here."""
    columns = SubscriptionUpdate.__struct_fields__
    changes = ", ".join(f"{name} = ${number}" for number, name in enumerate(columns, 2))
    tag: str = await db.execute(
        f"UPDATE subscriptions SET {changes}, synced_at = now() WHERE id = $1",
        id,
        *(getattr(seen, name) for name in columns),
    )
    return tag.endswith(" 1")


async def set_user_plan(db: Database, user_id: str, plan: str, version: int | None) -> None:
    """Write down which plan a user has; None: in whatever version is the newest."""
    await db.execute("UPDATE users SET plan = $2, plan_version = $3 WHERE id = $1", user_id, plan, version)


async def find_current(db: Database, user_id: str) -> SubscriptionRow | None:
    """The subscription that gives a user the plan: the one that began first."""
    return row(
        await db.fetchrow(
            f"SELECT {', '.join(SubscriptionRow.__struct_fields__)} FROM subscriptions"
            f" WHERE user_id = $1 AND status IN {KEEPS_PLAN} ORDER BY created_at, id LIMIT 1",
            user_id,
        ),
        SubscriptionRow,
    )


async def find_displayed(db: Database, user_id: str) -> SubscriptionRow | None:
    """The subscription that a user is shown: the one that gives the plan, else one that waits for a payment."""
    return row(
        await db.fetchrow(
            f"SELECT {', '.join(SubscriptionRow.__struct_fields__)} FROM subscriptions"
            f" WHERE user_id = $1 AND status IN {LIVE} ORDER BY status IN {KEEPS_PLAN} DESC, created_at, id LIMIT 1",
            user_id,
        ),
        SubscriptionRow,
    )


async def list_keeping_plan(db: Database, customer: str) -> list[str]:
    """Every subscription that would give a customer of Stripe's a plan, the one that began first in front."""
    records = await db.fetch(
        "SELECT s.id FROM subscriptions s JOIN users u ON u.id = s.user_id"
        f" WHERE u.stripe_customer = $1 AND s.status IN {KEEPS_PLAN} ORDER BY s.created_at, s.id",
        customer,
    )
    return [record["id"] for record in records]


async def list_overdue(db: Database, patience: float, limit: int = 1000) -> list[str]:
    """Live subscriptions whose period ended so many seconds ago, and of which nothing was heard since."""
    records = await db.fetch(
        f"SELECT id FROM subscriptions WHERE source = 'stripe' AND status IN {LIVE}"
        " AND period_end < now() - make_interval(secs => $1) AND synced_at < now() - make_interval(secs => $1)"
        " ORDER BY period_end LIMIT $2",
        patience,
        limit,
    )
    return [record["id"] for record in records]


async def find_purchase(db: Database, session: str, checkout: str | None) -> CheckoutPurchase | None:
    """What a page sells, by its name at Stripe or by the checkout it was made for; None if it is not ours."""
    return row(
        await db.fetchrow(
            "SELECT id, user_id, kind, item, version, quantity FROM checkouts WHERE session = $1 OR id = $2",
            session,
            checkout,
        ),
        CheckoutPurchase,
    )
