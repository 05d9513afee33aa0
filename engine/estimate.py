"""How far a job is and how long it still takes, from what the same work took before.

Work is counted in units that cost about the same on one machine (token passes, pixels). What a unit takes is
measured while a job runs and remembered for the next, so the second job's estimate is right from its start.
Stages overlap, so that more seconds of work are done than pass: what is left is found by going through the plan.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from engine.types import Stage

_GUESS: Final[Mapping[Stage, float]] = {
    "loading": 0.7,
    "encoding": 0.02,
    "denoising": 2e-3,
    "decoding": 2.5e-5,
    "saving": 1.5e-7,
}
"""Seconds per unit of the bundled model on one busy core.

Only the proportions matter: the first measurement scales them all.
"""


Course: TypeAlias = Sequence[Sequence[tuple[Stage, float]]]
"""A job's work in units: pieces in their order, in each of which every stage waits for the one before it."""

_HANDS: Final[Mapping[Stage, int]] = MappingProxyType(
    {"loading": 0, "encoding": 0, "denoising": 0, "decoding": 1, "saving": 2}
)
"""Which of three hands does a stage; each does one thing at a time, and all work side by side."""


class Rates:
    """Seconds per unit of each stage, as measured in this process for one model in one quality.

    `glimpses` are what the last previews took, in seconds for each native pixel.
    """

    def __init__(self) -> None:
        self.glimpses: deque[float] = deque(maxlen=8)
        self._seconds: dict[Stage, float] = {}
        self._units: dict[Stage, float] = {}

    def add(self, stage: Stage, units: float, seconds: float) -> None:
        self._seconds[stage] = self._seconds.get(stage, 0.0) + seconds
        self._units[stage] = self._units.get(stage, 0.0) + units

    def fade(self) -> None:
        """Let earlier jobs count half as much as they did: the machine may be busier or freer now."""
        self._seconds = {stage: value / 2 for stage, value in self._seconds.items()}
        self._units = {stage: value / 2 for stage, value in self._units.items()}

    def known(self, stage: Stage) -> bool:
        return self._units.get(stage, 0.0) > 0

    def per_unit(self, stage: Stage) -> float:
        """What was measured, else a guess at the speed that denoising has shown this machine to have."""
        if self.known(stage):
            return self._seconds[stage] / self._units[stage]
        faster = self.per_unit("denoising") / _GUESS["denoising"] if self.known("denoising") else 1.0
        return _GUESS[stage] * faster


class Estimate:
    """One job: its course, and how many units of each stage are done."""

    def __init__(self, rates: Rates, course: Course) -> None:
        self._rates = rates
        self._rates.fade()
        self._course = course
        self._done: dict[Stage, float] = {}
        self._fraction = 0.0

    def did(self, stage: Stage, units: float, seconds: float) -> None:
        """Count `units` as done in `stage`, which took `seconds`, maybe while others were at work too."""
        self.skip(stage, units)
        self._rates.add(stage, units, seconds)

    def skip(self, stage: Stage, units: float) -> None:
        """Count `units` as done before this job began: they say nothing of how fast it is."""
        self._done[stage] = self._done.get(stage, 0.0) + units

    def whole(self) -> float:
        """Seconds of work that the job's clip takes, one after another, without the loading of a model."""
        each = (pair for piece in self._course for pair in piece)
        return sum(units * self._rates.per_unit(stage) for stage, units in each if stage != "loading")

    def fraction(self) -> float:
        """Of the whole job in seconds, 0 to 1. Where a new measurement would take it back, it waits instead."""
        done = 1 - self._left(self._done) / self._left({})
        self._fraction = max(self._fraction, min(1.0, done))
        return self._fraction

    def eta(self) -> float | None:
        """Seconds left, or None until this process has denoised once: before that nothing is known."""
        return self._left(self._done) if self._rates.known("denoising") else None

    def _left(self, done: Mapping[Stage, float]) -> float:
        """Seconds until all is done, when so many units of each stage are done: by going through the course."""
        passed, free = dict(done), [0.0, 0.0, 0.0]
        for piece in self._course:
            ready = free[0]  # a stretch is taken on once everything before it is denoised
            for stage, units in piece:
                skipped = min(units, passed.get(stage, 0.0))
                passed[stage] = passed.get(stage, 0.0) - skipped
                hand = _HANDS[stage]
                ready = free[hand] = max(ready, free[hand]) + (units - skipped) * self._rates.per_unit(stage)
        return max(free)
