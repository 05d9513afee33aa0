"""Progress of a job and seconds left, from measured seconds per unit of work.

Units of work, which cost about the same on one machine: loading and encoding count 1 in all; preparing and decoding
count latents times native pixels; denoising counts latents times native pixels / 1024 times transformer passes; saving
counts pixels of the file. Seconds per unit are measured while a job runs and kept for the next, so the second job's
estimate is right from its start.
Stages overlap, so more seconds of work are done than pass: the time left is found by simulating the rest of the plan.
And they share one device: decoding takes several times as long while later windows are denoised as it takes alone, so
both cases are measured separately.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Final, TypeAlias

from engine.types import Stage

_DEFAULT_SECONDS: Final[Mapping[Stage, float]] = {
    "loading": 0.8,
    "encoding": 0.01,
    "preparing": 3.5e-5,
    "denoising": 2e-3,
    "decoding": 1.2e-5,
    "saving": 2e-7,
}
"""Seconds per unit of the bundled model on one core without contention.

Only the proportions matter: the first measurement scales them all.
"""
_CONTENTION: Final = 2.0
"""Assumed slowdown of a stage while another uses the same device, until it is measured."""
_HISTORY_SHARE: Final = 0.2
"""Most weight of earlier jobs' measurements, as a share of a job's own work: if the machine has become twice as fast
meanwhile, the mean of both is less than 30 % off by half-way.
"""

StageWork: TypeAlias = tuple[Stage, float]
"""A stage, and units of its work."""
WorkPlan: TypeAlias = Sequence[Sequence[StageWork]]
"""A job's work: pieces in order, in each of which every stage waits for the one before it."""
RateKey: TypeAlias = tuple[Stage, bool]
"""A stage, and whether the denoising thread is busy at the same time (contended)."""

_THREADS: Final[Mapping[Stage, int]] = MappingProxyType(
    {"loading": 0, "encoding": 0, "preparing": 0, "denoising": 0, "decoding": 1, "saving": 2}
)
"""Thread of each stage: 0 denoises, 1 decodes, 2 writes. Each does one thing at a time; all three run at once."""


class StageRates:
    """Seconds per unit of each stage, as measured in this process for one model in one quality.

    `preview_rates` are the costs of the last previews, in seconds for each native pixel.
    """

    def __init__(self) -> None:
        self.preview_rates: deque[float] = deque(maxlen=8)
        self._measured: dict[RateKey, tuple[float, float]] = {}

    def add_measurement(self, stage: Stage, units: float, seconds: float, *, contended: bool = False) -> None:
        before_units, before_seconds = self._measured.get((stage, contended), (0.0, 0.0))
        self._measured[stage, contended] = before_units + units, before_seconds + seconds

    def fade_history(self, work: Mapping[Stage, float]) -> None:
        """Let what was measured of each stage count for no more than a part of the units that are now to be done."""
        for kind, (units, seconds) in self._measured.items():
            if units > (most := _HISTORY_SHARE * work.get(kind[0], 0.0)) > 0:
                self._measured[kind] = most, seconds * most / units

    def is_measured(self, stage: Stage, *, contended: bool = False) -> bool:
        return self._measured.get((stage, contended), (0.0, 0.0))[0] > 0

    def seconds_per_unit(self, stage: Stage, *, contended: bool = False) -> float:
        """The measured mean; else the mean of the other kind of contention, scaled; else the default, scaled by the
        measured speed of denoising.
        """
        slowdown = _CONTENTION if contended else 1 / _CONTENTION
        if self.is_measured(stage, contended=contended):
            return self._measured_mean(stage, contended=contended)
        if self.is_measured(stage, contended=not contended):
            return self._measured_mean(stage, contended=not contended) * slowdown
        faster = (
            self._measured_mean("denoising") / _DEFAULT_SECONDS["denoising"] if self.is_measured("denoising") else 1.0
        )
        return _DEFAULT_SECONDS[stage] * faster * max(1.0, slowdown)

    def _measured_mean(self, stage: Stage, *, contended: bool = False) -> float:
        units, seconds = self._measured[stage, contended]
        return seconds / units


class JobEstimate:
    """Progress of one job: its work plan, and the units of each stage that are done."""

    def __init__(self, rates: StageRates, work_plan: WorkPlan) -> None:
        self._rates = rates
        self._rates.fade_history(_units_by_stage(work_plan))
        self._work_plan = work_plan
        self._last_denoising = _last_denoising_piece(work_plan)
        self._contended_units = _units_by_stage(work_plan[: self._last_denoising])
        self._done: dict[Stage, float] = {}
        self._fraction = 0.0

    def record_work(self, stage: Stage, units: float, seconds: float) -> None:
        """Count `units` of a stage as done in `seconds`. Each stage runs in the plan's order, so its units done so far
        tell whether later windows were denoised meanwhile.
        """
        contended = _THREADS[stage] > 0 and self._done.get(stage, 0.0) < self._contended_units.get(stage, 0.0)
        self.skip_work(stage, units)
        self._rates.add_measurement(stage, units, seconds, contended=contended)

    def skip_work(self, stage: Stage, units: float) -> None:
        """Count `units` as done before this job began, without a measurement."""
        self._done[stage] = self._done.get(stage, 0.0) + units

    def total_seconds(self) -> float:
        """Seconds of all work on the clip, without overlap and without loading the model."""
        work = chain.from_iterable(self._work_plan)
        return sum(units * self._rates.seconds_per_unit(stage) for stage, units in work if stage != "loading")

    def fraction_done(self) -> float:
        """Share of the whole job in seconds, 0 to 1. It never decreases when a new measurement changes the estimate."""
        done = 1 - self._simulate_rest(self._done) / self._simulate_rest({})
        self._fraction = max(self._fraction, min(1.0, done))
        return self._fraction

    def seconds_left(self) -> float | None:
        """Seconds left; None until this process has measured denoising."""
        return self._simulate_rest(self._done) if self._rates.is_measured("denoising") else None

    def _simulate_rest(self, done: Mapping[Stage, float]) -> float:
        """Seconds until the job ends, given the units of each stage that are done, by simulating the three threads."""
        passed, free = dict(done), [0.0, 0.0, 0.0]
        for number, piece in enumerate(self._work_plan):
            ready = free[0]  # a span is postprocessed once everything before it is denoised
            for stage, units in piece:
                skipped = min(units, passed.get(stage, 0.0))
                passed[stage] = passed.get(stage, 0.0) - skipped
                thread = _THREADS[stage]
                seconds_per_unit = self._rates.seconds_per_unit(
                    stage, contended=thread > 0 and number < self._last_denoising
                )
                ready = free[thread] = max(ready, free[thread]) + (units - skipped) * seconds_per_unit
        return max(free)


def _units_by_stage(work_plan: WorkPlan) -> dict[Stage, float]:
    """Total units of each stage."""
    work: dict[Stage, float] = {}
    for stage, units in chain.from_iterable(work_plan):
        work[stage] = work.get(stage, 0.0) + units
    return work


def _last_denoising_piece(work_plan: WorkPlan) -> int:
    """Number of the last piece with work for the denoising thread; after it the other threads run alone."""
    numbers = [number for number, piece in enumerate(work_plan) if any(not _THREADS[stage] for stage, _ in piece)]
    return max(numbers, default=0)
