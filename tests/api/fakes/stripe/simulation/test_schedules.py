"""Subscription schedules."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.support.stripe_merchant import Merchant
from tests.support.stripe_objects import first_item_id, paid_amounts, plan_key, reload_subscription


async def test_a_phase_changes_the_plan_within_a_period(merchant: Merchant) -> None:
    subscription = await merchant.subscribe(merchant.plus)
    v1 = merchant.v1
    schedule = await v1.subscription_schedules.create_async({"from_subscription": subscription.id})
    start = schedule.phases[0].start_date
    first = {"items": [{"price": merchant.plus, "quantity": 1}], "start_date": start, "end_date": start + 10 * 86400}
    later: Any = {"items": [{"price": merchant.pro, "quantity": 1}], "proration_behavior": "always_invoice"}
    later["duration"] = {"interval": "month", "interval_count": 2}
    await v1.subscription_schedules.update_async(schedule.id, {"phases": [first, later], "end_behavior": "cancel"})
    await merchant.stripe.advance(days=10.1)
    changed = await reload_subscription(merchant, subscription)
    whole = changed["items"].data[0].current_period_end - start
    left = whole - 10 * 86400
    shares = round(4999 * left / whole) - round(999 * left / whole)
    assert (plan_key(changed), await paid_amounts(merchant, subscription)) == ("pro_v1", [999, shares])
    await merchant.stripe.advance(days=62)
    assert (await reload_subscription(merchant, subscription)).status == "canceled"
    assert (await v1.subscription_schedules.retrieve_async(schedule.id)).status == "completed"


async def test_a_downgrade_starts_at_period_end_and_releases_the_schedule(merchant: Merchant) -> None:
    subscription = await merchant.subscribe(merchant.pro, merchant.overage)
    v1 = merchant.v1
    schedule = await v1.subscription_schedules.create_async({"from_subscription": subscription.id})
    now = schedule.phases[0]
    rows = [{"price": merchant.pro, "quantity": 1}, {"price": merchant.overage}]
    first = {"items": rows, "start_date": now.start_date, "end_date": now.end_date}
    later = {
        "items": [{"price": merchant.plus, "quantity": 1}, {"price": merchant.overage}],
        "proration_behavior": "none",
    }
    await v1.subscription_schedules.update_async(schedule.id, {"phases": [first, later], "end_behavior": "release"})
    await merchant.stripe.advance(days=20)
    assert plan_key(await reload_subscription(merchant, subscription)) == "pro_v1"
    await merchant.stripe.advance(days=12)
    changed = await reload_subscription(merchant, subscription)
    assert (plan_key(changed), first_item_id(changed), changed.schedule) == (
        "plus_v1",
        first_item_id(subscription),
        schedule.id,
    )
    assert await paid_amounts(merchant, subscription) == [4999, 999]
    await merchant.stripe.advance(days=31)
    assert (await reload_subscription(merchant, subscription)).schedule is None
    assert (await v1.subscription_schedules.retrieve_async(schedule.id)).status == "released"


async def test_a_scheduled_subscription_cannot_be_cancelled_until_release(merchant: Merchant) -> None:
    subscription = await merchant.subscribe()
    v1 = merchant.v1
    schedule = await v1.subscription_schedules.create_async({"from_subscription": subscription.id})
    with pytest.raises(stripe.InvalidRequestError, match="managed by the subscription schedule"):
        await v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    await v1.subscription_schedules.release_async(schedule.id)
    changed = await v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    assert changed.cancel_at == changed["items"].data[0].current_period_end
