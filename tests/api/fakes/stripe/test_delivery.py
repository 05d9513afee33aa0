"""Delivery of events: signatures, retries, and injected faults."""

from __future__ import annotations

import msgspec
import pytest
import stripe

from tests.support.checked_stripe_client import check_object
from tests.support.fake_stripe import FakeStripe
from tests.support.webhook_receiver import WebhookReceiver


async def test_a_delivered_snapshot_is_signed_and_equals_the_retrieved_event(
    fake_stripe: FakeStripe, receiver: WebhookReceiver
) -> None:
    endpoint = await fake_stripe.create_endpoint(receiver, "customer.created")
    (ident,) = await fake_stripe.create_customers(1)
    await fake_stripe.flush()
    ((signature, body),) = receiver.requests
    event = stripe.Webhook.construct_event(body, signature, endpoint.secret)
    assert (event.type, event.data.object["id"], event.pending_webhooks) == ("customer.created", ident, 1)
    check_object(msgspec.json.decode(body))
    for wrong in (body.replace(b"0@x", b"1@x"), body + b" "):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(wrong, signature, endpoint.secret)
    read = await fake_stripe.v1.events.retrieve_async(event.id)
    assert (read.data.object["email"], read.pending_webhooks) == ("0@x.org", 0)
    assert read.request.id.startswith("req_")


async def test_a_failed_delivery_is_retried_when_due(fake_stripe: FakeStripe, receiver: WebhookReceiver) -> None:
    await fake_stripe.create_endpoint(receiver, "customer.created")
    receiver.status = 500
    (ident,) = await fake_stripe.create_customers(1)
    await fake_stripe.flush()
    assert (len(receiver.requests), await fake_stripe.list_undelivered()) == (1, [ident])
    assert (await fake_stripe.flush())["tried"] == 0  # it is not due yet
    await fake_stripe.advance(hours=0.01)
    await fake_stripe.flush()
    assert len(receiver.requests) == 2
    receiver.status = 200
    await fake_stripe.flush(everything=True)
    assert (len(receiver.requests), await fake_stripe.list_undelivered()) == (3, [])
    assert {event["id"] for event in receiver.events} == {receiver.events[0]["id"]}
    (row,) = await fake_stripe.list_deliveries()
    assert (row["state"], row["tries"], row["answer"]) == ("delivered", 3, 200)


async def test_a_delivery_fails_for_good_after_three_days(fake_stripe: FakeStripe, receiver: WebhookReceiver) -> None:
    await fake_stripe.create_endpoint(receiver, "customer.created")
    receiver.status = 503
    await fake_stripe.create_customers(1)
    for _ in range(10):
        await fake_stripe.flush(everything=True)
    (row,) = await fake_stripe.list_deliveries()
    assert (row["state"], len(receiver.requests)) == ("failed", 9)
    assert len(await fake_stripe.list_undelivered()) == 1


async def test_a_dropped_delivery_is_listed_as_undelivered(fake_stripe: FakeStripe, receiver: WebhookReceiver) -> None:
    await fake_stripe.create_endpoint(receiver, "customer.created")
    await fake_stripe.control("faults/deliveries", kind="drop", count=1)
    created = await fake_stripe.create_customers(3)
    await fake_stripe.flush(everything=True)
    assert receiver.object_ids() == created[1:]
    assert await fake_stripe.list_undelivered() == created[:1]
    page = await fake_stripe.v1.events.list_async({"delivery_success": True, "types": ["customer.created"]})
    assert [event.data.object["id"] for event in page.data] == created[:0:-1]


async def test_a_duplicated_delivery_arrives_several_times(fake_stripe: FakeStripe, receiver: WebhookReceiver) -> None:
    await fake_stripe.create_endpoint(receiver, "customer.created")
    await fake_stripe.control("faults/deliveries", kind="duplicate", times=2)
    created = await fake_stripe.create_customers(2)
    await fake_stripe.flush()
    assert receiver.object_ids() == [created[0]] * 3 + [created[1]]


async def test_a_delayed_delivery_arrives_when_due(fake_stripe: FakeStripe, receiver: WebhookReceiver) -> None:
    await fake_stripe.create_endpoint(receiver, "customer.created")
    await fake_stripe.control("faults/deliveries", kind="delay", seconds=3600)
    created = await fake_stripe.create_customers(2)
    assert (await fake_stripe.flush())["waiting"] == 1
    assert receiver.object_ids() == created[1:]
    await fake_stripe.advance(hours=1.1)
    await fake_stripe.flush()
    assert receiver.object_ids() == [created[1], created[0]]


async def test_reordered_deliveries_arrive_in_an_order_fixed_by_the_seed(
    fake_stripe: FakeStripe, receiver: WebhookReceiver
) -> None:
    orders = []
    for seed in (3, 3, 4):
        await fake_stripe.control("reset")
        receiver.requests.clear()
        await fake_stripe.create_endpoint(receiver, "customer.created")
        await fake_stripe.control("faults/deliveries", kind="reorder", count=None, seconds=900, seed=seed)
        created = await fake_stripe.create_customers(8)
        await fake_stripe.flush()
        assert receiver.requests == []
        await fake_stripe.advance(hours=1)
        await fake_stripe.flush()
        assert sorted(receiver.object_ids()) == sorted(created)
        orders.append([created.index(ident) for ident in receiver.object_ids()])
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != sorted(orders[0])


async def test_flushing_everything_keeps_the_order_made_by_faults(
    fake_stripe: FakeStripe, receiver: WebhookReceiver
) -> None:
    await fake_stripe.create_endpoint(receiver, "customer.created")
    await fake_stripe.control("faults/deliveries", kind="reorder", count=None, seconds=900, seed=3)
    created = await fake_stripe.create_customers(8)
    assert (await fake_stripe.flush(everything=True))["waiting"] == 0
    assert sorted(receiver.object_ids()) == sorted(created)
    assert receiver.object_ids() != created
