"""Disputes."""

from __future__ import annotations

import pytest
import stripe

from tests.support.stripe_merchant import Merchant
from tests.support.stripe_objects import buy_pack, find_charge
from tests.support.webhook_receiver import WebhookReceiver

DISPUTE_EVENTS = [f"charge.dispute.{word}" for word in ("created", "closed", "funds_withdrawn", "funds_reinstated")]


async def test_a_dispute_withdraws_funds_until_it_is_closed(merchant: Merchant, receiver: WebhookReceiver) -> None:
    await merchant.stripe.create_endpoint(receiver, "charge.dispute.*", *DISPUTE_EVENTS)
    for outcome in ("won", "lost"):
        payment = await buy_pack(merchant)
        dispute = await merchant.stripe.control("disputes", payment_intent=payment)
        (found,) = (await merchant.v1.disputes.list_async({"payment_intent": payment})).data
        assert (found.id, found.status, found.amount) == (dispute["id"], "needs_response", 499)
        assert (await find_charge(merchant, payment)).disputed
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            await merchant.v1.refunds.create_async({"payment_intent": payment})
        assert refusal.value.code == "charge_disputed"
        await merchant.stripe.control(f"disputes/{dispute['id']}/close", outcome=outcome)
        assert (await merchant.v1.disputes.retrieve_async(dispute["id"])).status == outcome
    await merchant.stripe.flush()
    opened = ["charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed"]
    assert receiver.event_types() == [*opened, "charge.dispute.funds_reinstated", *opened]


async def test_the_dispute_card_opens_a_dispute(merchant: Merchant) -> None:
    payment = await buy_pack(merchant, "4000000000000259")
    assert len((await merchant.v1.disputes.list_async({"payment_intent": payment})).data) == 1


async def test_a_dispute_needs_an_existing_payment(merchant: Merchant) -> None:
    answer = await merchant.stripe.http.post("/_local/disputes", json={"payment_intent": "pi_none"})
    assert answer.status_code == 404
