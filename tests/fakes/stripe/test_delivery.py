"""Events reach whoever asked for them: signed, again after a failure, and badly when that is asked for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import stripe

from tests.fakes.stripe.conftest import Double, Shop, check
from tests.support.webhook_receiver import Receiver


async def customers(double: Double, count: int) -> list[str]:
    return [(await double.v1.customers.create_async({"email": f"{i}@x.org"})).id for i in range(count)]


def about(receiver: Receiver) -> list[str]:
    return [event["data"]["object"]["id"] for event in receiver.events]


async def log(double: Double) -> list[Any]:
    return list((await double.http.get("/_local/deliveries")).json()["data"])


async def undelivered(double: Double) -> list[str]:
    page = await double.v1.events.list_async({"delivery_success": False, "limit": 100})
    return [event.data.object["id"] for event in page.data]


async def test_a_snapshot_is_signed_and_is_the_event_as_one_reads_it(double: Double, receiver: Receiver) -> None:
    endpoint = await double.hooked(receiver, "customer.created")
    (ident,) = await customers(double, 1)
    await double.flush()
    ((signature, body),) = receiver.came
    event = stripe.Webhook.construct_event(body, signature, endpoint.secret)
    assert (event.type, event.data.object["id"], event.pending_webhooks) == ("customer.created", ident, 1)
    check(msgspec.json.decode(body))
    for wrong in (body.replace(b"0@x", b"1@x"), body + b" "):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(wrong, signature, endpoint.secret)
    read = await double.v1.events.retrieve_async(event.id)
    assert (read.data.object["email"], read.pending_webhooks) == ("0@x.org", 0)
    assert read.request.id.startswith("req_")


async def test_only_the_answer_that_makes_an_endpoint_shows_its_secret(double: Double, receiver: Receiver) -> None:
    endpoint = await double.hooked(receiver)
    assert endpoint.secret.startswith("whsec_")
    assert "secret" not in await double.v1.webhook_endpoints.retrieve_async(endpoint.id)
    (listed,) = (await double.v1.webhook_endpoints.list_async()).data
    assert "secret" not in listed


async def test_an_endpoint_hears_of_what_it_asked_for_while_it_is_enabled(double: Double, receiver: Receiver) -> None:
    endpoint = await double.hooked(receiver, "product.created")
    await customers(double, 1)
    await double.v1.products.create_async({"name": "P"})
    await double.v1.webhook_endpoints.update_async(endpoint.id, {"disabled": True})
    await double.v1.products.create_async({"name": "Q"})
    await double.v1.webhook_endpoints.delete_async(endpoint.id)
    await double.v1.products.create_async({"name": "R"})
    await double.flush()
    assert [event["data"]["object"]["name"] for event in receiver.events] in (["P"], [])  # deleted before it was sent


async def test_a_thin_event_tells_what_it_is_about_and_where_to_read_it(shop: Shop, receiver: Receiver) -> None:
    double = shop.double
    include = ["webhook_endpoint.signing_secret", "webhook_endpoint.url"]
    asked: Any = {"name": "thin", "type": "webhook_endpoint", "event_payload": "thin", "include": include}
    asked |= {"enabled_events": ["v1.invoice.paid"], "webhook_endpoint": {"url": receiver.url}}
    destination = await double.v2.core.event_destinations.create_async(asked)
    (listed,) = (await double.v2.core.event_destinations.list_async()).data
    assert (listed.id, listed.webhook_endpoint.signing_secret) == (destination.id, None)
    subscription = await shop.subscribed()
    await double.flush()
    ((signature, body),) = receiver.came
    notice = double.client.parse_event_notification(body, signature, destination.webhook_endpoint.signing_secret)
    assert isinstance(notice, stripe.events.V1InvoicePaidEventNotification)
    assert (await notice.fetch_related_object_async()).id == subscription.latest_invoice
    event = await notice.fetch_event_async()
    snapshot = await double.v1.events.retrieve_async(event.snapshot_event)
    assert (snapshot.type, snapshot.data.object["id"]) == ("invoice.paid", subscription.latest_invoice)


async def test_usage_that_cannot_be_counted_is_reported(shop: Shop, receiver: Receiver) -> None:
    double = shop.double
    asked: Any = {"name": "thin", "type": "webhook_endpoint", "event_payload": "thin", "enabled_events": ["*"]}
    await double.v2.core.event_destinations.create_async({**asked, "webhook_endpoint": {"url": receiver.url}})
    wrong = [
        ("overage", {"stripe_customer_id": "cus_none", "value": "1"}, "meter_event_customer_not_found"),
        ("overage", {"stripe_customer_id": shop.customer, "value": "much"}, "meter_event_invalid_value"),
        ("overage", {"value": "1"}, "meter_event_no_customer_defined"),
        ("nothing", {"value": "1"}, "no_meter"),
    ]
    for number, (name, payload, _) in enumerate(wrong):
        event: Any = {"event_name": name, "payload": payload, "identifier": f"e{number}"}
        await double.v1.billing.meter_events.create_async(event)
    await double.advance(hours=1)
    await double.flush()
    reports = [event for event in receiver.events if event["type"].startswith("v1.billing.meter.")]
    assert sorted(event["type"] for event in reports) == [
        "v1.billing.meter.error_report_triggered",
        "v1.billing.meter.no_meter_found",
    ]
    told: dict[str, str] = {}
    for report in reports:
        event = await double.v2.core.events.retrieve_async(report["id"])
        for kind in event.data.reason.error_types:
            told |= {sample.request.identifier: kind.code for sample in kind.sample_errors}
    assert told == {f"e{number}": code for number, (*_, code) in enumerate(wrong)}


async def test_usage_is_counted_once_for_an_identifier_within_a_day(shop: Shop) -> None:
    payload = {"stripe_customer_id": shop.customer, "value": "5"}
    event: Any = {"event_name": "overage", "payload": payload, "identifier": "one"}
    meter_events = shop.double.v1.billing.meter_events
    await meter_events.create_async(event)
    with pytest.raises(stripe.InvalidRequestError, match="identifier one"):
        await meter_events.create_async(event)
    now = await shop.double.advance(hours=25)
    await meter_events.create_async(event)
    for moment, code in ((now - 36 * 86400, "timestamp_too_far_in_past"), (now + 600, "timestamp_in_future")):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            await meter_events.create_async({**event, "identifier": code, "timestamp": moment})
        assert refusal.value.code == code
    span = {"customer": shop.customer, "start_time": (now - 90000) // 60 * 60, "end_time": now // 60 * 60 + 60}
    page = await shop.double.v1.billing.meters.event_summaries.list_async(shop.meter, span)
    assert page.data[0].aggregated_value == 10
    with pytest.raises(stripe.InvalidRequestError, match="minute boundaries"):
        await shop.double.v1.billing.meters.event_summaries.list_async(shop.meter, {**span, "start_time": 61})


async def test_a_receiver_that_fails_is_asked_again_later(double: Double, receiver: Receiver) -> None:
    await double.hooked(receiver, "customer.created")
    receiver.status = 500
    (ident,) = await customers(double, 1)
    await double.flush()
    assert (len(receiver.came), await undelivered(double)) == (1, [ident])
    assert (await double.flush())["tried"] == 0  # it is not due yet
    await double.advance(hours=0.01)
    await double.flush()
    assert len(receiver.came) == 2
    receiver.status = 200
    await double.flush(everything=True)
    assert (len(receiver.came), await undelivered(double)) == (3, [])
    assert {event["id"] for event in receiver.events} == {receiver.events[0]["id"]}
    (row,) = await log(double)
    assert (row["state"], row["tries"], row["answer"]) == ("delivered", 3, 200)


async def test_after_three_days_of_failures_it_is_given_up(double: Double, receiver: Receiver) -> None:
    await double.hooked(receiver, "customer.created")
    receiver.status = 503
    await customers(double, 1)
    for _ in range(10):
        await double.flush(everything=True)
    (row,) = await log(double)
    assert (row["state"], len(receiver.came)) == ("failed", 9)
    assert len(await undelivered(double)) == 1


async def test_a_dropped_delivery_is_found_among_the_undelivered(double: Double, receiver: Receiver) -> None:
    await double.hooked(receiver, "customer.created")
    await double.local("faults/deliveries", kind="drop", count=1)
    made = await customers(double, 3)
    await double.flush(everything=True)
    assert about(receiver) == made[1:]
    assert await undelivered(double) == made[:1]
    page = await double.v1.events.list_async({"delivery_success": True, "types": ["customer.created"]})
    assert [event.data.object["id"] for event in page.data] == made[:0:-1]


async def test_a_duplicate_comes_more_than_once(double: Double, receiver: Receiver) -> None:
    await double.hooked(receiver, "customer.created")
    await double.local("faults/deliveries", kind="duplicate", times=2)
    made = await customers(double, 2)
    await double.flush()
    assert about(receiver) == [made[0]] * 3 + [made[1]]


async def test_a_delayed_delivery_waits_for_its_time(double: Double, receiver: Receiver) -> None:
    await double.hooked(receiver, "customer.created")
    await double.local("faults/deliveries", kind="delay", seconds=3600)
    made = await customers(double, 2)
    assert (await double.flush())["waiting"] == 1
    assert about(receiver) == made[1:]
    await double.advance(hours=1.1)
    await double.flush()
    assert about(receiver) == [made[1], made[0]]


async def test_reordered_deliveries_all_come_in_an_order_that_the_seed_says(double: Double, receiver: Receiver) -> None:
    orders = []
    for seed in (3, 3, 4):
        await double.local("reset")
        receiver.came.clear()
        await double.hooked(receiver, "customer.created")
        await double.local("faults/deliveries", kind="reorder", count=None, seconds=900, seed=seed)
        made = await customers(double, 8)
        await double.flush()
        assert receiver.came == []
        await double.advance(hours=1)
        await double.flush()
        assert sorted(about(receiver)) == sorted(made)
        orders.append([made.index(ident) for ident in about(receiver)])
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != sorted(orders[0])


async def test_events_are_read_by_type_and_time_for_thirty_days(double: Double) -> None:
    await customers(double, 2)
    later = await double.advance(days=20)
    await double.v1.products.create_async({"name": "P"})
    v1 = double.v1
    assert [e.type for e in (await v1.events.list_async({"type": "product.*"})).data] == ["product.created"]
    since = await v1.events.list_async({"created": {"gte": later}})
    assert [event.type for event in since.data] == ["product.created"]
    both = await v1.events.list_async({"types": ["customer.created", "product.created"], "limit": 2})
    assert ([event.type for event in both.data], both.has_more) == (["product.created", "customer.created"], True)
    await double.advance(days=11)
    assert len((await v1.events.list_async()).data) == 1
    assert len((await v1.events.list_async({"created": {"gte": 0}})).data) == 1
    with pytest.raises(stripe.InvalidRequestError):
        await v1.events.retrieve_async(both.data[1].id)


async def test_flushing_everything_keeps_the_order_that_faults_have_made(double: Double, receiver: Receiver) -> None:
    await double.hooked(receiver, "customer.created")
    await double.local("faults/deliveries", kind="reorder", count=None, seconds=900, seed=3)
    made = await customers(double, 8)
    assert (await double.flush(everything=True))["waiting"] == 0
    assert sorted(about(receiver)) == sorted(made)
    assert about(receiver) != made
