"""Postprocessing of denoised windows: decode, scale, check, mark and write, while the next window is denoised.

Decoding and writing have a thread each, so up to three spans of a clip are in work at once. Both report through a
queue, which the denoising thread reads between two steps.
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
MAX_WAITING: Final = 2
"""Spans that may wait for decoding or writing; with more, denoising waits."""


@dataclass(frozen=True, slots=True)
class StageDone:
    """`units` of a stage's work are done, and took `seconds`. Units are those of `engine.runtime.progress`."""

    stage: Stage
    units: float
    seconds: float


PostprocessEvent: TypeAlias = StageDone | Segment


class Postprocessor:
    """Postprocesses the spans of a clip in order. Leaving the `with` block early drops unfinished work."""

    def __init__(
        self,
        sampler: ClipSampler,
        clip: ClipState,
        writer: VideoWriter,
        rules: tuple[FrameRule, ...],
        cancelled: Callable[[], bool],
    ) -> None:
        self._sampler = sampler
        self._clip = clip
        self._video_writer = writer
        self._rules = rules
        self._cancelled = cancelled
        self._leaving = Event()
        self._events: SimpleQueue[PostprocessEvent | Future[None]] = SimpleQueue()
        self._waiting = 0
        self._decoder = ThreadPoolExecutor(1, "decode")
        self._writer = ThreadPoolExecutor(1, "write")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        for thread in (self._decoder, self._writer):
            thread.shutdown(cancel_futures=True)

    def submit(self, step: DecodeSpan | CopySpan, state: Callable[[], bytes] | None) -> Iterator[PostprocessEvent]:
        """Queue one span; `state` makes the resume state to save with its segment, None where the family cannot resume.
        While too many spans wait, blocks and yields the events meanwhile.
        """
        while self._waiting >= MAX_WAITING:
            yield from self._next_events()
        match step:
            case DecodeSpan():
                written = self._writer.submit(
                    self._write_decoded, step, self._decoder.submit(self._decode_span, step), state
                )
            case CopySpan():
                written = self._writer.submit(self._write_frames, self._read_copied(step), self._rules, state)
        self._waiting += 1
        written.add_done_callback(self._events.put)

    def poll_events(self) -> Iterator[PostprocessEvent]:
        """Events since the last call. Raises the errors of the threads: JobCancelled, EngineError, out of memory."""
        while not self._events.empty():
            yield from self._next_events()

    def finish_all(self) -> Iterator[PostprocessEvent]:
        """Wait for all queued spans, yielding their events."""
        while self._waiting:
            yield from self._next_events()

    def _next_events(self) -> Iterator[PostprocessEvent]:
        event = self._events.get()
        if not isinstance(event, Future):
            yield event
            return
        event.result()
        self._waiting -= 1

    def _decode_span(self, span: DecodeSpan) -> torch.Tensor:
        """Decode a span with the adjoining frames of source videos, [F, 3, h, w] at native size."""
        self._raise_if_cancelled()
        started = time.monotonic()
        frames = self._sampler.decode_span(widen_span(self._clip.plan, span))
        self._events.put(StageDone("decoding", decoding_units(self._clip.plan, span), time.monotonic() - started))
        return frames

    def _write_decoded(
        self, span: DecodeSpan, decoding: Future[torch.Tensor], state: Callable[[], bytes] | None
    ) -> None:
        self._write_frames(self._scale_batches(span, decoding.result()), GENERATED_RULES + self._rules, state)

    def _write_frames(
        self, batches: Iterator[torch.Tensor], rules: tuple[FrameRule, ...], state: Callable[[], bytes] | None
    ) -> None:
        """Write a span that comes in batches [F, 3, height, width] of the file's size. All of it passes the frame rules
        before any of it is written.
        """
        started = time.monotonic()
        floats = (batch.permute(0, 2, 3, 1).cpu().numpy() for batch in self._until_cancelled(batches))
        frames = finish_frames(floats, rules, marked=self._clip.plan.marked)
        for first in range(0, len(frames), BATCH):
            self._raise_if_cancelled()
            batch = frames[first : first + BATCH]
            self._video_writer.write_frames(batch)
            now = time.monotonic()
            self._events.put(StageDone("saving", len(batch) * batch.shape[1] * batch.shape[2], now - started))
            started = now
        self._events.put(self._video_writer.cut_segment(state and state()))

    def _until_cancelled(self, batches: Iterator[torch.Tensor]) -> Iterator[torch.Tensor]:
        for batch in batches:
            self._raise_if_cancelled()
            yield batch

    def _scale_batches(self, span: DecodeSpan, frames: torch.Tensor) -> Iterator[torch.Tensor]:
        """Decoded frames scaled to the file's size, with the detail lost at seams restored."""
        first = widen_span(self._clip.plan, span).first
        edges = [
            self._measure_seam(adjoining, frames[adjoining.frame - first])
            for adjoining in adjoining_frames(self._clip.plan, span)
        ]
        made = frames[span.first - first :][: span.last - span.first + 1]
        for number, batch in enumerate(torch.split(made, BATCH)):
            scaled = self._fit_to_file(batch)
            for edge in edges:
                scaled = edge.restore_detail(scaled, span.first + number * BATCH)
            yield scaled

    def _measure_seam(self, adjoining: AdjoiningFrame, made: torch.Tensor) -> Seam:
        if adjoining.video is None:
            original = self._fit_to_file(self._sampler.decode_span(CLIP_BEGINNING))
        else:
            source = self._clip.video_reader.read_frames(adjoining.video, adjoining.number, adjoining.number)
            original = crop_and_scale(source, self._clip.plan.size).to(made.device)
        return Seam(adjoining.frame, original[0], self._fit_to_file(made[None])[0])

    def _fit_to_file(self, frames: torch.Tensor) -> torch.Tensor:
        return fit_to_file(frames, self._clip.plan.size, drawn=self._clip.plan.model.flat_drawings)

    def _read_copied(self, span: CopySpan) -> Iterator[torch.Tensor]:
        """Frames copied from a source video, [F, 3, height, width] in batches."""
        beyond = span.start + span.last - span.first + 1
        for first in range(span.start, beyond, BATCH):
            frames = self._clip.video_reader.read_frames(span.video, first, min(first + BATCH, beyond) - 1)
            yield crop_and_scale(frames, self._clip.plan.size)

    def _raise_if_cancelled(self) -> None:
        if self._leaving.is_set() or self._cancelled():
            raise JobCancelled


def decoding_units(plan: ClipPlan, span: DecodeSpan) -> float:
    """Cost of decoding a span: its latents, including those decoded again as context, times native pixels."""
    return (span.decode_to - span.decode_from) * plan.native.width * plan.native.height
