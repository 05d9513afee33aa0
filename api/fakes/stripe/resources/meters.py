"""Billing meters, and the events they count. What cannot be counted is taken all the same and comes back a moment later
as an error report, as at Stripe.
"""

from __future__ import annotations

from fractions import Fraction

from api.fakes.stripe import errors, events, lists
from api.fakes.stripe.account import PRIVATE, World, new_id
from api.fakes.stripe.clock import DAY
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params
from api.fakes.stripe.simulation import usage

KIND, EVENT = "billing.meter", "billing.meter_event"
FORMULAS = ("count", "last", "sum")
OLDEST, NEWEST = 35 * DAY, 300
"""How far back and ahead an event's time may be."""
UNIQUE_FOR = DAY
REPORTED_AFTER = 1
"""Seconds until what cannot be counted is reported."""
MINUTE = 60
WORDS = {
    "meter_event_customer_not_found": "The customer for the meter event could not be found.",
    "meter_event_invalid_value": "The value of the meter event is not a number.",
    "meter_event_no_customer_defined": "The meter event names no customer.",
    "no_meter": "There is no meter for the event's name.",
}


def create(world: World, params: Params) -> Json:
    """A new meter. Two active ones cannot count events of one name."""
    name = params.needed("event_name")
    if world.store.first(KIND, {"event_name": name, "status": "active"}):
        words = f"An active meter for event name '{name}' already exists."
        raise errors.invalid(words, code="resource_already_exists", param="event_name", begun=True)
    mapping, value = params.inner("customer_mapping"), params.inner("value_settings")
    mapping.ignore("type")
    formula = params.inner("default_aggregation").choice("formula", FORMULAS, "")
    if not formula:
        raise errors.missing("default_aggregation[formula]")
    meter: Json = {
        "id": new_id("mtr_test_"),
        "object": KIND,
        "created": world.now(),
        "customer_mapping": {
            "event_payload_key": mapping.text("event_payload_key") or "stripe_customer_id",
            "type": "by_id",
        },
        "default_aggregation": {"formula": formula},
        "display_name": params.needed("display_name"),
        "event_name": name,
        "event_time_window": params.text("event_time_window"),
        "livemode": False,
        "status": "active",
        "status_transitions": {"deactivated_at": None},
        "updated": world.now(),
        "value_settings": {"event_payload_key": value.text("event_payload_key") or "value"},
    }
    return world.make(meter, "billing.meter.created")


def retrieve(world: World, params: Params, ident: str) -> Json:
    """One of them."""
    return world.need(KIND, ident)


def update(world: World, params: Params, ident: str) -> Json:
    """Change what it is called."""
    meter = world.need(KIND, ident)
    meter |= {"display_name": params.text("display_name") or meter["display_name"], "updated": world.now()}
    return world.change(meter, "billing.meter.updated")


def list_(world: World, params: Params) -> Json:
    """All, or those in a state."""
    return lists.page(world, params, KIND, "/v1/billing/meters", {"status": params.text("status")})


def deactivate(world: World, params: Params, ident: str) -> Json:
    """Count no more."""
    meter = world.need(KIND, ident)
    meter |= {"status": "inactive", "status_transitions": {"deactivated_at": world.now()}, "updated": world.now()}
    return world.change(meter, "billing.meter.deactivated")


def reactivate(world: World, params: Params, ident: str) -> Json:
    """Count again."""
    meter = world.need(KIND, ident)
    meter |= {"status": "active", "status_transitions": {"deactivated_at": None}, "updated": world.now()}
    return world.change(meter, "billing.meter.reactivated")


def summaries(world: World, params: Params, ident: str) -> Json:
    """What was counted of a customer from one whole minute to another."""
    customer = params.needed("customer")
    start, end = params.needed_whole("start_time"), params.needed_whole("end_time")
    for param, moment in (("start_time", start), ("end_time", end)):
        if moment % MINUTE:
            raise errors.invalid(f"{param} must be aligned with minute boundaries.", param=param)
    world.need(KIND, ident)
    summary = {
        "id": new_id("mtrusg_test_"),
        "object": "billing.meter_event_summary",
        "aggregated_value": float(usage.total(world, ident, customer, start, end)),
        "end_time": end,
        "livemode": False,
        "meter": ident,
        "start_time": start,
    }
    return lists.page_of(params, [summary], f"/v1/billing/meters/{ident}/event_summaries")


def report(world: World, params: Params) -> Json:
    """Take an event. What is plainly wrong is refused now, what cannot be counted is reported later."""
    name, payload = params.needed("event_name"), params.map("payload")
    if payload is None:
        raise errors.missing("payload")
    now = world.now()
    moment = params.whole("timestamp") or now
    _in_time(moment, now)
    identifier = params.text("identifier") or new_id("", 36)
    if world.store.first(EVENT, {"identifier": identifier, "created >": now - UNIQUE_FOR}):
        words = f"An event already exists with identifier {identifier}."
        raise errors.invalid(words, code="duplicate_meter_event", param="identifier", begun=True)
    event: Json = {
        "id": new_id("mtre_"),
        "object": EVENT,
        "created": now,
        "event_name": name,
        "identifier": identifier,
        "livemode": False,
        "payload": payload,
        "timestamp": moment,
        PRIVATE: {"state": "new", "meter": None, "customer": None, "value": "0", "fault": None},
    }
    look(world, event)
    world.store.put(event)
    if event[PRIVATE]["fault"]:
        world.timetable.put("meter_errors", event[PRIVATE]["meter"] or "", now + REPORTED_AFTER)
    return {key: value for key, value in event.items() if key != "id"}


def _in_time(moment: int, now: int) -> None:
    if moment < now - OLDEST:
        words = "The timestamp must be within the past 35 calendar days."
        raise errors.invalid(words, code="timestamp_too_far_in_past", param="timestamp")
    if moment > now + NEWEST:
        words = "The timestamp must be no more than 5 minutes in the future."
        raise errors.invalid(words, code="timestamp_in_future", param="timestamp")


def look(world: World, event: Json) -> None:
    """Find out whose usage it is and how much, or why it cannot be counted."""
    meter = world.store.first(KIND, {"event_name": event["event_name"], "status": "active"})
    private = event[PRIVATE]
    private["meter"] = meter["id"] if meter else None
    private["fault"] = _fault(world, event["payload"], meter)
    private["state"] = "refused" if private["fault"] else "counted"
    if meter is not None and private["fault"] is None:
        private["customer"] = event["payload"][meter["customer_mapping"]["event_payload_key"]]
        private["value"] = _value(event["payload"], meter)


def _fault(world: World, payload: Json, meter: Json | None) -> str | None:
    if meter is None:
        return "no_meter"
    customer = payload.get(meter["customer_mapping"]["event_payload_key"])
    if not customer:
        return "meter_event_no_customer_defined"
    found = world.store.get("customer", customer)
    if found is None or "deleted" in found:
        return "meter_event_customer_not_found"
    try:
        Fraction(_value(payload, meter))
    except ValueError:
        return "meter_event_invalid_value"
    return None


def _value(payload: Json, meter: Json) -> str:
    if meter["default_aggregation"]["formula"] == "count":
        return "1"
    return str(payload.get(meter["value_settings"]["event_payload_key"], ""))


def tell_errors(world: World, meter: str) -> None:
    """Report what could not be counted since the last report."""
    where: dict[str, object] = {"_local.state": "refused"}
    if meter:
        where["_local.meter"] = meter
    found = [event for event in world.store.find(EVENT, where) if (event[PRIVATE]["meter"] or "") == meter]
    for event in found:
        event[PRIVATE]["state"] = "reported"
        world.store.put(event)
    if found:
        about = world.need(KIND, meter) if meter else None
        name = "error_report_triggered" if meter else "no_meter_found"
        events.thin(world, f"v1.billing.meter.{name}", about, data=_report(world, found))


def _report(world: World, found: list[Json]) -> Json:
    kinds: dict[str, list[Json]] = {}
    for event in found:
        kinds.setdefault(event[PRIVATE]["fault"], []).append(event)
    first = min(event["created"] for event in found)
    return {
        "developer_message_summary": f"There is {len(found)} invalid event"
        if len(found) == 1
        else f"There are {len(found)} invalid events",
        "reason": {"error_count": len(found), "error_types": [_kind(code, some) for code, some in kinds.items()]},
        "validation_end": events.instant(world.now()),
        "validation_start": events.instant(first),
    }


def _kind(code: str, some: list[Json]) -> Json:
    samples = [{"error_message": WORDS[code], "request": {"identifier": one["identifier"]}} for one in some]
    return {"code": code, "error_count": len(some), "sample_errors": samples}


ROUTES = (
    ("POST", "/v1/billing/meters", create),
    ("GET", "/v1/billing/meters", list_),
    ("GET", "/v1/billing/meters/{}", retrieve),
    ("POST", "/v1/billing/meters/{}", update),
    ("POST", "/v1/billing/meters/{}/deactivate", deactivate),
    ("POST", "/v1/billing/meters/{}/reactivate", reactivate),
    ("GET", "/v1/billing/meters/{}/event_summaries", summaries),
    ("POST", "/v1/billing/meter_events", report),
)
