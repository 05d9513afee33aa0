"""What a clip costs in credits, as data an operator changes. Estimate and charge both ask here."""

from __future__ import annotations

from math import ceil

from api.models import Quality

TIERS = ((480, 1), (720, 2), (1080, 4))  # short side in pixels up to which a second costs so many credits
BEYOND = 8
QUALITY: dict[Quality, int] = {"turbo": 1, "full": 2}


def credits(seconds: float, width: int, height: int, quality: Quality) -> int:
    """Credits for one clip, rounded up; never less than one."""
    return max(1, ceil(seconds * _tier(min(width, height)) * QUALITY[quality]))


def _tier(short_side: int) -> int:
    return next((rate for side, rate in TIERS if short_side <= side), BEYOND)


def part(total: int, published_seconds: float, seconds: float) -> int:
    """What the published part of a cancelled clip costs, rounded up, never above the whole."""
    return min(total, ceil(total * published_seconds / seconds)) if seconds else 0
