"""Refunds."""

from __future__ import annotations

import pytest
import stripe

from tests.support.stripe_merchant import Merchant
from tests.support.stripe_objects import buy_pack, find_charge
from tests.support.webhook_receiver import WebhookReceiver


async def test_partial_refunds_cannot_exceed_the_charge(merchant: Merchant, receiver: WebhookReceiver) -> None:
    payment, v1 = await buy_pack(merchant), merchant.v1
    await merchant.stripe.create_endpoint(receiver, "charge.refunded", "refund.created")
    part = await v1.refunds.create_async({"payment_intent": payment, "amount": 100, "metadata": {"why": "x"}})
    assert (part.status, part.metadata["why"]) == ("succeeded", "x")
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        await v1.refunds.create_async({"payment_intent": payment, "amount": 400})
    rest = await v1.refunds.create_async({"payment_intent": payment, "reason": "requested_by_customer"})
    assert rest.amount == 399
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await v1.refunds.create_async({"payment_intent": payment})
    assert refusal.value.code == "charge_already_refunded"
    found = await find_charge(merchant, payment)
    assert (found.amount_refunded, found.refunded, len(found.refunds.data)) == (499, True, 2)
    listed = await v1.refunds.list_async({"payment_intent": payment})
    assert [item.id for item in listed.data] == [rest.id, part.id]
    await merchant.stripe.flush()
    assert receiver.event_types() == ["refund.created", "charge.refunded"] * 2


@pytest.mark.parametrize(
    ("card", "first", "last", "given"),
    [("4000000000007726", "pending", "succeeded", 499), ("4000000000005126", "succeeded", "failed", 0)],
)
async def test_a_refund_settles_or_fails_later(
    merchant: Merchant, card: str, first: str, last: str, given: int
) -> None:
    payment = await buy_pack(merchant, card)
    refund = await merchant.v1.refunds.create_async({"payment_intent": payment})
    assert (refund.status, (await find_charge(merchant, payment)).amount_refunded) == (first, 499)
    await merchant.stripe.advance(hours=2)
    assert (await merchant.v1.refunds.retrieve_async(refund.id)).status == last
    assert (await find_charge(merchant, payment)).amount_refunded == given


async def test_a_subscription_payment_is_refunded_by_its_charge(merchant: Merchant) -> None:
    subscription = await merchant.subscribe()
    v1 = merchant.v1
    (paid,) = (await v1.invoice_payments.list_async({"invoice": subscription.latest_invoice})).data
    intent = paid.payment.payment_intent
    found = await v1.invoice_payments.list_async({"payment": {"type": "payment_intent", "payment_intent": intent}})
    assert [item.invoice for item in found.data] == [subscription.latest_invoice]
    await v1.refunds.create_async({"charge": (await find_charge(merchant, intent)).id})
    assert (await v1.invoices.retrieve_async(subscription.latest_invoice)).status == "paid"
