"""Going on with a clip where an attempt before this one stopped: what must be kept for it, and whether it fits.

A plan is the same each time, and every window has seeds of its own. So it is enough to keep, with each stretch that
is handed over, the latents that were made by then and are read later, under a name for all that decides its pixels:
latents of other weights are not gone on from. It knows plans and tensors, and no model.
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

Latent: TypeAlias = tuple[int, int]
"""A gap and the number of a latent of its strip."""

_STAMP: Final = "plan"


def plan_fingerprint(*made_from: object) -> str:
    """A name for what a clip is made from: equal for equal plans in any process, on any machine."""
    digest = blake2b(digest_size=16)
    for told in _told(made_from):
        digest.update(len(told).to_bytes(8, "big") + told)
    return digest.hexdigest()


def latents_to_save(plan: ClipPlan, done: int) -> set[Latent]:
    """The latents that the first `done` steps of a plan made and its other steps read: as many for a long clip as for
    a short one, except where a gap is made from back to front.
    """
    made = {latent for step in plan.steps[:done] for latent in _made(step)}
    return made & {latent for step in plan.steps[done:] for latent in _read(plan, step)}


def collect_latents(cut: ClipState, done: int) -> dict[Latent, torch.Tensor]:
    """Those latents of a clip in the making whose plan is done so far."""
    return {(gap, number): cut.latents[gap][number] for gap, number in latents_to_save(cut.plan, done)}


def pack_latents(latents: Mapping[Latent, torch.Tensor], stamped: str) -> bytes:
    """Latents as a file."""
    tensors = {f"{gap}.{number}": latent.cpu().contiguous() for (gap, number), latent in latents.items()}
    return save(tensors, {_STAMP: stamped})


def restore_clip(
    cut: ClipState, film: VideoWriter, resume: Resume, stamped: str, shape: tuple[int, ...], device: torch.device
) -> int:
    """Put what is published into the film and what was kept into the strips, each latent of this shape; how many of
    the plan's steps are done by that. 0, and nothing has happened, where something is missing or does not fit.
    """
    ends = [number for number, step in enumerate(cut.plan.steps, 1) if not isinstance(step, Window)]
    count = len(resume.segments)
    if not 0 < count <= len(ends):
        return 0
    done = ends[count - 1]
    latents = _unpacked(resume.state, stamped)
    if latents is None or latents.keys() != latents_to_save(cut.plan, done):
        return 0
    if any(latent.shape != shape for latent in latents.values()):
        return 0
    shown = [step for step in cut.plan.steps[:done] if not isinstance(step, Window)]
    if not film.adopt_segments(resume.segments, [step.last - step.first + 1 for step in shown]):
        return 0
    for (gap, number), latent in latents.items():
        cut.latents[gap][number] = latent.to(device)
    return done


def _unpacked(path: Path, stamped: str) -> dict[Latent, torch.Tensor] | None:
    """The latents of a file that `packed` made for this plan."""
    try:
        with safe_open(path, "pt") as file:
            if (file.metadata() or {}).get(_STAMP) != stamped:
                return None
            names = {name: name.partition(".") for name in file.keys()}  # noqa: SIM118 (no mapping)
            return {(int(gap), int(number)): file.get_tensor(name) for name, (gap, _, number) in names.items()}
    except (OSError, SafetensorError, ValueError):
        return None


def _made(step: Step) -> Iterator[Latent]:
    """What a step puts into a strip: what is new, and films beside the gap."""
    if isinstance(step, Window):
        first = 0 if step.lead_source == "video" else step.first
        behind = step.trail if step.trail_source in {"video", "beginning"} else 0
        yield from ((step.gap, number) for number in range(first, step.end + behind))


def _read(plan: ClipPlan, step: Step) -> Iterator[Latent]:
    """What a step may take from a strip."""
    match step:
        case DecodeSpan():
            yield from ((step.gap, number) for number in range(step.decode_from, step.decode_to))
            if any(beside.video is None for beside in adjoining_frames(plan, step)):
                yield from ((CLIP_BEGINNING.gap, number) for number in range(CLIP_BEGINNING.decode_to))
        case Window():
            if (
                step.lead_source == "latents"
            ):  # what it carries, and around the first of that, what its anchor is decoded from
                yield from ((step.gap, number) for number in range(max(0, step.origin - 1), step.first))
            if step.trail_source == "latents":
                yield from ((step.gap, number) for number in range(step.end, step.end + step.trail))
            for frame in _of_itself(plan.model, step):  # as engine.diffusion.latents.stretch decodes it
                yield from ((0, number) for number in range(2 - -frame // plan.model.temporal_compression))
        case CopySpan():
            pass


def _of_itself(model: ModelEntry, window: Window) -> Iterator[int]:
    """The last frames of the clip's own beginning that a window is given."""
    for guide in window.guides:
        if guide.video is None:
            ahead = int(guide.at > 0)
            yield guide.start - ahead + model.temporal_compression * (len(guide.strengths) - 1 + ahead)
    for placed in window.keyframes:
        if isinstance(placed.image, FrameRef) and placed.image.video is None:
            yield placed.image.number


def _told(value: object) -> Iterator[bytes]:
    """A value's parts in order. A film counts by its name alone, since its folder may differ between machines; a model
    likewise, since the plan holds what follows from the rest of its entry.
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
                yield from _told(part)
        case _ if is_dataclass(value):
            for each in fields(value):
                yield from _told(getattr(value, each.name))
        case _:
            yield repr(value).encode()
