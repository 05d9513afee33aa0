"""Events: a snapshot event with the whole object, and a thin event that only names it.

The receivers of an event are chosen here, when it is emitted; `delivery.py` sends it to them.
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
"""URL paths of objects by kind. Portal sessions have none, as they cannot be retrieved."""
THIN_EVENT_STATUSES = ("active", "incomplete", "incomplete_expired", "past_due", "trialing", "unpaid")
"""Subscription statuses with a thin event of their own besides `customer.subscription.updated`."""
RETENTION = 30 * 86400
"""Seconds for which events can be retrieved."""


def emit_event(account: StripeAccount, event_type: str, obj: Json, previous: Json | None) -> None:
    """Store the events about a change and queue their deliveries; `before` holds previous values of changed members."""
    event = _new_snapshot_event(account, event_type, obj, previous)
    account.store.put_object(event)
    for receiver in _enabled_receivers(account, "webhook_endpoint", event_type):
        _queue_delivery(account, event["id"], event["id"], event_type, receiver["id"])
    emit_thin_event(account, f"v1.{event_type}", obj, snapshot=event["id"])
    if (
        event_type == "customer.subscription.updated"
        and "status" in (previous or {})
        and obj["status"] in THIN_EVENT_STATUSES
    ):
        emit_thin_event(account, f"v1.customer.subscription.{obj['status']}", obj)


def emit_thin_event(
    account: StripeAccount,
    event_type: str,
    subject: Json | None,
    *,
    data: Json | None = None,
    snapshot: str | None = None,
) -> None:
    """Store and queue a thin event if it has receivers. `data` is only part of the event when it is retrieved."""
    receivers = _enabled_receivers(account, "v2.core.event_destination", event_type)
    if not receivers:
        return
    event = _new_thin_event(account, event_type, subject, data, snapshot)
    account.store.put_object(event)
    for receiver in receivers:
        _queue_delivery(account, snapshot or event["id"], event["id"], event_type, receiver["id"])


def _new_snapshot_event(account: StripeAccount, event_type: str, obj: Json, previous: Json | None) -> Json:
    data: Json = {"object": strip_private_members(obj)}
    if previous is not None:
        data["previous_attributes"] = previous
    return {
        "id": new_id("evt_"),
        "object": "event",
        "api_version": VERSION,
        "created": account.now(),
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {
            "id": account.request_context.request_id,
            "idempotency_key": account.request_context.idempotency_key,
        },
        "type": event_type,
    }


def _new_thin_event(
    account: StripeAccount, event_type: str, subject: Json | None, data: Json | None, snapshot: str | None
) -> Json:
    event: Json = {
        "id": new_id("evt_test_", 28),
        "object": "v2.core.event",
        "changes": None,
        "context": None,
        "created": format_timestamp(account.now()),
        "livemode": False,
        "reason": None,
        "snapshot_event": snapshot,
        "type": event_type,
    }
    if account.request_context.request_id is not None and account.request_context.idempotency_key is not None:
        request = {"id": account.request_context.request_id, "idempotency_key": account.request_context.idempotency_key}
        event["reason"] = {"type": "request", "request": request}
    if subject is not None and subject["object"] in OBJECT_PATHS:
        path = OBJECT_PATHS[subject["object"]]
        event["related_object"] = {"id": subject["id"], "type": subject["object"], "url": f"{path}/{subject['id']}"}
    if data is not None:
        event["data"] = data
    return event


def format_timestamp(seconds: int) -> str:
    """A time as version 2 of Stripe's API formats it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _enabled_receivers(account: StripeAccount, receiver_kind: str, event_type: str) -> list[Json]:
    """Enabled receivers of the event type, oldest first."""
    receivers = account.store.find_objects(receiver_kind, {"status": "enabled"})[::-1]
    return [
        receiver
        for receiver in receivers
        if "*" in receiver["enabled_events"] or event_type in receiver["enabled_events"]
    ]


def _queue_delivery(
    account: StripeAccount, event_id: str, body_event_id: str, event_type: str, receiver_id: str
) -> None:
    """Queue one delivery: `event_id` is counted as delivered by it, `body_event_id` is sent."""
    account.store.connection.execute(
        "INSERT INTO deliveries (event, body_of, type, target, due) VALUES (?, ?, ?, ?, ?)",
        (event_id, body_event_id, event_type, receiver_id, account.clock.exact_time()),
    )


def count_undelivered(account: StripeAccount, event_id: str) -> int:
    """The number of receivers that have not accepted the event."""
    query = "SELECT count(*) FROM deliveries WHERE event = ? AND state != 'delivered'"
    return int(account.store.connection.execute(query, (event_id,)).fetchone()[0])


def retrieve_event(account: StripeAccount, event_id: str) -> Json:
    """A snapshot event with its pending deliveries. Raises StripeError."""
    event = account.require_object("event", event_id)
    if event["created"] < account.now() - RETENTION:
        raise errors.not_found("event", event_id)
    event["pending_webhooks"] = count_undelivered(account, event_id)
    return event
