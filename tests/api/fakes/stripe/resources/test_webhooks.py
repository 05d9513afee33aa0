"""Webhook endpoints."""

from __future__ import annotations

from tests.support.fake_stripe import FakeStripe
from tests.support.webhook_receiver import WebhookReceiver


async def test_only_creation_returns_the_secret_of_an_endpoint(
    fake_stripe: FakeStripe, receiver: WebhookReceiver
) -> None:
    endpoint = await fake_stripe.create_endpoint(receiver)
    assert endpoint.secret.startswith("whsec_")
    assert "secret" not in await fake_stripe.v1.webhook_endpoints.retrieve_async(endpoint.id)
    (listed,) = (await fake_stripe.v1.webhook_endpoints.list_async()).data
    assert "secret" not in listed


async def test_an_endpoint_receives_its_event_types_while_enabled(
    fake_stripe: FakeStripe, receiver: WebhookReceiver
) -> None:
    endpoint = await fake_stripe.create_endpoint(receiver, "product.created")
    await fake_stripe.create_customers(1)
    await fake_stripe.v1.products.create_async({"name": "P"})
    await fake_stripe.v1.webhook_endpoints.update_async(endpoint.id, {"disabled": True})
    await fake_stripe.v1.products.create_async({"name": "Q"})
    await fake_stripe.v1.webhook_endpoints.delete_async(endpoint.id)
    await fake_stripe.v1.products.create_async({"name": "R"})
    await fake_stripe.flush()
    assert [event["data"]["object"]["name"] for event in receiver.events] in (["P"], [])  # deleted before it was sent
