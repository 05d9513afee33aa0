"""Billing periods: whole intervals from an anchor, in UTC; a month keeps the anchor's day where it has that day."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime

from api.fakes.stripe.errors import Json

UNIT_SECONDS = {"day": 86400, "week": 7 * 86400}
UNIT_MONTHS = {"month": 1, "year": 12}


def period_boundary(anchor: int, interval: str, count: int, number: int) -> int:
    """The time `number` intervals of `count` units after the anchor."""
    if interval in UNIT_SECONDS:
        return anchor + UNIT_SECONDS[interval] * count * number
    begin = datetime.fromtimestamp(anchor, UTC)
    month = begin.month - 1 + UNIT_MONTHS[interval] * count * number
    year, month = begin.year + month // 12, month % 12 + 1
    day = min(begin.day, calendar.monthrange(year, month)[1])
    return int(begin.replace(year=year, month=month, day=day).timestamp())


def billing_interval(price: Json) -> tuple[str, int]:
    """Unit and count of a recurring price."""
    return price["recurring"]["interval"], price["recurring"]["interval_count"]


def period_end(price: Json, start: int) -> int:
    """The end of the price's period that begins at `start`."""
    return period_boundary(start, *billing_interval(price), 1)


def next_boundary(anchor: int, interval: str, count: int, moment: int) -> int:
    """The first boundary later than `moment`."""
    longest = UNIT_SECONDS.get(interval, 31 * 86400 * UNIT_MONTHS.get(interval, 0)) * count
    number = max(0, (moment - anchor) // longest)
    while period_boundary(anchor, interval, count, number) <= moment:
        number += 1
    return period_boundary(anchor, interval, count, number)


def format_date(moment: int) -> str:
    """A date in the format of Stripe's invoices."""
    return f"{datetime.fromtimestamp(moment, UTC):%d %b %Y}"
