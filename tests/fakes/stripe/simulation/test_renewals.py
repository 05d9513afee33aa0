"""What is sold lives: subscriptions over a year of the double's clock, through Stripe's own client."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.fakes.stripe.conftest import Shop
from tests.support.stripe_objects import amounts, read
from tests.support.webhook_receiver import Receiver


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
