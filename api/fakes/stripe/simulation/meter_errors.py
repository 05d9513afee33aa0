"""Error reports on meter events that could not be counted."""

from __future__ import annotations

from api.fakes.stripe import events
from api.fakes.stripe.account import PRIVATE, StripeAccount
from api.fakes.stripe.errors import Json

METER, EVENT = "billing.meter", "billing.meter_event"
ERROR_MESSAGES = {
    "meter_event_customer_not_found": "The customer for the meter event could not be found.",
    "meter_event_invalid_value": "The value of the meter event is not a number.",
    "meter_event_no_customer_defined": "The meter event names no customer.",
    "no_meter": "There is no meter for the event's name.",
}


def report_meter_errors(world: StripeAccount, meter: str) -> None:
    """Report what could not be counted since the last report."""
    where: dict[str, object] = {"_local.state": "refused"}
    if meter:
        where["_local.meter"] = meter
    found = [event for event in world.store.find_objects(EVENT, where) if (event[PRIVATE]["meter"] or "") == meter]
    for event in found:
        event[PRIVATE]["state"] = "reported"
        world.store.put_object(event)
    if found:
        about = world.require_object(METER, meter) if meter else None
        name = "error_report_triggered" if meter else "no_meter_found"
        events.emit_thin_event(world, f"v1.billing.meter.{name}", about, data=_error_report(world, found))


def _error_report(world: StripeAccount, found: list[Json]) -> Json:
    kinds: dict[str, list[Json]] = {}
    for event in found:
        kinds.setdefault(event[PRIVATE]["fault"], []).append(event)
    first = min(event["created"] for event in found)
    return {
        "developer_message_summary": f"There is {len(found)} invalid event"
        if len(found) == 1
        else f"There are {len(found)} invalid events",
        "reason": {"error_count": len(found), "error_types": [_error_type(code, some) for code, some in kinds.items()]},
        "validation_end": events.format_timestamp(world.now()),
        "validation_start": events.format_timestamp(first),
    }


def _error_type(code: str, some: list[Json]) -> Json:
    samples = [{"error_message": ERROR_MESSAGES[code], "request": {"identifier": one["identifier"]}} for one in some]
    return {"code": code, "error_count": len(some), "sample_errors": samples}
