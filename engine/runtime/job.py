"""State of one job: its plan, the work done so far, and its progress events.

It counts reported work only; engine/runtime/engine.py does it.
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
    """A job's plan, sampling and progress estimate."""

    def __init__(
        self, clip_plan: ClipPlan, request: Request, sampling: Sampling, rates: StageRates, *, loaded: bool
    ) -> None:
        self.plan = clip_plan
        self.request = request
        self.sampling = sampling
        self.rates = rates
        self.step = 0
        self.window = 0
        self.estimate = JobEstimate(rates, self._work_plan(loaded=loaded))

    def pass_units(self, window: Window) -> float:
        """Cost of one denoising step of a window, in latents times native pixels / 1024, for each transformer pass: one
        for each prompt, and one unguided.
        """
        width, height = self.plan.native
        passes = len(window.prompt_weights) + (self.sampling.guidance_scale > 1)
        return window.latents * width * height / 1024 * passes

    def skip_steps(self, steps: Sequence[Step]) -> None:
        """Count steps of the plan that an earlier attempt has done."""
        self.window += sum(isinstance(step, Window) for step in steps)
        for step in steps:
            for stage, units in self._step_work(step):
                self.estimate.skip_work(stage, units)

    def record_work(self, stage: Stage, units: float, seconds: float) -> Progress:
        """Count work as done; returns the progress event after it. `units` are those of `engine.runtime.progress`."""
        self.estimate.record_work(stage, units, seconds)
        return self.progress_event(stage)

    def to_events(self, events: Iterable[PostprocessEvent]) -> Iterator[Event]:
        """Engine events for the events of the postprocessor."""
        for event in events:
            yield self.record_work(event.stage, event.units, event.seconds) if isinstance(event, StageDone) else event

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

    def _work_plan(self, *, loaded: bool) -> WorkPlan:
        start: list[tuple[Stage, float]] = [("loading", 0.0 if loaded else 1.0), ("encoding", 1.0)]
        return [start, *map(self._step_work, self.plan.steps)]

    def _step_work(self, step: Step) -> list[tuple[Stage, float]]:
        """Work of a plan's step by stage, in units, in the order in which it is done."""
        if isinstance(step, Window):
            steps = self.pass_units(step) * self.sampling.steps
            return [("preparing", preparing_units(self.plan, step)), ("denoising", steps)]
        saving = (step.last - step.first + 1) * self.plan.size.width * self.plan.size.height
        if isinstance(step, DecodeSpan):
            return [("decoding", decoding_units(self.plan, step)), ("saving", saving)]
        return [("saving", saving)]
