"""How far a job is and how long it still takes, from what the same work took before.

Work is counted in units that cost about the same on one machine (token passes, pixels). What a unit takes is
measured while a job runs and remembered for the next, so the second job's estimate is right from its start.
Stages overlap, so that more seconds of work are done than pass: how many more is measured too.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

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


_TRUSTED: Final = 2.0
"""Seconds for which the pace of the job before is believed more than this job's own."""


class Rates:
    """Seconds per unit of each stage, as measured in this process for one model.

    `pace` is how many seconds of work are done in one second, by stages at work at once. `glimpses` are what
    the last previews took, in seconds for each native pixel.
    """

    def __init__(self) -> None:
        self.pace = 1.0
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
    """One job: the units of work it has in each stage, and how many of them are done."""

    def __init__(self, rates: Rates, work: Mapping[Stage, float], clock: Callable[[], float] = time.monotonic) -> None:
        self._rates = rates
        self._rates.fade()
        self._work = dict(work)
        self._done: dict[Stage, float] = dict.fromkeys(work, 0.0)
        self._clock = clock
        self._began = clock()
        self._expected = rates.pace
        self._spent = 0.0
        self._fraction = 0.0

    def did(self, stage: Stage, units: float, seconds: float) -> None:
        """Count `units` as done in `stage`, which took `seconds`, maybe while others were at work too."""
        self._done[stage] += units
        self._rates.add(stage, units, seconds)
        self._spent += seconds
        passed = self._clock() - self._began
        self._rates.pace = max(1.0, (self._spent + self._expected * _TRUSTED) / (passed + _TRUSTED))

    def skip(self, stage: Stage, units: float) -> None:
        """Count `units` as done before this job began: they say nothing of how fast it is."""
        self._done[stage] += units

    def whole(self) -> float:
        """Seconds of work that the job's clip takes, without the loading of a model."""
        return self._seconds({stage: units for stage, units in self._work.items() if stage != "loading"})

    def fraction(self) -> float:
        """Of the whole job in seconds, 0 to 1. Where a new measurement would take it back, it waits instead."""
        done, whole = self._seconds(self._done), self._seconds(self._work)
        self._fraction = max(self._fraction, min(1.0, done / whole))
        return self._fraction

    def eta(self) -> float | None:
        """Seconds left, or None until this process has denoised once: before that nothing is known."""
        if not self._rates.known("denoising"):
            return None
        return max(0.0, self._seconds(self._work) - self._seconds(self._done)) / self._rates.pace

    def _seconds(self, units: Mapping[Stage, float]) -> float:
        return sum(count * self._rates.per_unit(stage) for stage, count in units.items())
