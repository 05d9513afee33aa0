"""What a warm engine says of the time that is left when half of it is over, beside what is left in truth."""

from __future__ import annotations

from statistics import median
from typing import Final

from bench.engine_clips import BUNDLED, Made, Weights, asked, made
from bench.isolated_process import alone
from bench.report import Row, percent
from engine.types import Quality

WARM: Final[tuple[tuple[float, Quality], ...]] = ((2, "full"), (2, "turbo"))  # made first, and not counted
CLIPS: Final[tuple[tuple[float, Quality], ...]] = (
    (5, "full"),
    (20, "turbo"),
    (2, "full"),
    (10, "full"),
    (5, "turbo"),
    (2, "turbo"),
    (10, "turbo"),
    (5, "full"),
)


async def measure() -> list[Row]:
    """In a process of its own, whose engine learns as it goes."""
    return await alone(told, BUNDLED, CLIPS)


def told(weights: Weights, clips: tuple[tuple[float, Quality], ...]) -> list[Row]:
    """Long and short, full and turbo, in an order in which none is like the one before."""
    for clip in WARM:
        made(weights, asked(*clip))
    return rows([wrong(made(weights, asked(*clip))) for clip in clips], clips)


def wrong(clip: Made) -> float:
    """By which share of the truth the estimate was wrong that was the last to be told when half the time was over;
    above 0 where it promised too long a wait.
    """
    half = clip.whole / 2
    when, left = max((each for each in clip.told if each[0] <= half), default=(0.0, 0.0))
    assert left, "nothing was said of the time left"
    truth = clip.whole - half
    return (left - (half - when)) / truth - 1


def rows(errors: list[float], clips: tuple[tuple[float, Quality], ...]) -> list[Row]:
    """The table's part."""
    worst, clip = max(zip(errors, clips, strict=True), key=lambda each: abs(each[0]))
    seconds, quality = clip
    return [
        Row("estimate at half-way: wrong by, median", percent(median(map(abs, errors))), goal="≤ 30 %"),
        Row("… at worst", f"{worst * 100:+.3g} %", f"{seconds:g} s, {quality}", goal="≤ 30 %"),
        Row("… clips", str(len(clips)), ", ".join(f"{error * 100:+.0f}" for error in errors) + " %"),
    ]
