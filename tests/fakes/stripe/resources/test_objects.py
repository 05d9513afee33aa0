"""Every kind of object that the double has a shape for is answered with once, and is as Stripe's library says.

The check itself is made on every answer in `conftest.py`; here is one walk past everything there is.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import api.fakes.stripe
from tests.fakes.stripe import conftest
from tests.fakes.stripe.conftest import Shop, check
from tests.support.webhook_receiver import Receiver

SOURCE = Path(api.fakes.stripe.__file__).parent
NAMES = "KIND|EVENT|ENDPOINT|DESTINATION|CONFIGURATION|SESSION"
KIND = re.compile(rf'(?:"object": |^(?:{NAMES})[^=]*= )"([a-z0-9_.]+)"', re.MULTILINE)
SECOND = re.compile(r'^\w+, \w+ = "[a-z0-9_.]+", "([a-z0-9_.]+)"', re.MULTILINE)


def kinds() -> set[str]:
    """Every kind of object that the source makes."""
    text = "\n".join(path.read_text() for path in SOURCE.rglob("*.py"))
    return set(KIND.findall(text)) | set(SECOND.findall(text))


async def walk(shop: Shop, receiver: Receiver) -> None:
    v1, v2, double = shop.double.v1, shop.double.v2, shop.double
    endpoint = await double.hooked(receiver)
    asked: Any = {"name": "thin", "type": "webhook_endpoint", "event_payload": "thin", "enabled_events": ["*"]}
    destination = await v2.core.event_destinations.create_async({**asked, "webhook_endpoint": {"url": receiver.url}})
    await v2.core.event_destinations.retrieve_async(destination.id)
    await v1.webhook_endpoints.retrieve_async(endpoint.id)
    await bought(shop)
    await changed(shop)
    await portal(shop)
    await metered(shop)
    await double.advance(days=32)
    for kind in ("customers", "products", "prices", "subscriptions", "subscription_schedules", "invoices", "charges"):
        await getattr(v1, kind).list_async({"limit": 100})
    for kind in ("invoice_payments", "payment_intents", "refunds", "disputes", "events"):
        await getattr(v1, kind).list_async({"limit": 100})
    await v1.payment_methods.list_async({"customer": shop.customer})
    await v1.customers.delete_async(shop.customer)
    await v1.customers.retrieve_async(shop.customer)
    await double.flush()


async def bought(shop: Shop) -> None:
    v1 = shop.double.v1
    session = await shop.open("payment", shop.pack, payment_intent_data={"setup_future_usage": "off_session"})
    await shop.pay(session, "4000000000000002")
    await shop.pay(session)
    everything = {"expand": ["customer", "payment_intent.latest_charge.balance_transaction", "line_items"]}
    session = await v1.checkout.sessions.retrieve_async(session.id, everything)
    await v1.checkout.sessions.line_items.list_async(session.id)
    await v1.refunds.create_async({"payment_intent": session.payment_intent.id, "amount": 99})
    await v1.balance_transactions.retrieve_async(session.payment_intent.latest_charge.balance_transaction.id)
    other = await shop.open("payment", shop.pack)
    await shop.pay(other, "4000000000000259")


async def changed(shop: Shop) -> None:
    v1 = shop.double.v1
    subscription = await shop.subscribed()
    item = subscription["items"].data[0].id
    await shop.double.local("cards", customer=shop.customer, count=1)
    change: Any = {"items": [{"id": item, "price": shop.pro}]}
    at_once = {"proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"}
    waiting = await v1.subscriptions.update_async(subscription.id, {**change, **at_once})
    expanded = {"expand": ["payments.data.payment.payment_intent"]}
    await v1.invoices.retrieve_async(waiting.latest_invoice, expanded)
    await v1.invoices.line_items.list_async(waiting.latest_invoice)
    await v1.invoices.pay_async(waiting.latest_invoice)
    await v1.invoices.create_preview_async({"subscription": subscription.id})
    await v1.invoices.create_preview_async(
        {"customer": shop.customer, "subscription_details": {"items": [{"price": shop.plus}]}}
    )
    await shop.double.advance(days=3)
    change["items"][0]["price"] = shop.plus
    await v1.subscriptions.update_async(subscription.id, {**change, "proration_behavior": "create_prorations"})
    await v1.subscription_schedules.create_async({"from_subscription": subscription.id})


async def portal(shop: Shop) -> None:
    v1 = shop.double.v1
    features: Any = {"invoice_history": {"enabled": True}, "customer_update": {"enabled": False}}
    features["subscription_cancel"] = {"enabled": True, "cancellation_reason": {"enabled": True, "options": ["unused"]}}
    configuration = await v1.billing_portal.configurations.create_async({"features": features})
    await v1.billing_portal.configurations.update_async(configuration.id, {"business_profile": {"headline": "Hello"}})
    flow: Any = {"type": "subscription_cancel"}
    (subscription,) = (await v1.subscriptions.list_async({"customer": shop.customer})).data
    flow["subscription_cancel"] = {"subscription": subscription.id}
    await v1.billing_portal.sessions.create_async({"customer": shop.customer, "flow_data": flow})


async def metered(shop: Shop) -> None:
    v1 = shop.double.v1
    for customer in (shop.customer, "cus_none"):
        payload = {"stripe_customer_id": customer, "value": "3"}
        await v1.billing.meter_events.create_async({"event_name": "overage", "payload": payload})
    now = await shop.double.now()
    span = {"customer": shop.customer, "start_time": now // 60 * 60, "end_time": now // 60 * 60 + 60}
    await v1.billing.meters.event_summaries.list_async(shop.meter, span)
    await v1.billing.meters.deactivate_async(shop.meter)
    await v1.billing.meters.reactivate_async(shop.meter)


async def test_everything_it_ever_answers_with_is_as_the_library_says(shop: Shop, receiver: Receiver) -> None:
    conftest.SEEN.clear()
    await walk(shop, receiver)
    snapshots = [event for event in receiver.events if event["object"] == "event"]
    assert len(snapshots) > 50
    for event in snapshots:
        check(event)
    for notice in [event for event in receiver.events if event["object"] != "event"]:
        await shop.double.v2.core.events.retrieve_async(notice["id"])
    assert len(kinds()) > 25
    assert kinds() <= conftest.SEEN
