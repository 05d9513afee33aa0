"""Money that goes back: refunds in all their ends, and disputes."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.fakes.stripe.conftest import Shop
from tests.support.webhook_receiver import Receiver


async def bought(shop: Shop, card: str = "4242424242424242") -> str:
    """A payment."""
    session = await shop.open("payment", shop.pack)
    assert (await shop.pay(session, card)).status_code == 303
    return str((await shop.double.v1.checkout.sessions.retrieve_async(session.id)).payment_intent)


async def charge(shop: Shop, payment: str) -> Any:
    (found,) = (await shop.double.v1.charges.list_async({"payment_intent": payment, "expand": ["data.refunds"]})).data
    return found


async def test_a_payment_is_given_back_in_parts_and_no_more_than_it_was(shop: Shop, receiver: Receiver) -> None:
    payment, v1 = await bought(shop), shop.double.v1
    await shop.double.hooked(receiver, "charge.refunded", "refund.created")
    part = await v1.refunds.create_async({"payment_intent": payment, "amount": 100, "metadata": {"why": "x"}})
    assert (part.status, part.metadata["why"]) == ("succeeded", "x")
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        await v1.refunds.create_async({"payment_intent": payment, "amount": 400})
    rest = await v1.refunds.create_async({"payment_intent": payment, "reason": "requested_by_customer"})
    assert rest.amount == 399
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await v1.refunds.create_async({"payment_intent": payment})
    assert refusal.value.code == "charge_already_refunded"
    found = await charge(shop, payment)
    assert (found.amount_refunded, found.refunded, len(found.refunds.data)) == (499, True, 2)
    listed = await v1.refunds.list_async({"payment_intent": payment})
    assert [one.id for one in listed.data] == [rest.id, part.id]
    await shop.double.flush()
    assert receiver.types() == ["refund.created", "charge.refunded"] * 2


@pytest.mark.parametrize(
    ("card", "first", "last", "given"),
    [("4000000000007726", "pending", "succeeded", 499), ("4000000000005126", "succeeded", "failed", 0)],
)
async def test_a_refund_may_take_a_while_and_may_fail(shop: Shop, card: str, first: str, last: str, given: int) -> None:
    payment = await bought(shop, card)
    refund = await shop.double.v1.refunds.create_async({"payment_intent": payment})
    assert (refund.status, (await charge(shop, payment)).amount_refunded) == (first, 499)
    await shop.double.advance(hours=2)
    assert (await shop.double.v1.refunds.retrieve_async(refund.id)).status == last
    assert (await charge(shop, payment)).amount_refunded == given


async def test_a_subscription_payment_is_found_from_its_charge_and_given_back(shop: Shop) -> None:
    subscription = await shop.subscribed()
    v1 = shop.double.v1
    (paid,) = (await v1.invoice_payments.list_async({"invoice": subscription.latest_invoice})).data
    intent = paid.payment.payment_intent
    found = await v1.invoice_payments.list_async({"payment": {"type": "payment_intent", "payment_intent": intent}})
    assert [one.invoice for one in found.data] == [subscription.latest_invoice]
    await v1.refunds.create_async({"charge": (await charge(shop, intent)).id})
    assert (await v1.invoices.retrieve_async(subscription.latest_invoice)).status == "paid"


async def test_a_dispute_takes_the_money_and_the_bank_decides(shop: Shop, receiver: Receiver) -> None:
    await shop.double.hooked(receiver, "charge.dispute.*", *DISPUTED)
    for outcome in ("won", "lost"):
        payment = await bought(shop)
        dispute = await shop.double.local("disputes", payment_intent=payment)
        (found,) = (await shop.double.v1.disputes.list_async({"payment_intent": payment})).data
        assert (found.id, found.status, found.amount) == (dispute["id"], "needs_response", 499)
        assert (await charge(shop, payment)).disputed
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            await shop.double.v1.refunds.create_async({"payment_intent": payment})
        assert refusal.value.code == "charge_disputed"
        await shop.double.local(f"disputes/{dispute['id']}/close", outcome=outcome)
        assert (await shop.double.v1.disputes.retrieve_async(dispute["id"])).status == outcome
    await shop.double.flush()
    opened = ["charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed"]
    assert receiver.types() == [*opened, "charge.dispute.funds_reinstated", *opened]


DISPUTED = [f"charge.dispute.{word}" for word in ("created", "closed", "funds_withdrawn", "funds_reinstated")]


async def test_a_card_may_dispute_by_itself(shop: Shop) -> None:
    payment = await bought(shop, "4000000000000259")
    assert len((await shop.double.v1.disputes.list_async({"payment_intent": payment})).data) == 1


async def test_a_dispute_about_nothing_is_refused(shop: Shop) -> None:
    answer = await shop.double.http.post("/_local/disputes", json={"payment_intent": "pi_none"})
    assert answer.status_code == 404
