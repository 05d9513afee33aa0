"""What meters have counted."""

from __future__ import annotations

from fractions import Fraction

from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json


def total_usage(world: StripeAccount, meter: str, customer: str, start: int, end: int) -> int | float:
    """The customer's usage from `start` to before `end`, by the meter's formula."""
    formula = world.require_object("billing.meter", meter)["default_aggregation"]["formula"]
    values = [Fraction(event["_local"]["value"]) for event in _counted_events(world, meter, customer, start, end)]
    if formula == "count":
        return len(values)
    found = values[-1:] if formula == "last" else values
    whole = sum(found, Fraction(0))
    return int(whole) if whole.denominator == 1 else float(whole)


def _counted_events(world: StripeAccount, meter: str, customer: str, start: int, end: int) -> list[Json]:
    where = {
        "_local.meter": meter,
        "_local.customer": customer,
        "_local.state": "counted",
        "timestamp >=": start,
        "timestamp <": end,
    }
    found = world.store.find_objects("billing.meter_event", where)
    found.reverse()
    return sorted(found, key=lambda event: int(event["timestamp"]))
