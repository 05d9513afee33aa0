"""A subscription as Stripe has it, written down here, and what follows for its owner: the plan and the overage line.

Credits do not follow from a subscription. They follow from invoices that are paid.
"""

from __future__ import annotations

import structlog

from api.billing.ledger import grants
from api.billing.stripe import plan_of_price
from api.billing.stripe.client import Stripe
from api.billing.stripe.locks import lock_object
from api.billing.stripe.objects import StripeSubscription, SubscriptionItem, from_unix_time
from api.billing.tariff.plans import TariffPlan
from api.billing.tariff.tariff import FREE, Tariff
from api.sql import subscriptions
from api.sql.connection import Database, Pool
from api.sql.subscriptions import SubscriptionRow, SubscriptionUpdate

log = structlog.get_logger()


async def sync_subscription(pool: Pool, stripe: Stripe, tariff: Tariff, name: str) -> StripeSubscription:
    """Read a subscription and write it down; return it as it was read. One that belongs to nobody here is left alone,
    and so is one that sells no plan of ours, unless it did: then the plan stays as long as the subscription. Raises
    BusyError, TariffError and what Stripe raises.
    """
    async with lock_object(pool, "subscription", name) as db:
        seen = await stripe.subscription(name)
        item = seen.plan_item
        plan = plan_of_price.plan(tariff, item.price) if item else None
        if item is None or plan is None:
            await _sync_foreign_price(db, seen)
            return seen
        following = await _scheduled_plan(stripe, tariff, seen, item)
        async with db.transaction():
            owner = await subscriptions.lock_owner(db, seen.customer, name)
            if owner is None:
                log.warning("subscription_of_nobody", subscription_id=name, customer_id=seen.customer)
                return seen
            had = await subscriptions.find_current(db, owner)
            await subscriptions.upsert_subscription(db, _subscription_row(seen, item, owner, plan, following))
            await apply_current_plan(db, owner, had)
        return seen


async def _sync_foreign_price(db: Database, seen: StripeSubscription) -> None:
    """Somebody has changed the price by hand at Stripe. A plan that nobody pays for any more ends all the same."""
    item = seen.plan_item or seen.metered_item
    if item is None:
        return
    kept = SubscriptionUpdate(
        status=seen.status,
        metered_item=seen.metered_item.id if seen.metered_item else None,
        period_start=from_unix_time(item.current_period_start),
        period_end=from_unix_time(item.current_period_end),
        cancel_at=from_unix_time(seen.cancel_at) if seen.cancel_at else None,
    )
    async with db.transaction():
        owner = await subscriptions.lock_owner(db, seen.customer, seen.id)
        had = await subscriptions.find_current(db, owner) if owner else None
        if owner and await subscriptions.update_subscription(db, seen.id, kept):
            log.warning("subscription_of_another_price", subscription_id=seen.id, customer_id=seen.customer)
            await apply_current_plan(db, owner, had)


async def apply_current_plan(db: Database, user_id: str, had: SubscriptionRow | None) -> None:
    """Give a user what the subscription that counts gives: the plan and, once it is paid for, a line of overage.

    Only the end of one they `had` takes a plan away. News of another leaves a plan alone that was given meanwhile.
    """
    current = await subscriptions.find_current(db, user_id)
    if current or had:
        name, version = (current.plan, current.version) if current else (FREE, None)
        await subscriptions.set_user_plan(db, user_id, name, version)
    await grants.sync_overage_line(db, user_id)


async def _scheduled_plan(
    stripe: Stripe, tariff: Tariff, seen: StripeSubscription, item: SubscriptionItem
) -> TariffPlan | None:
    """The plan that a schedule puts in place when the period ends, if that is another one."""
    schedule = await stripe.schedule(seen.schedule) if seen.schedule else None
    if schedule is None or not schedule.is_in_effect:
        return None
    later = [phase for phase in schedule.phases if phase.start_date >= item.current_period_end]
    prices = [await stripe.price(one.price) for phase in later[:1] for one in phase.items]
    plans = [plan_of_price.plan(tariff, price) for price in prices if price.id != item.price.id]
    return next((plan for plan in plans if plan), None)


def _subscription_row(
    seen: StripeSubscription, item: SubscriptionItem, owner: str, plan: TariffPlan, following: TariffPlan | None
) -> SubscriptionRow:
    return SubscriptionRow(
        id=seen.id,
        user_id=owner,
        plan=plan.name,
        version=plan.version,
        status=seen.status,
        item=item.id,
        metered_item=seen.metered_item.id if seen.metered_item else None,
        period_start=from_unix_time(item.current_period_start),
        period_end=from_unix_time(item.current_period_end),
        trial_end=from_unix_time(seen.trial_end) if seen.trial_end else None,
        cancel_at=from_unix_time(seen.cancel_at) if seen.cancel_at else None,
        next_plan=following.name if following else None,
        next_version=following.version if following else None,
        schedule=seen.schedule,
        created_at=from_unix_time(seen.created),
    )
