"""The customer portal and the page of an invoice."""

from __future__ import annotations

from typing import Any

from tests.support.html_forms import follow_redirect, submit_form
from tests.support.stripe_merchant import Merchant

FEATURES: Any = {
    "invoice_history": {"enabled": True},
    "payment_method_update": {"enabled": True},
    "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
}


async def open_portal(merchant: Merchant, **features: Any) -> str:
    v1 = merchant.v1
    await v1.billing_portal.configurations.create_async({"features": {**FEATURES, **features}})
    visit = await v1.billing_portal.sessions.create_async(
        {"customer": merchant.customer, "return_url": "http://shop.test"}
    )
    return str(visit.url)


async def test_the_portal_cancels_and_resumes(merchant: Merchant) -> None:
    subscription = await merchant.subscribe()
    url, v1 = await open_portal(merchant), merchant.v1
    page = await follow_redirect(merchant.stripe, await submit_form(merchant.stripe, url, "Cancel"))
    assert "Ends on" in page
    assert (await v1.subscriptions.retrieve_async(subscription.id)).cancel_at_period_end
    page = await follow_redirect(merchant.stripe, await submit_form(merchant.stripe, url, "Go on after all"))
    assert "Renews on" in page
    assert (await v1.subscriptions.retrieve_async(subscription.id)).cancel_at is None


async def test_the_portal_cancels_a_scheduled_subscription(merchant: Merchant) -> None:
    subscription = await merchant.subscribe()
    schedule = await merchant.v1.subscription_schedules.create_async({"from_subscription": subscription.id})
    await submit_form(merchant.stripe, await open_portal(merchant), "Cancel")
    found = await merchant.v1.subscriptions.retrieve_async(subscription.id)
    assert (found.schedule, found.cancel_at_period_end) == (None, True)
    assert (await merchant.v1.subscription_schedules.retrieve_async(schedule.id)).status == "released"


async def test_a_new_card_in_the_portal_pays_an_open_invoice(merchant: Merchant) -> None:
    subscription = await merchant.subscribe(card="4000000000000341", subscription_data={"trial_period_days": 7})
    await merchant.stripe.advance(days=7, hours=2)
    assert (await merchant.v1.subscriptions.retrieve_async(subscription.id)).status == "past_due"
    url = await open_portal(merchant)
    refused = await submit_form(merchant.stripe, url, "Use this card", number="4000000000000002")
    assert "Your card was declined." in refused.text
    still = await submit_form(merchant.stripe, url, "Pay now")
    assert "Your card was declined." in still.text
    page = await follow_redirect(merchant.stripe, await submit_form(merchant.stripe, url, "Use this card"))
    assert "ending in 4242" in page
    page = await follow_redirect(merchant.stripe, await submit_form(merchant.stripe, url, "Pay now"))
    assert "Pay now" not in page
    assert (await merchant.v1.subscriptions.retrieve_async(subscription.id)).status == "active"


async def test_an_invoice_is_paid_at_its_hosted_page(merchant: Merchant) -> None:
    subscription = await merchant.subscribe()
    await merchant.stripe.control("cards", customer=merchant.customer, count=1)
    await merchant.stripe.advance(days=31, hours=2)
    invoice = await merchant.latest_invoice(subscription.id)
    paid = await submit_form(merchant.stripe, invoice.hosted_invoice_url, "Pay")
    assert ("paid" in paid.text, paid.status_code) == (True, 200)
    assert (await merchant.v1.subscriptions.retrieve_async(subscription.id)).status == "active"


async def test_the_portal_offers_its_features_to_its_own_customer(merchant: Merchant) -> None:
    subscription = await merchant.subscribe()
    url = await open_portal(merchant, subscription_cancel={"enabled": False})
    assert "Cancel" not in (await merchant.stripe.http.get(url)).text
    assert (await merchant.stripe.http.post(f"{url}/cancel/{subscription.id}")).status_code == 400
    other = await merchant.v1.customers.create_async({})
    visit = await merchant.v1.billing_portal.sessions.create_async({"customer": other.id})
    invoice = await merchant.latest_invoice(subscription.id)
    assert (await merchant.stripe.http.post(f"{visit.url}/pay/{invoice.id}")).status_code == 404
    await merchant.stripe.advance(hours=2)
    assert (await merchant.stripe.http.get(url)).status_code == 404


async def test_a_portal_flow_redirects_after_completion(merchant: Merchant) -> None:
    await merchant.subscribe()
    await open_portal(merchant)
    flow: Any = {"type": "payment_method_update"}
    flow["after_completion"] = {"type": "redirect", "redirect": {"return_url": "http://shop.test/card"}}
    visit = await merchant.v1.billing_portal.sessions.create_async({"customer": merchant.customer, "flow_data": flow})
    answer = await submit_form(merchant.stripe, visit.url, "Use this card")
    assert answer.headers["location"] == "http://shop.test/card"
