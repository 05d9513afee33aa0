"""What is sold lives: subscriptions over a year of the double's clock, through Stripe's own client."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.stripe_local.conftest import Shop
from tests.stripe_local.receiving import Receiver

FAILS = "4000000000000341"


async def read(shop: Shop, subscription: Any) -> Any:
    return await shop.double.v1.subscriptions.retrieve_async(subscription.id)


def plan(subscription: Any) -> str:
    return str(subscription["items"].data[0].price.lookup_key)


def item(subscription: Any) -> str:
    return str(subscription["items"].data[0].id)


async def amounts(shop: Shop, subscription: Any) -> list[int]:
    """What was paid, oldest first."""
    page = await shop.double.v1.invoices.list_async({"subscription": subscription.id, "status": "paid", "limit": 100})
    return [invoice.amount_paid for invoice in page.data][::-1]


async def test_a_year_of_a_plan_is_paid_twelve_times_on_the_same_day(shop: Shop, receiver: Receiver) -> None:
    await shop.double.hooked(receiver, "invoice.paid")
    subscription = await shop.subscribed()
    start = subscription["items"].data[0].current_period_start
    for _ in range(12):
        await shop.double.advance(days=31)
    await shop.double.advance(hours=2)
    now = await read(shop, subscription)
    assert now.status == "active"
    assert (now["items"].data[0].current_period_start - start) % 86400 == 0
    assert await amounts(shop, subscription) == [999] * 13
    await shop.double.flush()
    invoices = [event["data"]["object"]["id"] for event in receiver.events]
    assert len(invoices) == len(set(invoices)) == 13


async def test_a_trial_costs_nothing_tells_of_its_end_and_becomes_a_plan(shop: Shop, receiver: Receiver) -> None:
    await shop.double.hooked(receiver, "customer.subscription.trial_will_end", "customer.subscription.updated")
    subscription = await shop.subscribed(subscription_data={"trial_period_days": 7, "metadata": {"user": "u"}})
    assert subscription.status == "trialing"
    first = await shop.invoice(subscription.id)
    assert (first.amount_due, first.status, first.billing_reason) == (0, "paid", "subscription_create")
    assert first.parent.subscription_details.metadata["user"] == "u"
    await shop.double.advance(days=5)
    await shop.double.flush()
    assert receiver.types() == ["customer.subscription.trial_will_end"]
    await shop.double.advance(days=2)
    draft = await shop.invoice(subscription.id)
    assert (draft.status, draft.billing_reason) == ("draft", "subscription_cycle")
    assert (await read(shop, subscription)).status == "active"
    await shop.double.advance(hours=2)
    assert await amounts(shop, subscription) == [0, 999]


@pytest.mark.parametrize("days", [0, 7.25, 15.5, 29.99])
async def test_an_upgrade_costs_to_the_second_what_its_preview_said(shop: Shop, days: float) -> None:
    subscription = await shop.subscribed()
    at = await shop.double.advance(days=days)
    change: Any = {"items": [{"id": item(subscription), "price": shop.pro}], "proration_behavior": "always_invoice"}
    preview = await shop.double.v1.invoices.create_preview_async(
        {
            "customer": shop.customer,
            "subscription": subscription.id,
            "subscription_details": {**change, "proration_date": at},
        }
    )
    await shop.double.advance(hours=0.1)
    more = {"payment_behavior": "pending_if_incomplete", "proration_date": at}
    changed = await shop.double.v1.subscriptions.update_async(subscription.id, {**change, **more})
    assert (plan(changed), changed.pending_update) == ("pro_v1", None)
    invoice = await shop.invoice(subscription.id)
    assert [line.amount for line in invoice.lines.data] == [line.amount for line in preview.lines.data]
    assert (invoice.total, invoice.amount_due) == (preview.total, preview.amount_due)
    row = subscription["items"].data[0]
    left, whole = row.current_period_end - at, row.current_period_end - row.current_period_start
    assert [line.amount for line in invoice.lines.data] == [-round(999 * left / whole), round(4999 * left / whole)]
    assert all(line.parent.subscription_item_details.proration for line in invoice.lines.data)


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


async def test_a_payment_that_fails_is_tried_again_and_recovers_when_the_card_does(shop: Shop) -> None:
    subscription = await shop.subscribed()
    await shop.double.local("cards", customer=shop.customer, count=2)
    await shop.double.advance(days=31, hours=2)
    behind = await shop.invoice(subscription.id)
    assert (await read(shop, subscription)).status == "past_due"
    assert (behind.status, behind.attempt_count, behind.next_payment_attempt is not None) == ("open", 1, True)
    await shop.double.advance(days=3)
    assert (await shop.invoice(subscription.id)).attempt_count == 2
    await shop.double.advance(days=5)
    assert (await read(shop, subscription)).status == "active"
    assert await amounts(shop, subscription) == [999, 999]


@pytest.mark.parametrize("after", ["canceled", "unpaid", "past_due"])
async def test_what_nobody_pays_for_ends_as_was_chosen(shop: Shop, after: str) -> None:
    await shop.double.local("retries", after=after)
    subscription = await shop.subscribed()
    await shop.double.local("cards", customer=shop.customer, count=None)
    await shop.double.advance(days=50)
    assert (await read(shop, subscription)).status == after


async def test_an_unpaid_plan_comes_back_when_its_invoice_is_paid_by_hand(shop: Shop) -> None:
    await shop.double.local("retries", after="unpaid")
    subscription = await shop.subscribed()
    await shop.double.local("cards", customer=shop.customer, count=None)
    await shop.double.advance(days=50)
    invoice = await shop.invoice(subscription.id)
    with pytest.raises(stripe.CardError) as refusal:
        await shop.double.v1.invoices.pay_async(invoice.id)
    declined: Any = refusal.value.error
    assert declined.decline_code == "generic_decline"
    assert (await shop.invoice(subscription.id)).attempt_count == invoice.attempt_count + 1
    await shop.double.local("cards", customer=shop.customer, count=0)
    await shop.double.v1.invoices.pay_async(invoice.id)
    assert (await read(shop, subscription)).status == "active"


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


async def test_what_a_meter_counts_is_on_the_bill_even_when_it_comes_late(shop: Shop) -> None:
    subscription = await shop.subscribed()

    async def used(credits: int, identifier: str, at: int) -> None:
        payload = {"stripe_customer_id": shop.customer, "value": str(credits)}
        event: Any = {"event_name": "overage", "payload": payload, "identifier": identifier, "timestamp": at}
        await shop.double.v1.billing.meter_events.create_async(event)

    end = subscription["items"].data[0].current_period_end
    await used(120, "one", await shop.double.advance(days=3))
    now = await shop.double.advance(days=(end - await shop.double.now()) / 86400 + 0.02)
    assert end < now < end + 3600
    await used(30, "late", end - 1)
    await used(7, "next", end)
    await shop.double.advance(hours=2)
    invoice = await shop.invoice(subscription.id)
    counted = invoice.lines.data[0]
    assert (counted.quantity, counted.amount, invoice.amount_paid) == (150, 150, 1149)
    assert (counted.period.start, counted.period.end) == (subscription["items"].data[0].current_period_start, end)
    page = await shop.double.v1.billing.meters.event_summaries.list_async(
        shop.meter,
        {"customer": shop.customer, "start_time": (end - 31 * 86400) // 60 * 60, "end_time": end // 60 * 60 + 60},
    )
    assert sum(summary.aggregated_value for summary in page.data) in (150, 157)
    cancelled = await shop.double.v1.subscriptions.cancel_async(subscription.id, {"invoice_now": True})
    last = await shop.double.v1.invoices.retrieve_async(cancelled.latest_invoice)
    assert (last.total, last.amount_due, last.ending_balance) == (7, 0, 7)  # too little to charge


async def test_cancelling_at_the_end_and_going_on_after_all(shop: Shop) -> None:
    subscription = await shop.subscribed()
    v1 = shop.double.v1
    stopping = await v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    assert stopping.cancel_at == stopping["items"].data[0].current_period_end
    going = await v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": False})
    assert (going.cancel_at, going.canceled_at) == (None, None)
    await shop.double.advance(days=32)
    assert (await read(shop, subscription)).status == "active"
    await v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    await shop.double.advance(days=31)
    ended = await read(shop, subscription)
    assert (ended.status, ended.cancellation_details.reason) == ("canceled", "cancellation_requested")
    assert ended.ended_at == ended["items"].data[0].current_period_end
    assert await amounts(shop, subscription) == [999, 999]
    with pytest.raises(stripe.InvalidRequestError):
        await v1.subscriptions.cancel_async(subscription.id)


async def test_cancelling_now_gives_unused_time_back_where_that_is_asked(shop: Shop) -> None:
    subscription = await shop.subscribed()
    await shop.double.advance(days=10)
    more: Any = {"invoice_now": True, "prorate": True}
    ended = await shop.double.v1.subscriptions.cancel_async(subscription.id, more)
    assert ended.status == "canceled"
    balance = (await shop.double.v1.customers.retrieve_async(shop.customer)).balance
    assert -700 < balance < -600


async def test_a_subscription_whose_first_invoice_nobody_pays_expires(shop: Shop) -> None:
    v1 = shop.double.v1
    method = await v1.payment_methods.attach_async("pm_card_chargeCustomerFail", {"customer": shop.customer})
    rows = [{"price": shop.plus, "quantity": 1}]
    asked: Any = {"customer": shop.customer, "items": rows, "default_payment_method": method.id}
    subscription = await v1.subscriptions.create_async(asked)
    assert subscription.status == "incomplete"
    await shop.double.advance(hours=24)
    assert (await read(shop, subscription)).status == "incomplete_expired"
    assert (await shop.invoice(subscription.id)).status == "void"


@pytest.mark.parametrize(
    ("missing", "status"), [("cancel", "canceled"), ("pause", "paused"), ("create_invoice", "past_due")]
)
async def test_a_trial_without_a_card_ends_as_was_agreed(shop: Shop, missing: str, status: str) -> None:
    agreed = {"trial_period_days": 7, "trial_settings": {"end_behavior": {"missing_payment_method": missing}}}
    session = await shop.open(
        "subscription", shop.plus, subscription_data=agreed, payment_method_collection="if_required"
    )
    answer = await shop.double.http.post(session.url, data={})
    assert answer.status_code == 303
    session = await shop.double.v1.checkout.sessions.retrieve_async(session.id)
    assert session.payment_status == "no_payment_required"
    await shop.double.advance(days=7, hours=2)
    assert (await shop.double.v1.subscriptions.retrieve_async(session.subscription)).status == status


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
