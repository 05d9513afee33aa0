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


def report_meter_errors(account: StripeAccount, meter_id: str) -> None:
    """Emit a report on events that could not be counted since the last report; `meter` is empty for unknown names."""
    where: dict[str, object] = {"_local.state": "refused"}
    if meter_id:
        where["_local.meter"] = meter_id
    refused = [
        event for event in account.store.find_objects(EVENT, where) if (event[PRIVATE]["meter"] or "") == meter_id
    ]
    for event in refused:
        event[PRIVATE]["state"] = "reported"
        account.store.put_object(event)
    if refused:
        about = account.require_object(METER, meter_id) if meter_id else None
        name = "error_report_triggered" if meter_id else "no_meter_found"
        events.emit_thin_event(account, f"v1.billing.meter.{name}", about, data=_error_report(account, refused))


def _error_report(account: StripeAccount, refused: list[Json]) -> Json:
    events_by_code: dict[str, list[Json]] = {}
    for event in refused:
        events_by_code.setdefault(event[PRIVATE]["fault"], []).append(event)
    first_created = min(event["created"] for event in refused)
    return {
        "developer_message_summary": f"There is {len(refused)} invalid event"
        if len(refused) == 1
        else f"There are {len(refused)} invalid events",
        "reason": {
            "error_count": len(refused),
            "error_types": [_error_type(code, code_events) for code, code_events in events_by_code.items()],
        },
        "validation_end": events.format_timestamp(account.now()),
        "validation_start": events.format_timestamp(first_created),
    }


def _error_type(code: str, events: list[Json]) -> Json:
    samples = [
        {"error_message": ERROR_MESSAGES[code], "request": {"identifier": event["identifier"]}} for event in events
    ]
    return {"code": code, "error_count": len(events), "sample_errors": samples}
