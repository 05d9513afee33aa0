"""Amounts of prices in whole minor units; halves are rounded away from zero."""

from __future__ import annotations

from fractions import Fraction

from api.fakes.stripe.errors import Json


def round_half_away(amount: Fraction) -> int:
    sign = -1 if amount < 0 else 1
    return sign * int(abs(amount) + Fraction(1, 2))


def unit_amount(price: Json) -> Fraction:
    """The exact amount of one unit."""
    return Fraction(price["unit_amount_decimal"] or "0")


def total_amount(price: Json, quantity: Fraction | int) -> int:
    return round_half_away(unit_amount(price) * quantity)


def prorated_amount(price: Json, quantity: int, part: int, whole: int) -> int:
    """The amount for the fraction `part / whole` of a period."""
    return round_half_away(unit_amount(price) * quantity * Fraction(part, whole))


def is_metered(price: Json) -> bool:
    return bool(price["recurring"] and price["recurring"]["usage_type"] == "metered")
