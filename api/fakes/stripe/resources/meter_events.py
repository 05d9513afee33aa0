"""Meter events: usage that is reported. An event that cannot be counted is accepted and reported as an error later."""

from __future__ import annotations

from fractions import Fraction

from api.fakes.stripe import errors
from api.fakes.stripe.account import PRIVATE, StripeAccount, new_id
from api.fakes.stripe.clock import DAY
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params

METER, KIND = "billing.meter", "billing.meter_event"
MAX_AGE, MAX_FUTURE = 35 * DAY, 300
"""How far in the past and in the future an event's timestamp may be, in seconds."""
UNIQUE_FOR = DAY
REPORT_DELAY = 1
"""Seconds until an event that cannot be counted is reported."""


def create_meter_event(account: StripeAccount, params: Params) -> Json:
    """Accept an event. Malformed ones are rejected; those that cannot be counted are reported later."""
    name, payload = params.required_text("event_name"), params.string_map("payload")
    if payload is None:
        raise errors.missing_parameter("payload")
    now = account.now()
    timestamp = params.optional_int("timestamp") or now
    _check_timestamp(timestamp, now)
    identifier = params.optional_text("identifier") or new_id("", 36)
    if account.store.find_first(KIND, {"identifier": identifier, "created >": now - UNIQUE_FOR}):
        message = f"An event already exists with identifier {identifier}."
        raise errors.invalid_request(message, code="duplicate_meter_event", param="identifier", begun=True)
    event: Json = {
        "id": new_id("mtre_"),
        "object": KIND,
        "created": now,
        "event_name": name,
        "identifier": identifier,
        "livemode": False,
        "payload": payload,
        "timestamp": timestamp,
        PRIVATE: {"state": "new", "meter": None, "customer": None, "value": "0", "fault": None},
    }
    classify_meter_event(account, event)
    account.store.put_object(event)
    if event[PRIVATE]["fault"]:
        account.due_actions.schedule("meter_errors", event[PRIVATE]["meter"] or "", now + REPORT_DELAY)
    return {key: value for key, value in event.items() if key != "id"}


def _check_timestamp(timestamp: int, now: int) -> None:
    if timestamp < now - MAX_AGE:
        message = "The timestamp must be within the past 35 calendar days."
        raise errors.invalid_request(message, code="timestamp_too_far_in_past", param="timestamp")
    if timestamp > now + MAX_FUTURE:
        message = "The timestamp must be no more than 5 minutes in the future."
        raise errors.invalid_request(message, code="timestamp_in_future", param="timestamp")


def classify_meter_event(account: StripeAccount, event: Json) -> None:
    """Set the event's meter, customer and value, or the error because of which it cannot be counted."""
    meter = account.store.find_first(METER, {"event_name": event["event_name"], "status": "active"})
    private = event[PRIVATE]
    private["meter"] = meter["id"] if meter else None
    private["fault"] = _find_meter_error(account, event["payload"], meter)
    private["state"] = "refused" if private["fault"] else "counted"
    if meter is not None and private["fault"] is None:
        private["customer"] = event["payload"][meter["customer_mapping"]["event_payload_key"]]
        private["value"] = _event_value(event["payload"], meter)


def _find_meter_error(account: StripeAccount, payload: Json, meter: Json | None) -> str | None:
    if meter is None:
        return "no_meter"
    customer = payload.get(meter["customer_mapping"]["event_payload_key"])
    if not customer:
        return "meter_event_no_customer_defined"
    existing = account.store.get_object("customer", customer)
    if existing is None or "deleted" in existing:
        return "meter_event_customer_not_found"
    try:
        Fraction(_event_value(payload, meter))
    except ValueError:
        return "meter_event_invalid_value"
    return None


def _event_value(payload: Json, meter: Json) -> str:
    if meter["default_aggregation"]["formula"] == "count":
        return "1"
    return str(payload.get(meter["value_settings"]["event_payload_key"], ""))


ROUTES = (("POST", "/v1/billing/meter_events", create_meter_event),)
