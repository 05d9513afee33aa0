"""Copies a subscription from Stripe into our rows and gives its owner what follows: the plan and the overage line.

Credits do not follow from a subscription. They follow from paid invoices.
"""

from __future__ import annotations

import structlog

from api.billing.ledger import grants
from api.billing.stripe import reads
from api.billing.stripe.client import Stripe
from api.billing.stripe.locks import LOCK_WAIT, lock_object
from api.billing.stripe.lookup_keys import find_plan_of_price
from api.billing.stripe.objects import StripeSubscription, SubscriptionItem, from_unix_time
from api.billing.tariff.plans import TariffPlan
from api.billing.tariff.tariff import FREE, Tariff
from api.sql import subscriptions
from api.sql.connection import Database, Pool
from api.sql.subscriptions import SubscriptionPatch, SubscriptionRow

log = structlog.get_logger()


async def sync_subscription(
    pool: Pool, stripe: Stripe, tariff: Tariff, subscription_id: str, *, lock_wait: float = LOCK_WAIT
) -> StripeSubscription:
    """Read a subscription, write it down, and return it as it was read. One without an owner here is ignored, and so is
    one that sells no plan of ours, unless it did: then its owner keeps the plan as long as it lives. Raises
    ObjectBusyError, TariffError and what Stripe raises.
    """
    async with lock_object(pool, "subscription", subscription_id, lock_wait) as db:
        subscription = await reads.retrieve_subscription(stripe, subscription_id)
        item = subscription.plan_item
        plan = find_plan_of_price(tariff, item.price) if item else None
        if item is None or plan is None:
            await _sync_foreign_price(db, subscription)
            return subscription
        next_plan = await _scheduled_plan(stripe, tariff, subscription, item)
        owner = await subscriptions.lock_owner(db, subscription.customer, subscription_id)
        if owner is None:
            log.warning("subscription_of_nobody", subscription_id=subscription_id, customer_id=subscription.customer)
            return subscription
        before = await subscriptions.find_current(db, owner)
        row = _subscription_row(subscription, item, owner, plan, next_plan)
        await subscriptions.upsert_subscription(db, row)
        await apply_current_plan(db, owner, before)
        return subscription


async def _sync_foreign_price(db: Database, subscription: StripeSubscription) -> None:
    """Follow a subscription whose price was changed by hand at Stripe: the plan ends once it is no longer paid."""
    item = subscription.plan_item or subscription.metered_item
    if item is None:
        return
    update = SubscriptionPatch(
        status=subscription.status,
        metered_item=subscription.metered_item.id if subscription.metered_item else None,
        period_start=from_unix_time(item.current_period_start),
        period_end=from_unix_time(item.current_period_end),
        cancel_at=from_unix_time(subscription.cancel_at) if subscription.cancel_at else None,
    )
    owner = await subscriptions.lock_owner(db, subscription.customer, subscription.id)
    before = await subscriptions.find_current(db, owner) if owner else None
    if owner and await subscriptions.update_subscription(db, subscription.id, update):
        log.warning("subscription_of_another_price", subscription_id=subscription.id, customer_id=subscription.customer)
        await apply_current_plan(db, owner, before)


async def apply_current_plan(db: Database, user_id: str, before: SubscriptionRow | None) -> None:
    """Give a user the plan of their current subscription and, once it is paid for, a line of overage.

    Only the end of the subscription they had `before` takes a plan away; an update of another one leaves alone a plan
    that was given meanwhile.
    """
    current = await subscriptions.find_current(db, user_id)
    if current or before:
        name, version = (current.plan, current.version) if current else (FREE, None)
        await subscriptions.set_user_plan(db, user_id, name, version)
    await grants.sync_overage_line(db, user_id)


async def _scheduled_plan(
    stripe: Stripe, tariff: Tariff, subscription: StripeSubscription, item: SubscriptionItem
) -> TariffPlan | None:
    """The other plan that a schedule puts in place when the period ends; None if the plan stays."""
    schedule = await reads.retrieve_schedule(stripe, subscription.schedule) if subscription.schedule else None
    if schedule is None or not schedule.is_in_effect:
        return None
    later = [phase for phase in schedule.phases if phase.start_date >= item.current_period_end]
    prices = [await reads.retrieve_price(stripe, entry.price) for phase in later[:1] for entry in phase.items]
    plans = [find_plan_of_price(tariff, price) for price in prices if price.id != item.price.id]
    return next((plan for plan in plans if plan), None)


def _subscription_row(
    subscription: StripeSubscription, item: SubscriptionItem, owner: str, plan: TariffPlan, next_plan: TariffPlan | None
) -> SubscriptionRow:
    return SubscriptionRow(
        id=subscription.id,
        user_id=owner,
        plan=plan.name,
        version=plan.version,
        status=subscription.status,
        item=item.id,
        metered_item=subscription.metered_item.id if subscription.metered_item else None,
        period_start=from_unix_time(item.current_period_start),
        period_end=from_unix_time(item.current_period_end),
        trial_end=from_unix_time(subscription.trial_end) if subscription.trial_end else None,
        cancel_at=from_unix_time(subscription.cancel_at) if subscription.cancel_at else None,
        next_plan=next_plan.name if next_plan else None,
        next_version=next_plan.version if next_plan else None,
        schedule=subscription.schedule,
        created_at=from_unix_time(subscription.created),
    )
