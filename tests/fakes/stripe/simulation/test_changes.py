"""Changing what is subscribed to: at once, later, by a schedule, and what becomes of it when nobody pays."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.fakes.stripe.conftest import Shop
from tests.support.stripe_objects import amounts, item, plan, read
from tests.support.webhook_receiver import Receiver


async def dear(shop: Shop, amount: int) -> str:
    """A price so high that every second of it costs something."""
    asked: Any = {"product": "kinora", "currency": "usd", "unit_amount": amount, "recurring": {"interval": "month"}}
    price = await shop.double.v1.prices.create_async(asked)
    return str(price.id)


@pytest.mark.parametrize("days", [0, 7.25, 15.5, 29.99])
async def test_an_upgrade_costs_to_the_second_what_its_preview_said(
    shop: Shop, receiver: Receiver, days: float
) -> None:
    cheap, better = await dear(shop, 59_999_999), await dear(shop, 99_999_999)
    subscription = await shop.subscribed(cheap, shop.overage)
    await shop.double.hooked(receiver, "customer.subscription.updated", "customer.subscription.pending_update_applied")
    at = await shop.double.advance(days=days)
    change: Any = {"items": [{"id": item(subscription), "price": better}], "proration_behavior": "always_invoice"}
    details = {**change, "proration_date": at}
    preview = await shop.double.v1.invoices.create_preview_async(
        {"customer": shop.customer, "subscription": subscription.id, "subscription_details": details}
    )
    await shop.double.advance(hours=0.1)
    more = {"payment_behavior": "pending_if_incomplete", "proration_date": at}
    changed = await shop.double.v1.subscriptions.update_async(subscription.id, {**change, **more})
    assert (changed["items"].data[0].price.id, changed.pending_update) == (better, None)
    invoice = await shop.invoice(subscription.id)
    assert [line.amount for line in invoice.lines.data] == [line.amount for line in preview.lines.data]
    assert (invoice.total, invoice.amount_due) == (preview.total, preview.amount_due)
    row = subscription["items"].data[0]
    left, whole = row.current_period_end - at, row.current_period_end - row.current_period_start
    shares = [-round(59_999_999 * left / whole), round(99_999_999 * left / whole)]
    assert [line.amount for line in invoice.lines.data] == shares
    assert all(line.parent.subscription_item_details.proration for line in invoice.lines.data)
    await shop.double.flush()
    assert receiver.types() == ["customer.subscription.updated"]


async def test_a_phase_may_change_the_plan_in_the_middle_of_a_period(shop: Shop) -> None:
    subscription = await shop.subscribed(shop.plus)
    v1 = shop.double.v1
    schedule = await v1.subscription_schedules.create_async({"from_subscription": subscription.id})
    start = schedule.phases[0].start_date
    first = {"items": [{"price": shop.plus, "quantity": 1}], "start_date": start, "end_date": start + 10 * 86400}
    later: Any = {"items": [{"price": shop.pro, "quantity": 1}], "proration_behavior": "always_invoice"}
    later["duration"] = {"interval": "month", "interval_count": 2}
    await v1.subscription_schedules.update_async(schedule.id, {"phases": [first, later], "end_behavior": "cancel"})
    await shop.double.advance(days=10.1)
    changed = await read(shop, subscription)
    whole = changed["items"].data[0].current_period_end - start
    left = whole - 10 * 86400
    shares = round(4999 * left / whole) - round(999 * left / whole)
    assert (plan(changed), await amounts(shop, subscription)) == ("pro_v1", [999, shares])
    await shop.double.advance(days=62)
    assert (await read(shop, subscription)).status == "canceled"
    assert (await v1.subscription_schedules.retrieve_async(schedule.id)).status == "completed"


async def test_a_downgrade_waits_for_the_end_of_the_period_and_then_lets_go(shop: Shop) -> None:
    subscription = await shop.subscribed(shop.pro, shop.overage)
    v1 = shop.double.v1
    schedule = await v1.subscription_schedules.create_async({"from_subscription": subscription.id})
    now = schedule.phases[0]
    rows = [{"price": shop.pro, "quantity": 1}, {"price": shop.overage}]
    first = {"items": rows, "start_date": now.start_date, "end_date": now.end_date}
    later = {"items": [{"price": shop.plus, "quantity": 1}, {"price": shop.overage}], "proration_behavior": "none"}
    await v1.subscription_schedules.update_async(schedule.id, {"phases": [first, later], "end_behavior": "release"})
    await shop.double.advance(days=20)
    assert plan(await read(shop, subscription)) == "pro_v1"
    await shop.double.advance(days=12)
    changed = await read(shop, subscription)
    assert (plan(changed), item(changed), changed.schedule) == ("plus_v1", item(subscription), schedule.id)
    assert await amounts(shop, subscription) == [4999, 999]
    await shop.double.advance(days=31)
    assert (await read(shop, subscription)).schedule is None
    assert (await v1.subscription_schedules.retrieve_async(schedule.id)).status == "released"


async def test_a_schedule_rules_over_cancelling_until_it_is_released(shop: Shop) -> None:
    subscription = await shop.subscribed()
    v1 = shop.double.v1
    schedule = await v1.subscription_schedules.create_async({"from_subscription": subscription.id})
    with pytest.raises(stripe.InvalidRequestError, match="managed by the subscription schedule"):
        await v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    await v1.subscription_schedules.release_async(schedule.id)
    changed = await v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    assert changed.cancel_at == changed["items"].data[0].current_period_end


async def test_an_upgrade_that_nobody_pays_waits_and_is_made_when_it_is_paid(shop: Shop, receiver: Receiver) -> None:
    subscription = await shop.subscribed()
    await shop.double.hooked(receiver, "customer.subscription.pending_update_applied")
    await shop.double.local("cards", customer=shop.customer, count=1)
    change: Any = {"items": [{"id": item(subscription), "price": shop.pro}], "proration_behavior": "always_invoice"}
    more = {"payment_behavior": "pending_if_incomplete"}
    waiting = await shop.double.v1.subscriptions.update_async(subscription.id, {**change, **more})
    assert (plan(waiting), waiting.status) == ("plus_v1", "active")
    assert waiting.pending_update.subscription_items[0].price.lookup_key == "pro_v1"
    await shop.double.v1.invoices.pay_async(waiting.latest_invoice)
    changed = await read(shop, subscription)
    assert (plan(changed), changed.pending_update) == ("pro_v1", None)
    await shop.double.flush()
    assert receiver.types() == ["customer.subscription.pending_update_applied"]


async def test_an_upgrade_that_nobody_pays_in_time_is_forgotten(shop: Shop, receiver: Receiver) -> None:
    subscription = await shop.subscribed()
    await shop.double.hooked(receiver, "customer.subscription.pending_update_expired", "invoice.voided")
    await shop.double.local("cards", customer=shop.customer, count=1)
    change: Any = {"items": [{"id": item(subscription), "price": shop.pro}], "proration_behavior": "always_invoice"}
    more = {"payment_behavior": "pending_if_incomplete"}
    waiting = await shop.double.v1.subscriptions.update_async(subscription.id, {**change, **more})
    await shop.double.advance(hours=24)
    changed = await read(shop, subscription)
    assert (plan(changed), changed.pending_update) == ("plus_v1", None)
    assert (await shop.double.v1.invoices.retrieve_async(waiting.latest_invoice)).status == "void"
    await shop.double.flush()
    assert receiver.types() == ["customer.subscription.pending_update_expired", "invoice.voided"]


async def test_the_other_ways_of_an_upgrade_that_is_declined(shop: Shop) -> None:
    subscription = await shop.subscribed()
    change: Any = {"items": [{"id": item(subscription), "price": shop.pro}], "proration_behavior": "always_invoice"}
    await shop.double.local("cards", customer=shop.customer, count=1)
    more = {"payment_behavior": "error_if_incomplete"}
    with pytest.raises(stripe.CardError):
        await shop.double.v1.subscriptions.update_async(subscription.id, {**change, **more})
    same = await read(shop, subscription)
    assert (plan(same), same.latest_invoice) == ("plus_v1", subscription.latest_invoice)
    await shop.double.local("cards", customer=shop.customer, count=1)
    changed = await shop.double.v1.subscriptions.update_async(subscription.id, change)
    assert (plan(changed), changed.status) == ("pro_v1", "past_due")


async def test_pending_updates_take_nothing_but_what_stripe_lets_them(shop: Shop) -> None:
    subscription = await shop.subscribed()
    change: Any = {"items": [{"id": item(subscription), "price": shop.pro}], "metadata": {"a": "b"}}
    with pytest.raises(stripe.InvalidRequestError, match="pending_if_incomplete"):
        await shop.double.v1.subscriptions.update_async(
            subscription.id, {**change, "payment_behavior": "pending_if_incomplete"}
        )


async def test_prorations_for_later_wait_on_the_next_invoice(shop: Shop) -> None:
    subscription = await shop.subscribed()
    await shop.double.advance(days=10)
    change: Any = {"items": [{"id": item(subscription), "price": shop.pro}], "proration_behavior": "create_prorations"}
    await shop.double.v1.subscriptions.update_async(subscription.id, change)
    assert await amounts(shop, subscription) == [999]
    preview = await shop.double.v1.invoices.create_preview_async({"subscription": subscription.id})
    await shop.double.advance(days=21, hours=3)
    invoice = await shop.invoice(subscription.id)
    assert len(invoice.lines.data) == 4  # unused, remaining, usage, the new period
    assert (invoice.total, invoice.status) == (preview.total, "paid")
    change["proration_behavior"] = "none"
    change["items"][0]["price"] = shop.plus
    await shop.double.v1.subscriptions.update_async(subscription.id, change)
    preview = await shop.double.v1.invoices.create_preview_async({"subscription": subscription.id})
    assert preview.total == 999


async def test_a_credit_goes_to_the_balance_and_pays_the_next_invoice(shop: Shop) -> None:
    subscription = await shop.subscribed(shop.pro)
    await shop.double.advance(days=1)
    change: Any = {"items": [{"id": item(subscription), "price": shop.plus}], "proration_behavior": "always_invoice"}
    await shop.double.v1.subscriptions.update_async(subscription.id, change)
    credit = await shop.invoice(subscription.id)
    assert (credit.amount_due, credit.status, credit.ending_balance) == (0, "paid", credit.total)
    assert (await shop.double.v1.customers.retrieve_async(shop.customer)).balance == credit.total < -3500
    await shop.double.advance(days=31)
    following = await shop.invoice(subscription.id)
    assert (following.total, following.amount_due, following.ending_balance) == (999, 0, credit.total + 999)


async def test_a_trial_ends_at_once_for_whoever_upgrades(shop: Shop) -> None:
    subscription = await shop.subscribed(subscription_data={"trial_period_days": 7})
    at = await shop.double.advance(days=2)
    change: Any = {"items": [{"id": item(subscription), "price": shop.pro}], "proration_behavior": "always_invoice"}
    preview = await shop.double.v1.invoices.create_preview_async(
        {"subscription": subscription.id, "subscription_details": {**change, "trial_end": "now"}}
    )
    more = {"trial_end": "now", "payment_behavior": "pending_if_incomplete"}
    changed = await shop.double.v1.subscriptions.update_async(subscription.id, {**change, **more})
    assert (changed.status, plan(changed)) == ("active", "pro_v1")
    assert (await shop.invoice(subscription.id)).amount_paid == preview.amount_due == 4999
    assert changed["items"].data[0].current_period_start - at < 5
    await shop.double.advance(days=32)
    assert await amounts(shop, subscription) == [0, 4999, 4999]
