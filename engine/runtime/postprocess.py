"""What happens to a window once it is denoised: decoded, scaled, finished and written, while the next is denoised.

Decoding and writing have a thread each, so that three stretches of a clip are worked on at once. What they have
done they tell through a queue; whoever denoises reads it between two steps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event
from types import TracebackType
from typing import Final, Self, TypeAlias

import torch

from engine.diffusion.family import ClipSampler
from engine.diffusion.latents import ClipState
from engine.media.resize import crop_and_scale, fit_to_file
from engine.media.video_writer import VideoWriter
from engine.planning.plan import ClipPlan, CopySpan, DecodeSpan
from engine.runtime.seams import CLIP_BEGINNING, AdjoiningFrame, Seam, adjoining_frames, widen_span
from engine.safety.output_gate import finish_frames
from engine.safety.rules import GENERATED_RULES, FrameRule
from engine.types import JobCancelled, Segment, Stage

BATCH: Final = 8
"""Frames scaled and written at a time, so that memory does not grow with the clip and a cancel is seen soon."""
WAITING: Final = 2
"""Stretches that may wait for decoding or writing; then denoising waits for them."""


@dataclass(frozen=True, slots=True)
class StageDone:
    """So many units of a stage's work are done, and took so many seconds."""

    stage: Stage
    units: float
    seconds: float


PostprocessEvent: TypeAlias = StageDone | Segment


class Postprocessor:
    """Takes stretches of a clip in their order. Leaving the `with` block early drops what is not yet done."""

    def __init__(
        self,
        recipe: ClipSampler,
        cut: ClipState,
        film: VideoWriter,
        rules: tuple[FrameRule, ...],
        cancelled: Callable[[], bool],
    ) -> None:
        self._recipe = recipe
        self._cut = cut
        self._film = film
        self._rules = rules
        self._cancelled = cancelled
        self._left = Event()
        self._told: SimpleQueue[PostprocessEvent | Future[None]] = SimpleQueue()
        self._waiting = 0
        self._decoder = ThreadPoolExecutor(1, "decode")
        self._writer = ThreadPoolExecutor(1, "write")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        for thread in (self._decoder, self._writer):
            thread.shutdown(cancel_futures=True)

    def take(self, step: DecodeSpan | CopySpan, state: Callable[[], bytes] | None) -> Iterator[PostprocessEvent]:
        """Take on one stretch, to be handed over with what is needed to go on after it, if anybody can; where too many
        wait already, wait and tell what is done meanwhile.
        """
        while self._waiting >= WAITING:
            yield from self._next()
        match step:
            case DecodeSpan():
                written = self._writer.submit(self._develop, step, self._decoder.submit(self._decode, step), state)
            case CopySpan():
                written = self._writer.submit(self._print, self._taken(step), self._rules, state)
        self._waiting += 1
        written.add_done_callback(self._told.put)

    def news(self) -> Iterator[PostprocessEvent]:
        """What was done since the last look. Raises what went wrong: Cancelled, EngineError, out of memory."""
        while not self._told.empty():
            yield from self._next()

    def finish(self) -> Iterator[PostprocessEvent]:
        """Wait for all that was taken on, and tell it as it is done."""
        while self._waiting:
            yield from self._next()

    def _next(self) -> Iterator[PostprocessEvent]:
        told = self._told.get()
        if not isinstance(told, Future):
            yield told
            return
        told.result()
        self._waiting -= 1

    def _decode(self, shown: DecodeSpan) -> torch.Tensor:
        """The stretch, with the frames of films beside it."""
        self._stop()
        began = time.monotonic()
        frames = self._recipe.decode_span(widen_span(self._cut.plan, shown))
        self._told.put(StageDone("decoding", decoding_units(self._cut.plan, shown), time.monotonic() - began))
        return frames

    def _develop(self, shown: DecodeSpan, decoding: Future[torch.Tensor], state: Callable[[], bytes] | None) -> None:
        self._print(self._scaled(shown, decoding.result()), GENERATED_RULES + self._rules, state)

    def _print(
        self, batches: Iterator[torch.Tensor], rules: tuple[FrameRule, ...], state: Callable[[], bytes] | None
    ) -> None:
        """Write a stretch, which comes at the file's size, a few frames [F, 3, height, width] at a time. All of it is
        judged before any of it is written.
        """
        began = time.monotonic()
        floats = (batch.permute(0, 2, 3, 1).cpu().numpy() for batch in self._unless_stopped(batches))
        frames = finish_frames(floats, rules, marked=self._cut.plan.marked)
        for first in range(0, len(frames), BATCH):
            self._stop()
            batch = frames[first : first + BATCH]
            self._film.write_frames(batch)
            now = time.monotonic()
            self._told.put(StageDone("saving", len(batch) * batch.shape[1] * batch.shape[2], now - began))
            began = now
        self._told.put(self._film.cut_segment(state and state()))

    def _unless_stopped(self, batches: Iterator[torch.Tensor]) -> Iterator[torch.Tensor]:
        for batch in batches:
            self._stop()
            yield batch

    def _scaled(self, shown: DecodeSpan, frames: torch.Tensor) -> Iterator[torch.Tensor]:
        """What was made, as it meets the films beside it."""
        first = widen_span(self._cut.plan, shown).first
        edges = [self._edge(beside, frames[beside.frame - first]) for beside in adjoining_frames(self._cut.plan, shown)]
        made = frames[shown.first - first :][: shown.last - shown.first + 1]
        for number, batch in enumerate(torch.split(made, BATCH)):
            scaled = self._fitted(batch)
            for edge in edges:
                scaled = edge.restore_detail(scaled, shown.first + number * BATCH)
            yield scaled

    def _edge(self, beside: AdjoiningFrame, made: torch.Tensor) -> Seam:
        if beside.video is None:
            true = self._fitted(self._recipe.decode_span(CLIP_BEGINNING))
        else:
            film = self._cut.video_reader.read_frames(beside.video, beside.number, beside.number)
            true = crop_and_scale(film, self._cut.plan.size).to(made.device)
        return Seam(beside.frame, true[0], self._fitted(made[None])[0])

    def _fitted(self, frames: torch.Tensor) -> torch.Tensor:
        return fit_to_file(frames, self._cut.plan.size, drawn=self._cut.plan.model.flat_drawings)

    def _taken(self, kept: CopySpan) -> Iterator[torch.Tensor]:
        """What is kept of a film."""
        beyond = kept.start + kept.last - kept.first + 1
        for first in range(kept.start, beyond, BATCH):
            frames = self._cut.video_reader.read_frames(kept.video, first, min(first + BATCH, beyond) - 1)
            yield crop_and_scale(frames, self._cut.plan.size)

    def _stop(self) -> None:
        if self._left.is_set() or self._cancelled():
            raise JobCancelled


def decoding_units(plan: ClipPlan, shown: DecodeSpan) -> float:
    """What decoding costs: the latents with those decoded again beside them, times their area."""
    return (shown.decode_to - shown.decode_from) * plan.native.width * plan.native.height
