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
from engine.frames import fit
from engine.loader import Parts, Source, load, locate, use_threads
from engine.schedule import sampling
from engine.timeline import Plan, plan
from engine.types import (
    Cancelled,
    Done,
    EngineConfig,
    EngineError,
    Event,
    Loading,
    Progress,
    Request,
    Stage,
    Window,
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

    def pass_units(self, index: int) -> float:
        """What one step of a window costs: its area times its latents, twice with guidance."""
        width, height = self.plan.native
        return self.plan.segments[index].latents * width * height / 1024 * (1 + (self.how.guidance_scale > 1))

    def decode_units(self, index: int) -> float:
        """What decoding a window costs: its latents with those decoded again beside them, times their area."""
        segment = self.plan.segments[index]
        width, height = self.plan.native
        return (segment.end - segment.decode_from) * width * height

    def progress(self, stage: Stage) -> Progress:
        return Progress(
            stage=stage,
            fraction=self.estimate.fraction(),
            eta_seconds=self.estimate.eta(),
            step=self.step,
            steps=self.how.steps,
            window=self.window,
            windows=len(self.plan.segments),
        )

    def _work(self, *, loaded: bool) -> dict[Stage, float]:
        steps = sum(self.pass_units(index) for index in range(len(self.plan.segments))) * self.how.steps
        return {
            "loading": 0.0 if loaded else 1.0,
            "encoding": 1.0,
            "denoising": steps,
            "decoding": sum(self.decode_units(index) for index in range(len(self.plan.segments))),
            "saving": self.plan.frames * self.plan.size.width * self.plan.size.height,
        }


def _film(job: _Job, parts: Parts, out_dir: Path, threads: int, cancelled: Callable[[], bool]) -> Iterator[Event]:
    _stop_if(cancelled)
    text = ltx.encode_text(parts, job.request, job.how, job.plan.model.max_prompt_tokens)
    job.estimate.did("encoding", 1.0)
    yield job.progress("encoding")
    reel = ltx.reel(parts, job.plan)
    with Film(out_dir, *job.plan.size, job.plan.fps, job.plan.frames, threads) as film:
        for segment in job.plan.segments:
            job.window, job.step = segment.index + 1, 0
            yield from _denoise(job, parts, text, reel, cancelled)
            _stop_if(cancelled)
            yield from _save(job, ltx.decode(parts, job.plan, segment, job.request.seed, reel), film, cancelled)
            yield Window(
                segment.index,
                len(job.plan.segments),
                segment.frames_after,
                segment.frames_after / job.plan.fps,
            )
    job.estimate.did("saving", 0.0)
    yield Done(film.result())


def _denoise(job: _Job, parts: Parts, text: ltx.Text, reel: ltx.Reel, cancelled: Callable[[], bool]) -> Iterator[Event]:
    segment = job.plan.segments[job.window - 1]
    tokens = ltx.prepare(parts, job.plan, segment, reel)
    for step in ltx.denoise(parts, job.plan, job.how, text, tokens, segment.seed, cancelled):
        job.step = step
        job.estimate.did("denoising", job.pass_units(segment.index))
        yield job.progress("denoising")
    ltx.keep(parts, job.plan, segment, tokens, reel)


def _save(job: _Job, frames: torch.Tensor, film: Film, cancelled: Callable[[], bool]) -> Iterator[Event]:
    job.estimate.did("decoding", job.decode_units(job.window - 1))
    yield job.progress("decoding")
    for batch in torch.split(frames, _BATCH):
        _stop_if(cancelled)
        fitted = fit(batch, job.plan.size, drawn=job.plan.model.drawn)
        film.write(finish(fitted.permute(0, 2, 3, 1).cpu().numpy()))
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
