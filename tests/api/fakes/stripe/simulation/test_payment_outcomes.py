"""Failed payments and their effect on the subscription."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.support.stripe_merchant import Merchant
from tests.support.stripe_objects import paid_amounts, reload_subscription


async def test_a_failed_renewal_is_retried_until_it_is_paid(merchant: Merchant) -> None:
    subscription = await merchant.subscribe()
    await merchant.stripe.control("cards", customer=merchant.customer, count=2)
    await merchant.stripe.advance(days=31, hours=2)
    behind = await merchant.latest_invoice(subscription.id)
    assert (await reload_subscription(merchant, subscription)).status == "past_due"
    assert (behind.status, behind.attempt_count, behind.next_payment_attempt is not None) == ("open", 1, True)
    await merchant.stripe.advance(days=3)
    assert (await merchant.latest_invoice(subscription.id)).attempt_count == 2
    await merchant.stripe.advance(days=5)
    assert (await reload_subscription(merchant, subscription)).status == "active"
    assert await paid_amounts(merchant, subscription) == [999, 999]


@pytest.mark.parametrize("after", ["canceled", "unpaid", "past_due"])
async def test_the_retry_setting_decides_about_an_unpaid_subscription(merchant: Merchant, after: str) -> None:
    await merchant.stripe.control("retries", after=after)
    subscription = await merchant.subscribe()
    await merchant.stripe.control("cards", customer=merchant.customer, count=None)
    await merchant.stripe.advance(days=50)
    assert (await reload_subscription(merchant, subscription)).status == after


async def test_an_unpaid_subscription_resumes_when_its_invoice_is_paid(merchant: Merchant) -> None:
    await merchant.stripe.control("retries", after="unpaid")
    subscription = await merchant.subscribe()
    await merchant.stripe.control("cards", customer=merchant.customer, count=None)
    await merchant.stripe.advance(days=50)
    invoice = await merchant.latest_invoice(subscription.id)
    with pytest.raises(stripe.CardError) as refusal:
        await merchant.v1.invoices.pay_async(invoice.id)
    declined: Any = refusal.value.error
    assert declined.decline_code == "generic_decline"
    assert (await merchant.latest_invoice(subscription.id)).attempt_count == invoice.attempt_count + 1
    await merchant.stripe.control("cards", customer=merchant.customer, count=0)
    await merchant.v1.invoices.pay_async(invoice.id)
    assert (await reload_subscription(merchant, subscription)).status == "active"


async def test_an_incomplete_subscription_expires(merchant: Merchant) -> None:
    v1 = merchant.v1
    method = await v1.payment_methods.attach_async("pm_card_chargeCustomerFail", {"customer": merchant.customer})
    rows = [{"price": merchant.plus, "quantity": 1}]
    params: Any = {"customer": merchant.customer, "items": rows, "default_payment_method": method.id}
    subscription = await v1.subscriptions.create_async(params)
    assert subscription.status == "incomplete"
    await merchant.stripe.advance(hours=24)
    assert (await reload_subscription(merchant, subscription)).status == "incomplete_expired"
    assert (await merchant.latest_invoice(subscription.id)).status == "void"
