"""Makes a clip: chooses the family's recipe, runs the plan window by window, and says honestly how far it is.

`Engine` is all the outside needs. It knows files and progress; tensors are the recipe's.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch

from engine import ltx
from engine.catalog import Model, Sampling, check_request
from engine.encode import Film
from engine.estimate import Estimate, Rates
from engine.finish import finish
from engine.frames import cover, fit
from engine.loader import Parts, Source, load, locate, use_threads
from engine.plan import Kept, Plan, Shown, Window
from engine.schedule import sampling
from engine.timeline import plan
from engine.types import (
    Cancelled,
    Done,
    EngineConfig,
    EngineError,
    Event,
    Loading,
    Progress,
    Request,
    Segment,
    Stage,
)

_BATCH: Final = 8
"""Frames scaled and encoded at a time, so that memory does not grow with the clip and a cancel is seen soon."""


class Engine:
    """Runs one job at a time; the model of the last one stays loaded."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._threads = use_threads(config)
        self._loaded: tuple[str, Parts] | None = None
        self._sources: dict[str, Source] = {}
        self._rates: dict[str, Rates] = {}

    def run(self, request: Request, out_dir: Path, cancelled: Callable[[], bool]) -> Iterator[Event]:
        """Make the clip into `out_dir` (created), yielding events; the last is Done.

        `cancelled` is asked between load stages, steps, decodes and small groups of frames. Raises Cancelled,
        or EngineError for everything that has a name; nothing half-written keeps the name of a result.
        """
        if problems := check_request(request):
            raise EngineError(
                "model_unknown" if problems[0].field == "model" else "bad_request",
                " ".join(problem.message for problem in problems),
            )
        film_plan = plan(request)
        how = sampling(film_plan.model, request, self._source(film_plan.model).adapters)
        rates = self._rates.setdefault(request.model, Rates())
        job = _Job(film_plan, request, how, rates, loaded=self._kept(request.model))
        with _room():
            parts = yield from self._load(film_plan.model, job, cancelled)
            yield from _film(job, parts, out_dir, self._threads, cancelled)

    def _kept(self, name: str) -> bool:
        return self._loaded is not None and self._loaded[0] == name

    def _source(self, model: Model) -> Source:
        """Located once: a later look might find other adapters than those that are loaded."""
        if model.name not in self._sources:
            self._sources[model.name] = locate(model, self._config)
        return self._sources[model.name]

    def _load(self, model: Model, job: _Job, cancelled: Callable[[], bool]) -> Generator[Event, None, Parts]:
        if self._loaded is not None and self._loaded[0] == model.name:
            return self._loaded[1]
        self._loaded = None  # first let go of the other model: two may not fit
        loading = load(model, self._source(model), self._config)
        before = 0.0
        while True:
            _stop_if(cancelled)
            try:
                fraction = next(loading)
            except StopIteration as end:
                parts: Parts = end.value
                self._loaded = (model.name, parts)
                return parts
            job.estimate.did("loading", fraction - before)
            before = fraction
            yield Loading(fraction)
            yield job.progress("loading")


class _Job:
    """One request under way: its plan, how it samples, and the numbers its progress is made of."""

    def __init__(self, film_plan: Plan, request: Request, how: Sampling, rates: Rates, *, loaded: bool) -> None:
        self.plan = film_plan
        self.request = request
        self.how = how
        self.step = 0
        self.window = 0
        self.estimate = Estimate(rates, self._work(loaded=loaded))

    def pass_units(self, window: Window) -> float:
        """What one step of a window costs: its area times its latents, for each prompt and for what to avoid."""
        width, height = self.plan.native
        passes = len(window.weights) + (self.how.guidance_scale > 1)
        return window.latents * width * height / 1024 * passes

    def decode_units(self, shown: Shown) -> float:
        """What decoding costs: the latents with those decoded again beside them, times their area."""
        width, height = self.plan.native
        return (shown.decode_to - shown.decode_from) * width * height

    def progress(self, stage: Stage) -> Progress:
        return Progress(
            stage=stage,
            fraction=self.estimate.fraction(),
            eta_seconds=self.estimate.eta(),
            step=self.step,
            steps=self.how.steps,
            window=self.window,
            windows=len(self.plan.windows),
        )

    def _work(self, *, loaded: bool) -> dict[Stage, float]:
        steps = self.plan.steps
        return {
            "loading": 0.0 if loaded else 1.0,
            "encoding": 1.0,
            "denoising": sum(self.pass_units(step) for step in steps if isinstance(step, Window)) * self.how.steps,
            "decoding": sum(self.decode_units(step) for step in steps if isinstance(step, Shown)),
            "saving": self.plan.frames * self.plan.size.width * self.plan.size.height,
        }


def _film(job: _Job, parts: Parts, out_dir: Path, threads: int, cancelled: Callable[[], bool]) -> Iterator[Event]:
    _stop_if(cancelled)
    text = ltx.encode_text(parts, job.plan, job.request.negative_prompt, job.how)
    job.estimate.did("encoding", 1.0)
    yield job.progress("encoding")
    cut = ltx.Cut.of(job.plan)
    with Film(out_dir, *job.plan.size, job.plan.fps, job.plan.frames, threads) as film:
        for step in job.plan.steps:
            _stop_if(cancelled)
            match step:
                case Window():
                    yield from _denoise(job, parts, cut, text, step, cancelled)
                case Shown():
                    frames = ltx.decode(parts, cut, step)
                    job.estimate.did("decoding", job.decode_units(step))
                    yield job.progress("decoding")
                    yield from _save(job, _scaled(job.plan, frames), film, cancelled)
                case Kept():
                    yield from _save(job, _taken(cut, step), film, cancelled)
            if not isinstance(step, Window):
                yield Segment(step.last + 1, (step.last + 1) / job.plan.fps)
    job.estimate.did("saving", 0.0)
    yield Done(film.result())


def _denoise(
    job: _Job, parts: Parts, cut: ltx.Cut, text: ltx.Text, window: Window, cancelled: Callable[[], bool]
) -> Iterator[Event]:
    job.window, job.step = job.window + 1, 0
    tokens = ltx.prepare(parts, cut, window)
    said = text.at(window.weights)
    for step in ltx.denoise(parts, job.plan, job.how, said, tokens, window.seed, cancelled):
        job.step = step
        job.estimate.did("denoising", job.pass_units(window))
        yield job.progress("denoising")
    ltx.keep(parts, cut, window, tokens)


def _scaled(plan: Plan, frames: torch.Tensor) -> Iterator[torch.Tensor]:
    """What was made, at the file's size, a few frames [F, 3, height, width] at a time."""
    for batch in torch.split(frames, _BATCH):
        yield fit(batch, plan.size, drawn=plan.model.drawn)


def _taken(cut: ltx.Cut, kept: Kept) -> Iterator[torch.Tensor]:
    """What is kept of a film, likewise."""
    for past in range(0, kept.last - kept.first + 1, _BATCH):
        last = min(kept.start + past + _BATCH - 1, kept.start + kept.last - kept.first)
        yield cover(cut.footage.frames(kept.film, kept.start + past, last), cut.plan.size)


def _save(job: _Job, batches: Iterator[torch.Tensor], film: Film, cancelled: Callable[[], bool]) -> Iterator[Event]:
    for batch in batches:
        _stop_if(cancelled)
        film.write(finish(batch.permute(0, 2, 3, 1).cpu().numpy()))
        job.estimate.did("saving", len(batch) * job.plan.size.width * job.plan.size.height)
        yield job.progress("saving")


def _stop_if(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled


@contextmanager
def _room() -> Iterator[None]:
    """Running out of memory is a named failure; what the job held is given back before the next one."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise EngineError("out_of_memory", f"The device has no room for this clip: {error}") from error
