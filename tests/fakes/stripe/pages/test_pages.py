"""The pages, as a browser sees them: forms are followed as they are written, by an HTTP client."""

from __future__ import annotations

import asyncio
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from tests.fakes.stripe.conftest import Double, Shop

OFFERED: Any = {
    "invoice_history": {"enabled": True},
    "payment_method_update": {"enabled": True},
    "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
}


class Forms(HTMLParser):
    """The forms of a page: where each goes, what its fields hold at first, and what its button says."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str], list[str]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((found["action"], {}, [""]))
        if tag == "input" and (found.get("type") != "radio" or "checked" in found):
            self.forms[-1][1][found["name"]] = found.get("value", "")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.forms:
            self.forms[-1][2][0] += data

    def named(self, button: str) -> tuple[str, dict[str, str]]:
        """The form whose button says that."""
        for action, fields, words in self.forms:
            if button in words[0]:
                return action, dict(fields)
        raise AssertionError(f"no form says {button}: {self.text}")


async def press(double: Double, url: str, button: str, **filled: str) -> httpx.Response:
    """Open a page, fill in a form and press its button."""
    page = await double.http.get(url)
    assert page.status_code == 200
    assert "nothing here is real" in page.text
    action, fields = Forms(page.text).named(button)
    return await double.http.post(urljoin(str(page.url), action), data={**fields, **filled})


async def follow(double: Double, answer: httpx.Response) -> str:
    """The page that one is sent to."""
    assert answer.status_code == 303, answer.text
    return (await double.http.get(urljoin(str(answer.url), answer.headers["location"]))).text


async def portal(shop: Shop, **features: Any) -> str:
    v1 = shop.double.v1
    await v1.billing_portal.configurations.create_async({"features": {**OFFERED, **features}})
    visit = await v1.billing_portal.sessions.create_async({"customer": shop.customer, "return_url": "http://shop.test"})
    return str(visit.url)


async def test_somebody_subscribes_and_is_sent_back_with_the_session(shop: Shop) -> None:
    session = await shop.open("subscription", shop.plus, shop.overage, client_reference_id="user_1")
    answer = await press(shop.double, session.url, "Subscribe")
    assert answer.headers["location"] == f"http://shop.test/thanks?session={session.id}"
    done = await shop.double.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["line_items"]})
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    assert (done.client_reference_id, done.amount_total) == ("user_1", 999)
    assert [line.price.id for line in done.line_items.data] == [shop.plus, shop.overage]
    assert (await shop.double.http.get(session.url)).status_code == 410
    assert (await shop.double.http.post(session.url, data={"card": "4242424242424242"})).status_code == 410
    assert len((await shop.double.v1.subscriptions.list_async({"customer": shop.customer})).data) == 1


async def test_a_declined_card_changes_nothing_and_another_one_pays(shop: Shop) -> None:
    session = await shop.open("payment", shop.pack, payment_intent_data={"metadata": {"user": "u"}})
    for number in ("4000000000000002", "4000000000009995", "4000 0000 0000 0341", "1234"):
        answer = await press(shop.double, session.url, "Pay", number=number)
        assert (answer.status_code, 'role="alert"' in answer.text) == (200, True)
    assert (await shop.double.v1.checkout.sessions.retrieve_async(session.id)).payment_intent is None
    assert (await shop.double.v1.payment_intents.list_async({"customer": shop.customer})).data == []
    assert (await press(shop.double, session.url, "Pay", number="5555 5555 5555 4444")).status_code == 303
    done = await shop.double.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["payment_intent.latest_charge"]}
    )
    payment = done.payment_intent
    assert (payment.amount_received, payment.metadata["user"]) == (499, "u")
    assert payment.latest_charge.payment_method_details.card.last4 == "4444"
    by_payment = await shop.double.v1.checkout.sessions.list_async({"payment_intent": payment.id})
    assert [one.id for one in by_payment.data] == [session.id]


async def test_a_button_that_is_pressed_many_times_pays_once(shop: Shop) -> None:
    session = await shop.open("payment", shop.pack)
    answers = await asyncio.gather(*(shop.pay(session) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [303] + [410] * 9
    assert len((await shop.double.v1.charges.list_async({"customer": shop.customer})).data) == 1


async def test_a_page_may_be_expired_and_expires_after_a_day(shop: Shop) -> None:
    v1 = shop.double.v1
    by_hand, by_time = await shop.open("payment", shop.pack), await shop.open("payment", shop.pack)
    assert (await v1.checkout.sessions.expire_async(by_hand.id)).status == "expired"
    await shop.double.advance(hours=25)
    assert (await v1.checkout.sessions.retrieve_async(by_time.id)).status == "expired"
    assert (await shop.double.http.get(by_time.url)).status_code == 410
    assert (await v1.checkout.sessions.list_async({"customer": shop.customer, "status": "open"})).data == []


async def test_whoever_is_not_known_yet_becomes_a_customer(shop: Shop) -> None:
    asked: Any = {"mode": "subscription", "success_url": "http://shop.test", "customer_email": "new@example.org"}
    asked["line_items"] = [{"price": shop.plus, "quantity": 1}]
    session = await shop.double.v1.checkout.sessions.create_async(asked)
    await press(shop.double, session.url, "Subscribe")
    done = await shop.double.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["customer"]})
    assert (done.customer.email, done.customer_details.email) == ("new@example.org", "new@example.org")


async def test_what_comes_from_outside_is_shown_as_text(shop: Shop) -> None:
    await shop.double.v1.products.update_async("kinora", {"name": "<script>alert(1)</script>"})
    session = await shop.open("payment", shop.pack)
    page = (await shop.double.http.get(session.url)).text
    assert ("<script>" in page, "&lt;script&gt;" in page) == (False, True)


async def test_the_portal_cancels_and_goes_on_after_all(shop: Shop) -> None:
    subscription = await shop.subscribed()
    url, v1 = await portal(shop), shop.double.v1
    page = await follow(shop.double, await press(shop.double, url, "Cancel"))
    assert "Ends on" in page
    assert (await v1.subscriptions.retrieve_async(subscription.id)).cancel_at_period_end
    page = await follow(shop.double, await press(shop.double, url, "Go on after all"))
    assert "Renews on" in page
    assert (await v1.subscriptions.retrieve_async(subscription.id)).cancel_at is None


async def test_the_portal_cancels_what_a_schedule_rules(shop: Shop) -> None:
    subscription = await shop.subscribed()
    schedule = await shop.double.v1.subscription_schedules.create_async({"from_subscription": subscription.id})
    await press(shop.double, await portal(shop), "Cancel")
    found = await shop.double.v1.subscriptions.retrieve_async(subscription.id)
    assert (found.schedule, found.cancel_at_period_end) == (None, True)
    assert (await shop.double.v1.subscription_schedules.retrieve_async(schedule.id)).status == "released"


async def test_another_card_in_the_portal_pays_what_is_open(shop: Shop) -> None:
    subscription = await shop.subscribed(card="4000000000000341", subscription_data={"trial_period_days": 7})
    await shop.double.advance(days=7, hours=2)
    assert (await shop.double.v1.subscriptions.retrieve_async(subscription.id)).status == "past_due"
    url = await portal(shop)
    refused = await press(shop.double, url, "Use this card", number="4000000000000002")
    assert "Your card was declined." in refused.text
    still = await press(shop.double, url, "Pay now")
    assert "Your card was declined." in still.text
    page = await follow(shop.double, await press(shop.double, url, "Use this card"))
    assert "ending in 4242" in page
    page = await follow(shop.double, await press(shop.double, url, "Pay now"))
    assert "Pay now" not in page
    assert (await shop.double.v1.subscriptions.retrieve_async(subscription.id)).status == "active"


async def test_an_invoice_has_a_page_at_which_it_is_paid(shop: Shop) -> None:
    subscription = await shop.subscribed()
    await shop.double.local("cards", customer=shop.customer, count=1)
    await shop.double.advance(days=31, hours=2)
    invoice = await shop.invoice(subscription.id)
    paid = await press(shop.double, invoice.hosted_invoice_url, "Pay")
    assert ("paid" in paid.text, paid.status_code) == (True, 200)
    assert (await shop.double.v1.subscriptions.retrieve_async(subscription.id)).status == "active"


async def test_the_portal_offers_what_it_was_configured_to_and_to_its_own_customer(shop: Shop) -> None:
    subscription = await shop.subscribed()
    url = await portal(shop, subscription_cancel={"enabled": False})
    assert "Cancel" not in (await shop.double.http.get(url)).text
    assert (await shop.double.http.post(f"{url}/cancel/{subscription.id}")).status_code == 400
    other = await shop.double.v1.customers.create_async({})
    visit = await shop.double.v1.billing_portal.sessions.create_async({"customer": other.id})
    invoice = await shop.invoice(subscription.id)
    assert (await shop.double.http.post(f"{visit.url}/pay/{invoice.id}")).status_code == 404
    await shop.double.advance(hours=2)
    assert (await shop.double.http.get(url)).status_code == 404


async def test_a_flow_goes_back_when_it_is_done(shop: Shop) -> None:
    await shop.subscribed()
    await portal(shop)
    flow: Any = {"type": "payment_method_update"}
    flow["after_completion"] = {"type": "redirect", "redirect": {"return_url": "http://shop.test/card"}}
    visit = await shop.double.v1.billing_portal.sessions.create_async({"customer": shop.customer, "flow_data": flow})
    answer = await press(shop.double, visit.url, "Use this card")
    assert answer.headers["location"] == "http://shop.test/card"


@pytest.mark.parametrize("path", ["/c/pay/cs_none", "/p/session/bps_none", "/i/in_none"])
async def test_there_is_no_page_for_nothing(double: Double, path: str) -> None:
    assert (await double.http.get(path)).status_code == 404
