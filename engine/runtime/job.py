"""One request under way: what of its plan is done, and how far it is by that.

It counts what it is told of; who does the work, and when, is the business of engine/runtime/engine.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from engine.catalog.model import Sampling
from engine.diffusion.conditioning import preparing_units
from engine.planning.plan import ClipPlan, DecodeSpan, Step, Window
from engine.runtime.postprocess import PostprocessEvent, StageDone, decoding_units
from engine.runtime.progress import JobEstimate, StageRates, WorkPlan
from engine.types import Event, Progress, Request, Stage


class Job:
    """Its plan, how it samples, and the numbers its progress is made of."""

    def __init__(
        self, film_plan: ClipPlan, request: Request, how: Sampling, rates: StageRates, *, loaded: bool
    ) -> None:
        self.plan = film_plan
        self.request = request
        self.sampling = how
        self.rates = rates
        self.step = 0
        self.window = 0
        self.estimate = JobEstimate(rates, self._course(loaded=loaded))

    def pass_units(self, window: Window) -> float:
        """What one step of a window costs: its area times its latents, for each prompt and for what to avoid."""
        width, height = self.plan.native
        passes = len(window.prompt_weights) + (self.sampling.guidance_scale > 1)
        return window.latents * width * height / 1024 * passes

    def skip_steps(self, steps: Sequence[Step]) -> None:
        """Count steps of the plan as done by an earlier attempt."""
        self.window += sum(isinstance(step, Window) for step in steps)
        for step in steps:
            for stage, units in self._costs(step):
                self.estimate.skip_work(stage, units)

    def record_work(self, stage: Stage, units: float, seconds: float) -> Progress:
        """Count work as done; how far the job is then."""
        self.estimate.record_work(stage, units, seconds)
        return self.progress_event(stage)

    def to_events(self, told: Iterable[PostprocessEvent]) -> Iterator[Event]:
        """What the darkroom tells, as events."""
        for each in told:
            yield self.record_work(each.stage, each.units, each.seconds) if isinstance(each, StageDone) else each

    def progress_event(self, stage: Stage) -> Progress:
        return Progress(
            stage=stage,
            fraction=self.estimate.fraction_done(),
            eta_seconds=self.estimate.seconds_left(),
            step=self.step,
            steps=self.sampling.steps,
            window=self.window,
            windows=len(self.plan.windows),
        )

    def _course(self, *, loaded: bool) -> WorkPlan:
        begins: list[tuple[Stage, float]] = [("loading", 0.0 if loaded else 1.0), ("encoding", 1.0)]
        return [begins, *map(self._costs, self.plan.steps)]

    def _costs(self, step: Step) -> list[tuple[Stage, float]]:
        """What a step of the plan takes, in the order in which it is done."""
        if isinstance(step, Window):
            steps = self.pass_units(step) * self.sampling.steps
            return [("preparing", preparing_units(self.plan, step)), ("denoising", steps)]
        saving = (step.last - step.first + 1) * self.plan.size.width * self.plan.size.height
        if isinstance(step, DecodeSpan):
            return [("decoding", decoding_units(self.plan, step)), ("saving", saving)]
        return [("saving", saving)]
