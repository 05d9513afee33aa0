"""Resuming a clip after the last published segment of an earlier attempt.

A plan is deterministic, and every window has seeds of its own. So the state saved with each segment is the latents that
exist by then and are read later, with a fingerprint of everything that decides the pixels: latents of other weights are
not continued. This module knows plans and tensors, and no model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final, TypeAlias

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from engine.catalog.model import ModelEntry
from engine.diffusion.latents import ClipState
from engine.media.video_writer import VideoWriter
from engine.planning.plan import ClipPlan, CopySpan, DecodeSpan, FrameRef, Step, Window
from engine.runtime.seams import CLIP_BEGINNING, adjoining_frames
from engine.types import Resume

LatentKey: TypeAlias = tuple[int, int]
"""Index of a gap, and the number of a latent in it."""

_FINGERPRINT_KEY: Final = "plan"


def plan_fingerprint(*made_from: object) -> str:
    """Fingerprint of everything that a clip is made from: equal for equal plans in any process, on any machine."""
    digest = blake2b(digest_size=16)
    for part in _digest_parts(made_from):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def latents_to_save(plan: ClipPlan, done: int) -> set[LatentKey]:
    """Latents that the first `done` steps of a plan write and the other steps read. Their number does not grow with the
    clip's length, except where a gap is denoised from back to front.
    """
    made = {latent for step in plan.steps[:done] for latent in _latents_written(step)}
    return made & {latent for step in plan.steps[done:] for latent in _latents_read(plan, step)}


def collect_latents(clip: ClipState, done: int) -> dict[LatentKey, torch.Tensor]:
    """The latents to save once the first `done` steps of the plan are done."""
    return {(gap, number): clip.latents[gap][number] for gap, number in latents_to_save(clip.plan, done)}


def pack_latents(latents: Mapping[LatentKey, torch.Tensor], fingerprint: str) -> bytes:
    """Latents as a safetensors file."""
    tensors = {f"{gap}.{number}": latent.cpu().contiguous() for (gap, number), latent in latents.items()}
    return save(tensors, {_FINGERPRINT_KEY: fingerprint})


def restore_clip(
    clip: ClipState, writer: VideoWriter, resume: Resume, fingerprint: str, shape: tuple[int, ...], device: torch.device
) -> int:
    """Put the published segments into the video and the saved latents, each of this `shape`, into the clip's state.

    Returns the number of the plan's steps that are thereby done: 0, with nothing changed, where a file is missing or
    does not fit.
    """
    ends = [number for number, step in enumerate(clip.plan.steps, 1) if not isinstance(step, Window)]
    count = len(resume.segments)
    if not 0 < count <= len(ends):
        return 0
    done = ends[count - 1]
    latents = _load_latents(resume.state, fingerprint)
    if latents is None or latents.keys() != latents_to_save(clip.plan, done):
        return 0
    if any(latent.shape != shape for latent in latents.values()):
        return 0
    shown = [step for step in clip.plan.steps[:done] if not isinstance(step, Window)]
    if not writer.adopt_segments(resume.segments, [step.last - step.first + 1 for step in shown]):
        return 0
    for (gap, number), latent in latents.items():
        clip.latents[gap][number] = latent.to(device)
    return done


def _load_latents(path: Path, fingerprint: str) -> dict[LatentKey, torch.Tensor] | None:
    """The latents of a file that `pack_latents` made with this fingerprint, else None."""
    try:
        with safe_open(path, "pt") as file:
            if (file.metadata() or {}).get(_FINGERPRINT_KEY) != fingerprint:
                return None
            names = {name: name.partition(".") for name in file.keys()}  # noqa: SIM118 (no mapping)
            return {(int(gap), int(number)): file.get_tensor(name) for name, (gap, _, number) in names.items()}
    except (OSError, SafetensorError, ValueError):
        return None


def _latents_written(step: Step) -> Iterator[LatentKey]:
    """Latents that a step writes: its new ones, and context encoded from source videos."""
    if isinstance(step, Window):
        first = 0 if step.lead_source == "video" else step.first
        behind = step.trail if step.trail_source in {"video", "beginning"} else 0
        yield from ((step.gap, number) for number in range(first, step.end + behind))


def _latents_read(plan: ClipPlan, step: Step) -> Iterator[LatentKey]:
    """Latents that a step may read."""
    match step:
        case DecodeSpan():
            yield from ((step.gap, number) for number in range(step.decode_from, step.decode_to))
            if any(adjoining.video is None for adjoining in adjoining_frames(plan, step)):
                yield from ((CLIP_BEGINNING.gap, number) for number in range(CLIP_BEGINNING.decode_to))
        case Window():
            if step.lead_source == "latents":  # its context, and the latents from which its anchor is decoded
                yield from ((step.gap, number) for number in range(max(0, step.origin - 1), step.first))
            if step.trail_source == "latents":
                yield from ((step.gap, number) for number in range(step.end, step.end + step.trail))
            for frame in _last_own_frames(plan.model, step):  # as engine.diffusion.latents.decode_span decodes it
                yield from ((0, number) for number in range(2 - -frame // plan.model.temporal_compression))
        case CopySpan():
            pass


def _last_own_frames(model: ModelEntry, window: Window) -> Iterator[int]:
    """Last frames of the clip's own beginning that a window reads."""
    for guide in window.guides:
        if guide.video is None:
            ahead = int(guide.at > 0)
            yield guide.start - ahead + model.temporal_compression * (len(guide.strengths) - 1 + ahead)
    for placed in window.keyframes:
        if isinstance(placed.image, FrameRef) and placed.image.video is None:
            yield placed.image.number


def _digest_parts(value: object) -> Iterator[bytes]:
    """A value's parts in order, as bytes. A path counts by its name alone, since folders differ between machines;
    so does a model, since the plan holds all that follows from the rest of its entry.
    """
    match value:
        case ModelEntry():
            yield value.name.encode()
        case Path():
            yield value.name.encode()
        case bytes():
            yield value
        case tuple():
            yield b"%d" % len(value)
            for part in value:
                yield from _digest_parts(part)
        case _ if is_dataclass(value):
            for field in fields(value):
                yield from _digest_parts(getattr(value, field.name))
        case _:
            yield repr(value).encode()
