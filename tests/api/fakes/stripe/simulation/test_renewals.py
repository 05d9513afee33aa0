"""Renewals over a year of the account's clock."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.stripe_merchant import Merchant
from tests.support.stripe_objects import paid_amounts, reload_subscription
from tests.support.webhook_receiver import WebhookReceiver


async def test_a_year_of_renewals_is_paid_on_the_same_day(merchant: Merchant, receiver: WebhookReceiver) -> None:
    await merchant.stripe.create_endpoint(receiver, "invoice.paid")
    subscription = await merchant.subscribe()
    start = subscription["items"].data[0].current_period_start
    for _ in range(12):
        await merchant.stripe.advance(days=31)
    await merchant.stripe.advance(hours=2)
    now = await reload_subscription(merchant, subscription)
    assert now.status == "active"
    assert (now["items"].data[0].current_period_start - start) % 86400 == 0
    assert await paid_amounts(merchant, subscription) == [999] * 13
    await merchant.stripe.flush()
    invoices = [event["data"]["object"]["id"] for event in receiver.events]
    assert len(invoices) == len(set(invoices)) == 13


async def test_a_trial_is_free_and_announced_before_it_becomes_paid(
    merchant: Merchant, receiver: WebhookReceiver
) -> None:
    await merchant.stripe.create_endpoint(
        receiver, "customer.subscription.trial_will_end", "customer.subscription.updated"
    )
    subscription = await merchant.subscribe(subscription_data={"trial_period_days": 7, "metadata": {"user": "u"}})
    assert subscription.status == "trialing"
    first = await merchant.latest_invoice(subscription.id)
    assert (first.amount_due, first.status, first.billing_reason) == (0, "paid", "subscription_create")
    assert first.parent.subscription_details.metadata["user"] == "u"
    await merchant.stripe.advance(days=5)
    await merchant.stripe.flush()
    assert receiver.event_types() == ["customer.subscription.trial_will_end"]
    await merchant.stripe.advance(days=2)
    draft = await merchant.latest_invoice(subscription.id)
    assert (draft.status, draft.billing_reason) == ("draft", "subscription_cycle")
    assert (await reload_subscription(merchant, subscription)).status == "active"
    await merchant.stripe.advance(hours=2)
    assert await paid_amounts(merchant, subscription) == [0, 999]


async def test_late_usage_is_billed_while_the_invoice_is_a_draft(merchant: Merchant) -> None:
    subscription = await merchant.subscribe()

    async def used(credits: int, identifier: str, at: int) -> None:
        payload = {"stripe_customer_id": merchant.customer, "value": str(credits)}
        event: Any = {"event_name": "overage", "payload": payload, "identifier": identifier, "timestamp": at}
        await merchant.v1.billing.meter_events.create_async(event)

    end = subscription["items"].data[0].current_period_end
    await used(120, "one", await merchant.stripe.advance(days=3))
    now = await merchant.stripe.advance(days=(end - await merchant.stripe.now()) / 86400 + 0.02)
    assert end < now < end + 3600
    await used(30, "late", end - 1)
    await used(7, "next", end)
    await merchant.stripe.advance(hours=2)
    invoice = await merchant.latest_invoice(subscription.id)
    counted = invoice.lines.data[0]
    assert (counted.quantity, counted.amount, invoice.amount_paid) == (150, 150, 1149)
    assert (counted.period.start, counted.period.end) == (subscription["items"].data[0].current_period_start, end)
    page = await merchant.v1.billing.meters.event_summaries.list_async(
        merchant.meter,
        {"customer": merchant.customer, "start_time": (end - 31 * 86400) // 60 * 60, "end_time": end // 60 * 60 + 60},
    )
    assert sum(summary.aggregated_value for summary in page.data) in (150, 157)
    cancelled = await merchant.v1.subscriptions.cancel_async(subscription.id, {"invoice_now": True})
    last = await merchant.v1.invoices.retrieve_async(cancelled.latest_invoice)
    assert (last.total, last.amount_due, last.ending_balance) == (7, 0, 7)  # too little to charge


@pytest.mark.parametrize(
    ("missing", "status"), [("cancel", "canceled"), ("pause", "paused"), ("create_invoice", "past_due")]
)
async def test_a_trial_without_payment_method_ends_as_configured(merchant: Merchant, missing: str, status: str) -> None:
    agreed = {"trial_period_days": 7, "trial_settings": {"end_behavior": {"missing_payment_method": missing}}}
    session = await merchant.open_checkout(
        "subscription", merchant.plus, subscription_data=agreed, payment_method_collection="if_required"
    )
    answer = await merchant.stripe.http.post(session.url, data={})
    assert answer.status_code == 303
    session = await merchant.v1.checkout.sessions.retrieve_async(session.id)
    assert session.payment_status == "no_payment_required"
    await merchant.stripe.advance(days=7, hours=2)
    assert (await merchant.v1.subscriptions.retrieve_async(session.subscription)).status == status
