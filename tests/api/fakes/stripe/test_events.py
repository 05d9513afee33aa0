"""Events: the snapshot, the thin event, and listing them."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.support.fake_stripe import FakeStripe
from tests.support.stripe_merchant import Merchant
from tests.support.webhook_receiver import WebhookReceiver


async def test_a_thin_event_links_its_object_and_snapshot(merchant: Merchant, receiver: WebhookReceiver) -> None:
    fake_stripe = merchant.stripe
    include = ["webhook_endpoint.signing_secret", "webhook_endpoint.url"]
    params: Any = {"name": "thin", "type": "webhook_endpoint", "event_payload": "thin", "include": include}
    params |= {"enabled_events": ["v1.invoice.paid"], "webhook_endpoint": {"url": receiver.url}}
    destination = await fake_stripe.v2.core.event_destinations.create_async(params)
    (listed,) = (await fake_stripe.v2.core.event_destinations.list_async()).data
    assert (listed.id, listed.webhook_endpoint.signing_secret) == (destination.id, None)
    subscription = await merchant.subscribe()
    await fake_stripe.flush()
    ((signature, body),) = receiver.requests
    notice = fake_stripe.client.parse_event_notification(body, signature, destination.webhook_endpoint.signing_secret)
    assert isinstance(notice, stripe.events.V1InvoicePaidEventNotification)
    assert (await notice.fetch_related_object_async()).id == subscription.latest_invoice
    event = await notice.fetch_event_async()
    snapshot = await fake_stripe.v1.events.retrieve_async(event.snapshot_event)
    assert (snapshot.type, snapshot.data.object["id"]) == ("invoice.paid", subscription.latest_invoice)


async def test_events_are_listed_by_type_and_time_for_thirty_days(fake_stripe: FakeStripe) -> None:
    await fake_stripe.create_customers(2)
    later = await fake_stripe.advance(days=20)
    await fake_stripe.v1.products.create_async({"name": "P"})
    v1 = fake_stripe.v1
    assert [e.type for e in (await v1.events.list_async({"type": "product.*"})).data] == ["product.created"]
    since = await v1.events.list_async({"created": {"gte": later}})
    assert [event.type for event in since.data] == ["product.created"]
    both = await v1.events.list_async({"types": ["customer.created", "product.created"], "limit": 2})
    assert ([event.type for event in both.data], both.has_more) == (["product.created", "customer.created"], True)
    await fake_stripe.advance(days=11)
    assert len((await v1.events.list_async()).data) == 1
    assert len((await v1.events.list_async({"created": {"gte": 0}})).data) == 1
    with pytest.raises(stripe.InvalidRequestError):
        await v1.events.retrieve_async(both.data[1].id)
