"""What work costs in credits, by the tariff's prices. Estimate and charge both ask here, and nobody else counts."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from msgspec import Struct

from api.schemas.videos import Quality

RESOLUTION = 1_000_000  # of a second; what lies below is a float's noise, and nobody pays for it


class RateTier(Struct, frozen=True, forbid_unknown_fields=True):
    """Credits that a second costs up to this short side, in pixels."""

    short_side: int
    rate: Decimal


class QualityFactors(Struct, frozen=True, forbid_unknown_fields=True):
    """How many times the rate each quality costs."""

    turbo: Decimal
    full: Decimal


class Prices(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates and factors. `beyond` is the rate above the last tier; a model or an operation without a factor has 1.

    Whatever is shorter than `least_seconds`, and a still first of all, costs as much as if it were so long.
    """

    tiers: list[RateTier]
    beyond: Decimal
    quality: QualityFactors
    models: dict[str, Decimal] = {}
    operations: dict[str, Decimal] = {}
    least_seconds: Decimal = Decimal(0)


class PricedWork(NamedTuple):
    """What is paid for: `variations` clips of so many seconds that are made anew (0 for a still), by a model.

    `operation` is named as in the model's catalogue entry.
    """

    model: str
    operation: str
    quality: Quality
    seconds: float
    width: int
    height: int
    variations: int = 1


def price_in_credits(prices: Prices, work: PricedWork) -> int:
    """Credits for all variations; each is rounded up and costs one at least."""
    seconds = max(Fraction(round(work.seconds * RESOLUTION), RESOLUTION), Fraction(prices.least_seconds))
    rate = _rate_for_side(prices, min(work.width, work.height)) * Fraction(getattr(prices.quality, work.quality))
    factor = Fraction(prices.models.get(work.model, 1)) * Fraction(prices.operations.get(work.operation, 1))
    return work.variations * max(1, ceil(seconds * rate * factor))


def _rate_for_side(prices: Prices, short_side: int) -> Fraction:
    return Fraction(next((tier.rate for tier in prices.tiers if short_side <= tier.short_side), prices.beyond))


def partial_charge(total: int, published_seconds: float, seconds: float) -> int:
    """What the published part of a cancelled clip costs, rounded up, never above the whole."""
    return min(total, ceil(total * published_seconds / seconds)) if seconds else 0
