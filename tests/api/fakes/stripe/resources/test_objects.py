"""Every kind of object that the fake Stripe creates is received once and matches the library's annotations.

The client checks every response of every test; the walk here covers all kinds.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import api.fakes.stripe
from tests.support import checked_stripe_client
from tests.support.checked_stripe_client import check_object
from tests.support.stripe_merchant import Merchant
from tests.support.webhook_receiver import WebhookReceiver

SOURCE = Path(api.fakes.stripe.__file__).parent
NAMES = "KIND|EVENT|ENDPOINT|DESTINATION|CONFIGURATION|SESSION"
KIND = re.compile(rf'(?:"object": |^(?:{NAMES})[^=]*= )"([a-z0-9_.]+)"', re.MULTILINE)
SECOND = re.compile(r'^\w+, \w+ = "[a-z0-9_.]+", "([a-z0-9_.]+)"', re.MULTILINE)


def kinds_in_source() -> set[str]:
    """Every kind of object that the source makes."""
    text = "\n".join(path.read_text() for path in SOURCE.rglob("*.py"))
    return set(KIND.findall(text)) | set(SECOND.findall(text))


async def exercise_everything(merchant: Merchant, receiver: WebhookReceiver) -> None:
    v1, v2, fake_stripe = merchant.v1, merchant.stripe.v2, merchant.stripe
    endpoint = await fake_stripe.create_endpoint(receiver)
    params: Any = {"name": "thin", "type": "webhook_endpoint", "event_payload": "thin", "enabled_events": ["*"]}
    destination = await v2.core.event_destinations.create_async({**params, "webhook_endpoint": {"url": receiver.url}})
    await v2.core.event_destinations.retrieve_async(destination.id)
    await v1.webhook_endpoints.retrieve_async(endpoint.id)
    await buy_pack(merchant)
    await update_and_schedule(merchant)
    await open_portal(merchant)
    await report_usage(merchant)
    await fake_stripe.advance(days=32)
    for kind in ("customers", "products", "prices", "subscriptions", "subscription_schedules", "invoices", "charges"):
        await getattr(v1, kind).list_async({"limit": 100})
    for kind in ("invoice_payments", "payment_intents", "refunds", "disputes", "events"):
        await getattr(v1, kind).list_async({"limit": 100})
    await v1.payment_methods.list_async({"customer": merchant.customer})
    await v1.customers.delete_async(merchant.customer)
    await v1.customers.retrieve_async(merchant.customer)
    await fake_stripe.flush()


async def buy_pack(merchant: Merchant) -> None:
    v1 = merchant.v1
    session = await merchant.open_checkout(
        "payment", merchant.pack, payment_intent_data={"setup_future_usage": "off_session"}
    )
    await merchant.submit_card(session, "4000000000000002")
    await merchant.submit_card(session)
    everything = {"expand": ["customer", "payment_intent.latest_charge.balance_transaction", "line_items"]}
    session = await v1.checkout.sessions.retrieve_async(session.id, everything)
    await v1.checkout.sessions.line_items.list_async(session.id)
    await v1.refunds.create_async({"payment_intent": session.payment_intent.id, "amount": 99})
    await v1.balance_transactions.retrieve_async(session.payment_intent.latest_charge.balance_transaction.id)
    other = await merchant.open_checkout("payment", merchant.pack)
    await merchant.submit_card(other, "4000000000000259")


async def update_and_schedule(merchant: Merchant) -> None:
    v1 = merchant.v1
    subscription = await merchant.subscribe()
    item = subscription["items"].data[0].id
    await merchant.stripe.control("cards", customer=merchant.customer, count=1)
    change: Any = {"items": [{"id": item, "price": merchant.pro}]}
    at_once = {"proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"}
    waiting = await v1.subscriptions.update_async(subscription.id, {**change, **at_once})
    expanded = {"expand": ["payments.data.payment.payment_intent"]}
    await v1.invoices.retrieve_async(waiting.latest_invoice, expanded)
    await v1.invoices.line_items.list_async(waiting.latest_invoice)
    await v1.invoices.pay_async(waiting.latest_invoice)
    await v1.invoices.create_preview_async({"subscription": subscription.id})
    await v1.invoices.create_preview_async(
        {"customer": merchant.customer, "subscription_details": {"items": [{"price": merchant.plus}]}}
    )
    await merchant.stripe.advance(days=3)
    change["items"][0]["price"] = merchant.plus
    await v1.subscriptions.update_async(subscription.id, {**change, "proration_behavior": "create_prorations"})
    await v1.subscription_schedules.create_async({"from_subscription": subscription.id})


async def open_portal(merchant: Merchant) -> None:
    v1 = merchant.v1
    features: Any = {"invoice_history": {"enabled": True}, "customer_update": {"enabled": False}}
    features["subscription_cancel"] = {"enabled": True, "cancellation_reason": {"enabled": True, "options": ["unused"]}}
    configuration = await v1.billing_portal.configurations.create_async({"features": features})
    await v1.billing_portal.configurations.update_async(configuration.id, {"business_profile": {"headline": "Hello"}})
    flow: Any = {"type": "subscription_cancel"}
    (subscription,) = (await v1.subscriptions.list_async({"customer": merchant.customer})).data
    flow["subscription_cancel"] = {"subscription": subscription.id}
    await v1.billing_portal.sessions.create_async({"customer": merchant.customer, "flow_data": flow})


async def report_usage(merchant: Merchant) -> None:
    v1 = merchant.v1
    for customer in (merchant.customer, "cus_none"):
        payload = {"stripe_customer_id": customer, "value": "3"}
        await v1.billing.meter_events.create_async({"event_name": "overage", "payload": payload})
    now = await merchant.stripe.now()
    span = {"customer": merchant.customer, "start_time": now // 60 * 60, "end_time": now // 60 * 60 + 60}
    await v1.billing.meters.event_summaries.list_async(merchant.meter, span)
    await v1.billing.meters.deactivate_async(merchant.meter)
    await v1.billing.meters.reactivate_async(merchant.meter)


async def test_every_kind_of_object_matches_the_library(merchant: Merchant, receiver: WebhookReceiver) -> None:
    checked_stripe_client.CHECKED_KINDS.clear()
    await exercise_everything(merchant, receiver)
    snapshots = [event for event in receiver.events if event["object"] == "event"]
    assert len(snapshots) > 50
    for event in snapshots:
        check_object(event)
    for notice in [event for event in receiver.events if event["object"] != "event"]:
        await merchant.stripe.v2.core.events.retrieve_async(notice["id"])
    assert len(kinds_in_source()) > 25
    assert kinds_in_source() <= checked_stripe_client.CHECKED_KINDS
