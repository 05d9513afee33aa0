"""Measures the error of a warm engine's estimate at half-way: its last remaining time against the actual one."""

from __future__ import annotations

from statistics import median
from typing import Final

from bench.engine.engine_clips import BUNDLED, BenchWeights, ClipTiming, clip_request, time_clip
from bench.engine.isolated_process import run_isolated
from bench.report import Row, format_percent
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


async def measure_eta() -> list[Row]:
    """In a process of its own, whose engine learns as it goes."""
    return await run_isolated(compare_estimates, BUNDLED, CLIPS)


def compare_estimates(weights: BenchWeights, clips: tuple[tuple[float, Quality], ...]) -> list[Row]:
    """Long and short, full and turbo, in an order in which none is like the one before."""
    for clip in WARM:
        time_clip(weights, clip_request(*clip))
    return build_rows([estimate_error(time_clip(weights, clip_request(*clip))) for clip in clips], clips)


def estimate_error(clip: ClipTiming) -> float:
    """By which share of the truth the estimate was wrong that was the last to be told when half the time was over;
    above 0 where it promised too long a wait.
    """
    half = clip.whole / 2
    when, left = max((each for each in clip.told if each[0] <= half), default=(0.0, 0.0))
    assert left, "nothing was said of the time left"
    truth = clip.whole - half
    return (left - (half - when)) / truth - 1


def build_rows(errors: list[float], clips: tuple[tuple[float, Quality], ...]) -> list[Row]:
    """The rows of the table."""
    worst, clip = max(zip(errors, clips, strict=True), key=lambda each: abs(each[0]))
    seconds, quality = clip
    return [
        Row("estimate at half-way: wrong by, median", format_percent(median(map(abs, errors))), goal="≤ 30 %"),
        Row("… at worst", f"{worst * 100:+.3g} %", f"{seconds:g} s, {quality}", goal="≤ 30 %"),
        Row("… clips", str(len(clips)), ", ".join(f"{error * 100:+.0f}" for error in errors) + " %"),
    ]
