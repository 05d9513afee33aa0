"""Usage recorded by meters."""

from __future__ import annotations

from fractions import Fraction

from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json


def total_usage(account: StripeAccount, meter_id: str, customer: str, start: int, end: int) -> int | float:
    """The customer's usage from `start` to before `end`, by the meter's formula."""
    formula = account.require_object("billing.meter", meter_id)["default_aggregation"]["formula"]
    values = [Fraction(event["_local"]["value"]) for event in _counted_events(account, meter_id, customer, start, end)]
    if formula == "count":
        return len(values)
    counted = values[-1:] if formula == "last" else values
    total = sum(counted, Fraction(0))
    return int(total) if total.denominator == 1 else float(total)


def _counted_events(account: StripeAccount, meter_id: str, customer: str, start: int, end: int) -> list[Json]:
    where = {
        "_local.meter": meter_id,
        "_local.customer": customer,
        "_local.state": "counted",
        "timestamp >=": start,
        "timestamp <": end,
    }
    events = account.store.find_objects("billing.meter_event", where)
    events.reverse()
    return sorted(events, key=lambda event: int(event["timestamp"]))
