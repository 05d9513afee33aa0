"""How far a job is and how long it still takes, from what the same work took before.

Work is counted in units that cost about the same on one machine (token passes, pixels). What a unit takes is
measured while a job runs and remembered for the next, so the second job's estimate is right from its start.
Stages overlap, so that more seconds of work are done than pass: what is left is found by going through the plan.
And they overlap on one device: what is decoded while later windows are made takes a multiple of what it takes
alone, so each of the two has a measure of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Final, TypeAlias

from engine.types import Stage

_GUESS: Final[Mapping[Stage, float]] = {
    "loading": 0.8,
    "encoding": 0.01,
    "preparing": 3.5e-5,
    "denoising": 2e-3,
    "decoding": 1.2e-5,
    "saving": 2e-7,
}
"""Seconds per unit of the bundled model on one busy core, where nothing else is at work.

Only the proportions matter: the first measurement scales them all.
"""
_SHARED: Final = 2.0
"""How many times as long a stage is guessed to take beside another on the same device, until that was measured."""
_PAST: Final = 0.2
"""What earlier jobs measured of a stage counts as much as this share of a job's own work at most: where a machine has
become twice as fast meanwhile, the mean of both is less than 30 % off by half-way.
"""

StageWork: TypeAlias = tuple[Stage, float]
"""So many units of a stage."""
WorkPlan: TypeAlias = Sequence[Sequence[StageWork]]
"""A job's work in units: pieces in their order, in each of which every stage waits for the one before it."""
Kind: TypeAlias = tuple[Stage, bool]
"""A stage, and whether the first hand is at work beside it."""

_HANDS: Final[Mapping[Stage, int]] = MappingProxyType(
    {"loading": 0, "encoding": 0, "preparing": 0, "denoising": 0, "decoding": 1, "saving": 2}
)
"""Which of three hands does a stage; each does one thing at a time, and all work side by side."""


class StageRates:
    """Seconds per unit of each stage, as measured in this process for one model in one quality.

    `glimpses` are what the last previews took, in seconds for each native pixel.
    """

    def __init__(self) -> None:
        self.preview_rates: deque[float] = deque(maxlen=8)
        self._measured: dict[Kind, tuple[float, float]] = {}

    def add_measurement(self, stage: Stage, units: float, seconds: float, *, beside: bool = False) -> None:
        before_units, before_seconds = self._measured.get((stage, beside), (0.0, 0.0))
        self._measured[stage, beside] = before_units + units, before_seconds + seconds

    def fade_history(self, work: Mapping[Stage, float]) -> None:
        """Let what was measured of each stage count for no more than a part of the units that are now to be done."""
        for kind, (units, seconds) in self._measured.items():
            if units > (most := _PAST * work.get(kind[0], 0.0)) > 0:
                self._measured[kind] = most, seconds * most / units

    def is_measured(self, stage: Stage, *, beside: bool = False) -> bool:
        return self._measured.get((stage, beside), (0.0, 0.0))[0] > 0

    def seconds_per_unit(self, stage: Stage, *, beside: bool = False) -> float:
        """What was measured; else what was measured of the other kind; else a guess at the speed that denoising has
        shown this machine to have.
        """
        times = _SHARED if beside else 1 / _SHARED
        if self.is_measured(stage, beside=beside):
            return self._mean(stage, beside=beside)
        if self.is_measured(stage, beside=not beside):
            return self._mean(stage, beside=not beside) * times
        faster = self._mean("denoising") / _GUESS["denoising"] if self.is_measured("denoising") else 1.0
        return _GUESS[stage] * faster * max(1.0, times)

    def _mean(self, stage: Stage, *, beside: bool = False) -> float:
        units, seconds = self._measured[stage, beside]
        return seconds / units


class JobEstimate:
    """One job: its course, and how many units of each stage are done."""

    def __init__(self, rates: StageRates, course: WorkPlan) -> None:
        self._rates = rates
        self._rates.fade_history(_summed(course))
        self._course = course
        self._alone = _last_of_first_hand(course)
        self._beside = _summed(course[: self._alone])
        self._done: dict[Stage, float] = {}
        self._fraction = 0.0

    def record_work(self, stage: Stage, units: float, seconds: float) -> None:
        """Count `units` as done in `stage`, which took `seconds`. Each stage is done in the course's order, so what is
        done of it says whether later windows were made meanwhile.
        """
        beside = _HANDS[stage] > 0 and self._done.get(stage, 0.0) < self._beside.get(stage, 0.0)
        self.skip_work(stage, units)
        self._rates.add_measurement(stage, units, seconds, beside=beside)

    def skip_work(self, stage: Stage, units: float) -> None:
        """Count `units` as done before this job began: they say nothing of how fast it is."""
        self._done[stage] = self._done.get(stage, 0.0) + units

    def total_seconds(self) -> float:
        """Seconds of work that the job's clip takes, one after another, without the loading of a model."""
        each = (pair for piece in self._course for pair in piece)
        return sum(units * self._rates.seconds_per_unit(stage) for stage, units in each if stage != "loading")

    def fraction_done(self) -> float:
        """Of the whole job in seconds, 0 to 1. Where a new measurement would take it back, it waits instead."""
        done = 1 - self._left(self._done) / self._left({})
        self._fraction = max(self._fraction, min(1.0, done))
        return self._fraction

    def seconds_left(self) -> float | None:
        """Seconds left, or None until this process has denoised once: before that nothing is known."""
        return self._left(self._done) if self._rates.is_measured("denoising") else None

    def _left(self, done: Mapping[Stage, float]) -> float:
        """Seconds until all is done, when so many units of each stage are done: by going through the course."""
        passed, free = dict(done), [0.0, 0.0, 0.0]
        for number, piece in enumerate(self._course):
            ready = free[0]  # a stretch is taken on once everything before it is denoised
            for stage, units in piece:
                skipped = min(units, passed.get(stage, 0.0))
                passed[stage] = passed.get(stage, 0.0) - skipped
                hand = _HANDS[stage]
                pace = self._rates.seconds_per_unit(stage, beside=hand > 0 and number < self._alone)
                ready = free[hand] = max(ready, free[hand]) + (units - skipped) * pace
        return max(free)


def _summed(course: WorkPlan) -> dict[Stage, float]:
    """Units of each stage."""
    work: dict[Stage, float] = {}
    for stage, units in chain.from_iterable(course):
        work[stage] = work.get(stage, 0.0) + units
    return work


def _last_of_first_hand(course: WorkPlan) -> int:
    """The number of the last piece that the first hand has anything to do with; behind it the others are alone."""
    numbers = [number for number, piece in enumerate(course) if any(not _HANDS[stage] for stage, _ in piece)]
    return max(numbers, default=0)
