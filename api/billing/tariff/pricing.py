"""Prices of work in credits, by the tariff. The only place where they are computed, for estimates and charges alike."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from msgspec import Struct

from api.schemas.videos import Quality

RESOLUTION = 1_000_000  # fractions of a second that count; smaller ones are float noise


class RateTier(Struct, frozen=True, forbid_unknown_fields=True):
    """Credits for a second up to this short side, in pixels."""

    short_side: int
    rate: Decimal


class QualityFactors(Struct, frozen=True, forbid_unknown_fields=True):
    """The factor of each quality on the rate."""

    turbo: Decimal
    full: Decimal

    def factor(self, quality: Quality) -> Decimal:
        """The factor of one quality."""
        return self.full if quality == "full" else self.turbo


class Prices(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates and factors. `beyond` is the rate above the last tier; models and operations that are not listed have 1.

    Whatever is shorter than `least_seconds`, stills above all, costs as if it were that long.
    """

    tiers: list[RateTier]
    beyond: Decimal
    quality: QualityFactors
    models: dict[str, Decimal] = {}
    operations: dict[str, Decimal] = {}
    least_seconds: Decimal = Decimal(0)


class PricedWork(NamedTuple):
    """Work to be paid: `variations` clips with so many seconds of new video (0 for a still), by a model.

    `operation` is named as in the model's catalog entry.
    """

    model: str
    operation: str
    quality: Quality
    seconds: float
    width: int
    height: int
    variations: int = 1


def price_in_credits(prices: Prices, work: PricedWork) -> int:
    """Credits for all variations; each is rounded up and costs 1 at least.

    max(1, ceil(seconds × rate × quality × model × operation)) for each, with `least_seconds` at least.
    """
    seconds = max(Fraction(round(work.seconds * RESOLUTION), RESOLUTION), Fraction(prices.least_seconds))
    rate = _rate_for_side(prices, min(work.width, work.height)) * Fraction(prices.quality.factor(work.quality))
    factor = Fraction(prices.models.get(work.model, 1)) * Fraction(prices.operations.get(work.operation, 1))
    return work.variations * max(1, ceil(seconds * rate * factor))


def _rate_for_side(prices: Prices, short_side: int) -> Fraction:
    return Fraction(next((tier.rate for tier in prices.tiers if short_side <= tier.short_side), prices.beyond))


def partial_charge(total: int, published_seconds: float, seconds: float) -> int:
    """Credits for the published seconds of a cancelled clip of `total` credits: rounded up, never above `total`."""
    return min(total, ceil(total * published_seconds / seconds)) if seconds else 0
