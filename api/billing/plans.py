"""What each plan allows, as data an operator changes. No prices here: those are in `prices`."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime
from typing import NamedTuple

UNVERIFIED_SHARE = 10  # an address nobody has confirmed gets a tenth of the free allowance


class Plan(NamedTuple):
    """Limits of a plan. Sides are pixels of the picture's short side; a larger `priority` is served first."""

    name: str
    monthly_credits: int
    max_short_side: int
    max_seconds: int
    concurrency: int
    priority: int
    retention_days: int


PLANS = {
    plan.name: plan
    for plan in (
        Plan("free", 300, max_short_side=720, max_seconds=10, concurrency=1, priority=0, retention_days=30),
        Plan("plus", 3_000, max_short_side=1080, max_seconds=15, concurrency=2, priority=0, retention_days=365),
        Plan("pro", 30_000, max_short_side=1080, max_seconds=20, concurrency=5, priority=10, retention_days=365),
    )
}


class Period(NamedTuple):
    """One month of an allowance: from `start` until before `end`."""

    start: datetime
    end: datetime


def period(anchor: datetime, now: datetime) -> Period:
    """The month that holds `now`, counted from the day and hour of `anchor`; the 31st becomes a month's last day."""
    months = (now.year - anchor.year) * 12 + now.month - anchor.month
    if _shifted(anchor, months) > now:
        months -= 1
    return Period(_shifted(anchor, months), _shifted(anchor, months + 1))


def _shifted(anchor: datetime, months: int) -> datetime:
    years, month = divmod(anchor.month - 1 + months, 12)
    year, month = anchor.year + years, month + 1
    return anchor.replace(year=year, month=month, day=min(anchor.day, monthrange(year, month)[1]))
