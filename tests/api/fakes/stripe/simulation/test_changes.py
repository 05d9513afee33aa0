"""Updates of a subscription: prorations, previews, and failed payments."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.support.stripe_merchant import Merchant
from tests.support.stripe_objects import first_item_id, paid_amounts, plan_key, reload_subscription
from tests.support.webhook_receiver import WebhookReceiver


async def create_price(merchant: Merchant, amount: int) -> str:
    """A price so high that every second of it costs something."""
    params: Any = {"product": "kinora", "currency": "usd", "unit_amount": amount, "recurring": {"interval": "month"}}
    price = await merchant.v1.prices.create_async(params)
    return str(price.id)


@pytest.mark.parametrize("days", [0, 7.25, 15.5, 29.99])
async def test_an_upgrade_costs_exactly_what_its_preview_showed(
    merchant: Merchant, receiver: WebhookReceiver, days: float
) -> None:
    cheap, better = await create_price(merchant, 59_999_999), await create_price(merchant, 99_999_999)
    subscription = await merchant.subscribe(cheap, merchant.overage)
    await merchant.stripe.create_endpoint(
        receiver, "customer.subscription.updated", "customer.subscription.pending_update_applied"
    )
    at = await merchant.stripe.advance(days=days)
    change: Any = {
        "items": [{"id": first_item_id(subscription), "price": better}],
        "proration_behavior": "always_invoice",
    }
    details = {**change, "proration_date": at}
    preview = await merchant.v1.invoices.create_preview_async(
        {"customer": merchant.customer, "subscription": subscription.id, "subscription_details": details}
    )
    await merchant.stripe.advance(hours=0.1)
    more = {"payment_behavior": "pending_if_incomplete", "proration_date": at}
    changed = await merchant.v1.subscriptions.update_async(subscription.id, {**change, **more})
    assert (changed["items"].data[0].price.id, changed.pending_update) == (better, None)
    invoice = await merchant.latest_invoice(subscription.id)
    assert [line.amount for line in invoice.lines.data] == [line.amount for line in preview.lines.data]
    assert (invoice.total, invoice.amount_due) == (preview.total, preview.amount_due)
    row = subscription["items"].data[0]
    left, whole = row.current_period_end - at, row.current_period_end - row.current_period_start
    shares = [-round(59_999_999 * left / whole), round(99_999_999 * left / whole)]
    assert [line.amount for line in invoice.lines.data] == shares
    assert all(line.parent.subscription_item_details.proration for line in invoice.lines.data)
    await merchant.stripe.flush()
    assert receiver.event_types() == ["customer.subscription.updated"]


async def test_a_pending_upgrade_is_applied_when_its_invoice_is_paid(
    merchant: Merchant, receiver: WebhookReceiver
) -> None:
    subscription = await merchant.subscribe()
    await merchant.stripe.create_endpoint(receiver, "customer.subscription.pending_update_applied")
    await merchant.stripe.control("cards", customer=merchant.customer, count=1)
    change: Any = {
        "items": [{"id": first_item_id(subscription), "price": merchant.pro}],
        "proration_behavior": "always_invoice",
    }
    more = {"payment_behavior": "pending_if_incomplete"}
    waiting = await merchant.v1.subscriptions.update_async(subscription.id, {**change, **more})
    assert (plan_key(waiting), waiting.status) == ("plus_v1", "active")
    assert waiting.pending_update.subscription_items[0].price.lookup_key == "pro_v1"
    await merchant.v1.invoices.pay_async(waiting.latest_invoice)
    changed = await reload_subscription(merchant, subscription)
    assert (plan_key(changed), changed.pending_update) == ("pro_v1", None)
    await merchant.stripe.flush()
    assert receiver.event_types() == ["customer.subscription.pending_update_applied"]


async def test_a_pending_upgrade_expires_unpaid(merchant: Merchant, receiver: WebhookReceiver) -> None:
    subscription = await merchant.subscribe()
    await merchant.stripe.create_endpoint(receiver, "customer.subscription.pending_update_expired", "invoice.voided")
    await merchant.stripe.control("cards", customer=merchant.customer, count=1)
    change: Any = {
        "items": [{"id": first_item_id(subscription), "price": merchant.pro}],
        "proration_behavior": "always_invoice",
    }
    more = {"payment_behavior": "pending_if_incomplete"}
    waiting = await merchant.v1.subscriptions.update_async(subscription.id, {**change, **more})
    await merchant.stripe.advance(hours=24)
    changed = await reload_subscription(merchant, subscription)
    assert (plan_key(changed), changed.pending_update) == ("plus_v1", None)
    assert (await merchant.v1.invoices.retrieve_async(waiting.latest_invoice)).status == "void"
    await merchant.stripe.flush()
    assert receiver.event_types() == ["customer.subscription.pending_update_expired", "invoice.voided"]


async def test_payment_behavior_decides_about_a_declined_upgrade(merchant: Merchant) -> None:
    subscription = await merchant.subscribe()
    change: Any = {
        "items": [{"id": first_item_id(subscription), "price": merchant.pro}],
        "proration_behavior": "always_invoice",
    }
    await merchant.stripe.control("cards", customer=merchant.customer, count=1)
    more = {"payment_behavior": "error_if_incomplete"}
    with pytest.raises(stripe.CardError):
        await merchant.v1.subscriptions.update_async(subscription.id, {**change, **more})
    same = await reload_subscription(merchant, subscription)
    assert (plan_key(same), same.latest_invoice) == ("plus_v1", subscription.latest_invoice)
    await merchant.stripe.control("cards", customer=merchant.customer, count=1)
    changed = await merchant.v1.subscriptions.update_async(subscription.id, change)
    assert (plan_key(changed), changed.status) == ("pro_v1", "past_due")


async def test_pending_updates_reject_other_parameters(merchant: Merchant) -> None:
    subscription = await merchant.subscribe()
    change: Any = {"items": [{"id": first_item_id(subscription), "price": merchant.pro}], "metadata": {"a": "b"}}
    with pytest.raises(stripe.InvalidRequestError, match="pending_if_incomplete"):
        await merchant.v1.subscriptions.update_async(
            subscription.id, {**change, "payment_behavior": "pending_if_incomplete"}
        )


async def test_created_prorations_are_on_the_next_invoice(merchant: Merchant) -> None:
    subscription = await merchant.subscribe()
    await merchant.stripe.advance(days=10)
    change: Any = {
        "items": [{"id": first_item_id(subscription), "price": merchant.pro}],
        "proration_behavior": "create_prorations",
    }
    await merchant.v1.subscriptions.update_async(subscription.id, change)
    assert await paid_amounts(merchant, subscription) == [999]
    preview = await merchant.v1.invoices.create_preview_async({"subscription": subscription.id})
    await merchant.stripe.advance(days=21, hours=3)
    invoice = await merchant.latest_invoice(subscription.id)
    assert len(invoice.lines.data) == 4  # unused, remaining, usage, the new period
    assert (invoice.total, invoice.status) == (preview.total, "paid")
    change["proration_behavior"] = "none"
    change["items"][0]["price"] = merchant.plus
    await merchant.v1.subscriptions.update_async(subscription.id, change)
    preview = await merchant.v1.invoices.create_preview_async({"subscription": subscription.id})
    assert preview.total == 999


async def test_a_credit_goes_to_the_balance_and_reduces_the_next_invoice(merchant: Merchant) -> None:
    subscription = await merchant.subscribe(merchant.pro)
    await merchant.stripe.advance(days=1)
    change: Any = {
        "items": [{"id": first_item_id(subscription), "price": merchant.plus}],
        "proration_behavior": "always_invoice",
    }
    await merchant.v1.subscriptions.update_async(subscription.id, change)
    credit = await merchant.latest_invoice(subscription.id)
    assert (credit.amount_due, credit.status, credit.ending_balance) == (0, "paid", credit.total)
    assert (await merchant.v1.customers.retrieve_async(merchant.customer)).balance == credit.total < -3500
    await merchant.stripe.advance(days=31)
    following = await merchant.latest_invoice(subscription.id)
    assert (following.total, following.amount_due, following.ending_balance) == (999, 0, credit.total + 999)


async def test_an_upgrade_can_end_the_trial(merchant: Merchant) -> None:
    subscription = await merchant.subscribe(subscription_data={"trial_period_days": 7})
    at = await merchant.stripe.advance(days=2)
    change: Any = {
        "items": [{"id": first_item_id(subscription), "price": merchant.pro}],
        "proration_behavior": "always_invoice",
    }
    preview = await merchant.v1.invoices.create_preview_async(
        {"subscription": subscription.id, "subscription_details": {**change, "trial_end": "now"}}
    )
    more = {"trial_end": "now", "payment_behavior": "pending_if_incomplete"}
    changed = await merchant.v1.subscriptions.update_async(subscription.id, {**change, **more})
    assert (changed.status, plan_key(changed)) == ("active", "pro_v1")
    assert (await merchant.latest_invoice(subscription.id)).amount_paid == preview.amount_due == 4999
    assert changed["items"].data[0].current_period_start - at < 5
    await merchant.stripe.advance(days=32)
    assert await paid_amounts(merchant, subscription) == [0, 4999, 4999]
