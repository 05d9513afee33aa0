"""Requests, engines and timings of clips of the bundled model, shared by the measurements of the engine.

Everything here runs in the measuring process, and what it loads stays loaded there.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from diffusers.utils import logging as diffusers_logging

from bench.resource_usage import PeakMemory
from engine.catalog.registry import DEFAULT_MODEL, find_model
from engine.loading.loader import Modules, limit_threads, load_model, locate_weights
from engine.runtime.engine import Engine
from engine.types import EngineConfig, Event, ImageCondition, Loading, Progress, Quality, Request, Segment

PROMPT = "a red ball bounces over green hills at sunset"
SEED = 3
MODEL = find_model(DEFAULT_MODEL)
NATIVE = MODEL.native_sizes[0]  # asked for at the size it is made at, so that nobody enlarges


def clip_request(seconds: float, quality: Quality = "full", *given: ImageCondition) -> Request:
    """The clip that all measurements ask for."""
    return Request(DEFAULT_MODEL, PROMPT, *NATIVE, seconds, SEED, quality=quality, conditions=given)


class BenchWeights(NamedTuple):
    """A folder that takes the place of the bundled weights, if it is not "", and torch's threads, 0 for all cores."""

    folder: str = ""
    threads: int = 0

    @property
    def engine_config(self) -> EngineConfig:
        """What an engine is told of it."""
        return EngineConfig(weights={DEFAULT_MODEL: self.folder} if self.folder else {}, threads=self.threads)


BUNDLED = BenchWeights()


@cache
def shared_engine(weights: BenchWeights) -> Engine:
    """The engine of this process, which loads its model with its first clip."""
    return Engine(weights.engine_config)


@cache
def load_modules(weights: BenchWeights) -> Modules:
    """The very modules that the engine would use, for whoever takes another loop to them."""
    limit_threads(weights.engine_config)
    loading = load_model(MODEL, locate_weights(MODEL, weights.engine_config), weights.engine_config)
    while True:
        try:
            next(loading)
        except StopIteration as end:
            parts: Modules = end.value
            diffusers_logging.set_verbosity_error()  # its pipelines warn of what is done here on purpose
            return parts


def never_cancelled() -> bool:
    """Nobody cancels."""
    return False


class ClipTiming(NamedTuple):
    """What one clip took, in seconds since the model was there: until the first segment was `out`, until a `second`
    could be watched, until the `whole` was there. `peak` is the memory it needed at most beyond the model's, in bytes;
    `told` when which number of seconds was said to be left.
    """

    out: float
    second: float
    whole: float
    peak: int
    told: tuple[tuple[float, float], ...] = ()


class ClipTimer:
    """Looks at the events of a clip in the making and at the clock."""

    def __init__(self) -> None:
        self._restart_clock()
        self._segments: list[tuple[float, float]] = []
        self._told: list[tuple[float, float]] = []

    def record_event(self, event: Event) -> None:
        """Note it. As long as the model is loading, the clip has not begun."""
        match event:
            case Loading() | Progress(stage="loading"):
                self._restart_clock()
            case Segment():
                self._segments.append((self._elapsed(), event.seconds_done))
            case Progress(eta_seconds=float(eta)):
                self._told.append((self._elapsed(), eta))
            case _:
                pass

    def timing(self) -> ClipTiming:
        """What it took, now that all is there."""
        whole = self._elapsed()
        second = next((when for when, done in self._segments if done >= 1), whole)
        return ClipTiming(self._segments[0][0], second, whole, self._peak.growth(), tuple(self._told))

    def _restart_clock(self) -> None:
        self._peak, self._began = PeakMemory(), time.perf_counter()

    def _elapsed(self) -> float:
        return time.perf_counter() - self._began


def time_clip(weights: BenchWeights, request: Request) -> ClipTiming:
    """Have the engine make a clip, and throw it away."""
    watch = ClipTimer()
    with tempfile.TemporaryDirectory() as folder:
        for event in shared_engine(weights).run(request, Path(folder), never_cancelled):
            watch.record_event(event)
    return watch.timing()


def best_timing(clips: Iterable[ClipTiming]) -> ClipTiming:
    """The least of several turns: what other work takes from a machine only adds. The peak is the first turn's,
    before which the process had made nothing.
    """
    turns = list(clips)
    out, second, whole = (min(getattr(turn, name) for turn in turns) for name in ("out", "second", "whole"))
    return ClipTiming(out, second, whole, turns[0].peak)
