"""Events: what happened, as a snapshot of the object and, for whoever wants only the news, as a thin event.

Which receiver gets which event is decided here, when it happens; `delivery.py` brings it there.
"""

from __future__ import annotations

from datetime import UTC, datetime

from api.fakes.stripe import errors
from api.fakes.stripe.account import VERSION, StripeAccount, new_id, strip_private_members
from api.fakes.stripe.errors import Json

OBJECT_PATHS = {
    "billing.meter": "/v1/billing/meters",
    "billing_portal.configuration": "/v1/billing_portal/configurations",
    "charge": "/v1/charges",
    "checkout.session": "/v1/checkout/sessions",
    "customer": "/v1/customers",
    "dispute": "/v1/disputes",
    "invoice": "/v1/invoices",
    "invoice_payment": "/v1/invoice_payments",
    "invoiceitem": "/v1/invoiceitems",
    "payment_intent": "/v1/payment_intents",
    "payment_method": "/v1/payment_methods",
    "price": "/v1/prices",
    "product": "/v1/products",
    "refund": "/v1/refunds",
    "subscription": "/v1/subscriptions",
    "subscription_schedule": "/v1/subscription_schedules",
}
"""Where an object of a kind is read; a visit to the portal is not."""
THIN_EVENT_STATUSES = ("active", "incomplete", "incomplete_expired", "past_due", "trialing", "unpaid")
"""States of a subscription that have a thin event of their own beside `customer.subscription.updated`."""
RETENTION = 30 * 86400
"""Seconds for which events can be read."""


def emit_event(world: StripeAccount, kind: str, thing: Json, before: Json | None) -> None:
    """Something happened to an object; `before` are the members it changed, as they were."""
    event = _new_snapshot_event(world, kind, thing, before)
    world.store.put_object(event)
    for target in _enabled_receivers(world, "webhook_endpoint", kind):
        _queue_delivery(world, event["id"], event["id"], kind, target["id"])
    emit_thin_event(world, f"v1.{kind}", thing, snapshot=event["id"])
    if (
        kind == "customer.subscription.updated"
        and "status" in (before or {})
        and thing["status"] in THIN_EVENT_STATUSES
    ):
        emit_thin_event(world, f"v1.customer.subscription.{thing['status']}", thing)


def emit_thin_event(
    world: StripeAccount, kind: str, about: Json | None, *, data: Json | None = None, snapshot: str | None = None
) -> None:
    """A thin event, if anybody receives it. `data` is what only reading the event tells."""
    targets = _enabled_receivers(world, "v2.core.event_destination", kind)
    if not targets:
        return
    event = _new_thin_event(world, kind, about, data, snapshot)
    world.store.put_object(event)
    for target in targets:
        _queue_delivery(world, snapshot or event["id"], event["id"], kind, target["id"])


def _new_snapshot_event(world: StripeAccount, kind: str, thing: Json, before: Json | None) -> Json:
    data: Json = {"object": strip_private_members(thing)}
    if before is not None:
        data["previous_attributes"] = before
    return {
        "id": new_id("evt_"),
        "object": "event",
        "api_version": VERSION,
        "created": world.now(),
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": world.request_context.request_id, "idempotency_key": world.request_context.idempotency_key},
        "type": kind,
    }


def _new_thin_event(
    world: StripeAccount, kind: str, about: Json | None, data: Json | None, snapshot: str | None
) -> Json:
    event: Json = {
        "id": new_id("evt_test_", 28),
        "object": "v2.core.event",
        "changes": None,
        "context": None,
        "created": format_timestamp(world.now()),
        "livemode": False,
        "reason": None,
        "snapshot_event": snapshot,
        "type": kind,
    }
    if world.request_context.request_id is not None and world.request_context.idempotency_key is not None:
        request = {"id": world.request_context.request_id, "idempotency_key": world.request_context.idempotency_key}
        event["reason"] = {"type": "request", "request": request}
    if about is not None and about["object"] in OBJECT_PATHS:
        path = OBJECT_PATHS[about["object"]]
        event["related_object"] = {"id": about["id"], "type": about["object"], "url": f"{path}/{about['id']}"}
    if data is not None:
        event["data"] = data
    return event


def format_timestamp(seconds: int) -> str:
    """A time as the second version of Stripe's API writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _enabled_receivers(world: StripeAccount, kind: str, event: str) -> list[Json]:
    """Who wants it, first come first."""
    found = world.store.find_objects(kind, {"status": "enabled"})[::-1]
    return [one for one in found if "*" in one["enabled_events"] or event in one["enabled_events"]]


def _queue_delivery(world: StripeAccount, event: str, body_of: str, kind: str, target: str) -> None:
    """One delivery to come. `event` is what counts as delivered by it, `body_of` what is sent."""
    world.store.connection.execute(
        "INSERT INTO deliveries (event, body_of, type, target, due) VALUES (?, ?, ?, ?, ?)",
        (event, body_of, kind, target, world.clock.exact_time()),
    )


def count_undelivered(world: StripeAccount, event: str) -> int:
    """How many receivers have not taken it."""
    query = "SELECT count(*) FROM deliveries WHERE event = ? AND state != 'delivered'"
    return int(world.store.connection.execute(query, (event,)).fetchone()[0])


def retrieve_event(world: StripeAccount, ident: str) -> Json:
    """A snapshot event with what is still to be delivered. Raises StripeError."""
    event = world.require_object("event", ident)
    if event["created"] < world.now() - RETENTION:
        raise errors.not_found("event", ident)
    event["pending_webhooks"] = count_undelivered(world, ident)
    return event
