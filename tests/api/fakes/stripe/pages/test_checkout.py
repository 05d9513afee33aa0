"""The checkout page, used by an HTTP client as a browser would."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.fake_stripe import FakeStripe
from tests.support.html_forms import submit_form
from tests.support.stripe_merchant import Merchant


async def test_a_subscriber_is_redirected_with_the_session_id(merchant: Merchant) -> None:
    session = await merchant.open_checkout(
        "subscription", merchant.plus, merchant.overage, client_reference_id="user_1"
    )
    answer = await submit_form(merchant.stripe, session.url, "Subscribe")
    assert answer.headers["location"] == f"http://shop.test/thanks?session={session.id}"
    done = await merchant.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["line_items"]})
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    assert (done.client_reference_id, done.amount_total) == ("user_1", 999)
    assert [line.price.id for line in done.line_items.data] == [merchant.plus, merchant.overage]
    assert (await merchant.stripe.http.get(session.url)).status_code == 410
    assert (await merchant.stripe.http.post(session.url, data={"card": "4242424242424242"})).status_code == 410
    assert len((await merchant.v1.subscriptions.list_async({"customer": merchant.customer})).data) == 1


async def test_a_declined_card_changes_nothing_and_another_pays(merchant: Merchant) -> None:
    session = await merchant.open_checkout("payment", merchant.pack, payment_intent_data={"metadata": {"user": "u"}})
    for number in ("4000000000000002", "4000000000009995", "4000 0000 0000 0341", "1234"):
        answer = await submit_form(merchant.stripe, session.url, "Pay", number=number)
        assert (answer.status_code, 'role="alert"' in answer.text) == (200, True)
    assert (await merchant.v1.checkout.sessions.retrieve_async(session.id)).payment_intent is None
    assert (await merchant.v1.payment_intents.list_async({"customer": merchant.customer})).data == []
    assert (await submit_form(merchant.stripe, session.url, "Pay", number="5555 5555 5555 4444")).status_code == 303
    done = await merchant.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent.latest_charge"]})
    payment = done.payment_intent
    assert (payment.amount_received, payment.metadata["user"]) == (499, "u")
    assert payment.latest_charge.payment_method_details.card.last4 == "4444"
    by_payment = await merchant.v1.checkout.sessions.list_async({"payment_intent": payment.id})
    assert [item.id for item in by_payment.data] == [session.id]


async def test_concurrent_submissions_pay_once(merchant: Merchant) -> None:
    session = await merchant.open_checkout("payment", merchant.pack)
    answers = await asyncio.gather(*(merchant.submit_card(session) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [303] + [410] * 9
    assert len((await merchant.v1.charges.list_async({"customer": merchant.customer})).data) == 1


async def test_a_session_expires_on_request_or_after_a_day(merchant: Merchant) -> None:
    v1 = merchant.v1
    by_hand, by_time = (
        await merchant.open_checkout("payment", merchant.pack),
        await merchant.open_checkout("payment", merchant.pack),
    )
    assert (await v1.checkout.sessions.expire_async(by_hand.id)).status == "expired"
    await merchant.stripe.advance(hours=25)
    assert (await v1.checkout.sessions.retrieve_async(by_time.id)).status == "expired"
    assert (await merchant.stripe.http.get(by_time.url)).status_code == 410
    assert (await v1.checkout.sessions.list_async({"customer": merchant.customer, "status": "open"})).data == []


async def test_checkout_creates_a_customer(merchant: Merchant) -> None:
    params: Any = {"mode": "subscription", "success_url": "http://shop.test", "customer_email": "new@example.org"}
    params["line_items"] = [{"price": merchant.plus, "quantity": 1}]
    session = await merchant.v1.checkout.sessions.create_async(params)
    await submit_form(merchant.stripe, session.url, "Subscribe")
    done = await merchant.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["customer"]})
    assert (done.customer.email, done.customer_details.email) == ("new@example.org", "new@example.org")


async def test_page_content_is_escaped(merchant: Merchant) -> None:
    await merchant.v1.products.update_async("kinora", {"name": "<script>alert(1)</script>"})
    session = await merchant.open_checkout("payment", merchant.pack)
    page = (await merchant.stripe.http.get(session.url)).text
    assert ("<script>" in page, "&lt;script&gt;" in page) == (False, True)


@pytest.mark.parametrize("path", ["/c/pay/cs_none", "/p/session/bps_none", "/i/in_none"])
async def test_pages_of_unknown_objects_are_404(fake_stripe: FakeStripe, path: str) -> None:
    assert (await fake_stripe.http.get(path)).status_code == 404
