"""Plans: what each allows, and its months. The plans themselves are data of the tariff."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

UNVERIFIED_SHARE = 10  # an unverified address gets a tenth of the free allowance
RELAXED_PRIORITY = -10  # below every plan's priority: relaxed clips are made when no paid one waits
LARGEST = 10**12  # credits; far above any real tariff, far below what a bigint holds

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,31}$")]
Version = Annotated[int, Meta(ge=1, le=10_000)]
Credits = Annotated[int, Meta(ge=0, le=LARGEST)]
Amount = Annotated[int, Meta(ge=0, le=99_999_999)]


class TariffPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of a plan. `max_short_side` is in pixels; a larger `priority` is served first.

    `amount` is the price of a month in the currency's smallest unit, and 0 for what is not sold. `marked` clips carry
    the visible watermark. Under a `relaxed` plan clips are still made once the credits are spent, when no paid one
    waits.
    """

    name: Name
    version: Version
    amount: Amount
    monthly_credits: Credits
    trial_days: Annotated[int, Meta(ge=0, le=730)] = 0
    trial_credits: Credits = 0
    max_short_side: Annotated[int, Meta(ge=1, le=100_000)]
    max_seconds: Annotated[int, Meta(ge=1, le=86_400)]
    concurrency: Annotated[int, Meta(ge=1, le=10_000)]
    priority: Annotated[int, Meta(ge=0, le=1_000)]
    retention_days: Annotated[int, Meta(ge=1, le=36_500)]
    marked: bool
    relaxed: bool

    def monthly_allowance(self, *, full: bool) -> int:
        """Credits of one month; the free plan grants fewer to an unverified address."""
        return self.monthly_credits if full or self.name != "free" else self.monthly_credits // UNVERIFIED_SHARE


class AllowanceMonth(NamedTuple):
    """One month of an allowance: from `start` until before `end`."""

    start: datetime
    end: datetime


def allowance_month(anchor: datetime, now: datetime) -> AllowanceMonth:
    """The month that contains `now`, counted from the day and hour of `anchor`; a 31st becomes a month's last day."""
    months = (now.year - anchor.year) * 12 + now.month - anchor.month
    if _add_months(anchor, months) > now:
        months -= 1
    return AllowanceMonth(_add_months(anchor, months), _add_months(anchor, months + 1))


def _add_months(anchor: datetime, months: int) -> datetime:
    years, month = divmod(anchor.month - 1 + months, 12)
    year, month = anchor.year + years, month + 1
    return anchor.replace(year=year, month=month, day=min(anchor.day, monthrange(year, month)[1]))
