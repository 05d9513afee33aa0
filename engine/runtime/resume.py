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

from engine.catalog.model import Model
from engine.diffusion.latents import Cut
from engine.media.video_writer import Film
from engine.planning.plan import Frame, Kept, Plan, Shown, Step, Window
from engine.runtime.seams import BEGINNING, besides
from engine.types import Resume

Latent: TypeAlias = tuple[int, int]
"""A gap and the number of a latent of its strip."""

_STAMP: Final = "plan"


def stamp(*made_from: object) -> str:
    """A name for what a clip is made from: equal for equal plans in any process, on any machine."""
    digest = blake2b(digest_size=16)
    for told in _told(made_from):
        digest.update(len(told).to_bytes(8, "big") + told)
    return digest.hexdigest()


def needed(plan: Plan, done: int) -> set[Latent]:
    """The latents that the first `done` steps of a plan made and its other steps read: as many for a long clip as for
    a short one, except where a gap is made from back to front.
    """
    made = {latent for step in plan.steps[:done] for latent in _made(step)}
    return made & {latent for step in plan.steps[done:] for latent in _read(plan, step)}


def kept(cut: Cut, done: int) -> dict[Latent, torch.Tensor]:
    """Those latents of a clip in the making whose plan is done so far."""
    return {(gap, number): cut.strips[gap][number] for gap, number in needed(cut.plan, done)}


def packed(latents: Mapping[Latent, torch.Tensor], stamped: str) -> bytes:
    """Latents as a file."""
    tensors = {f"{gap}.{number}": latent.cpu().contiguous() for (gap, number), latent in latents.items()}
    return save(tensors, {_STAMP: stamped})


def begin(cut: Cut, film: Film, resume: Resume, stamped: str, shape: tuple[int, ...], device: torch.device) -> int:
    """Put what is published into the film and what was kept into the strips, each latent of this shape; how many of
    the plan's steps are done by that. 0, and nothing has happened, where something is missing or does not fit.
    """
    ends = [number for number, step in enumerate(cut.plan.steps, 1) if not isinstance(step, Window)]
    count = len(resume.pieces)
    if not 0 < count <= len(ends):
        return 0
    done = ends[count - 1]
    latents = _unpacked(resume.state, stamped)
    if latents is None or latents.keys() != needed(cut.plan, done):
        return 0
    if any(latent.shape != shape for latent in latents.values()):
        return 0
    shown = [step for step in cut.plan.steps[:done] if not isinstance(step, Window)]
    if not film.adopt(resume.pieces, [step.last - step.first + 1 for step in shown]):
        return 0
    for (gap, number), latent in latents.items():
        cut.strips[gap][number] = latent.to(device)
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
        first = 0 if step.before == "film" else step.first
        behind = step.trail if step.behind in {"film", "beginning"} else 0
        yield from ((step.gap, number) for number in range(first, step.end + behind))


def _read(plan: Plan, step: Step) -> Iterator[Latent]:
    """What a step may take from a strip."""
    match step:
        case Shown():
            yield from ((step.gap, number) for number in range(step.decode_from, step.decode_to))
            if any(beside.film is None for beside in besides(plan, step)):
                yield from ((BEGINNING.gap, number) for number in range(BEGINNING.decode_to))
        case Window():
            if step.before == "strip":  # what it carries, and around the first of that, what its anchor is decoded from
                yield from ((step.gap, number) for number in range(max(0, step.origin - 1), step.first))
            if step.behind == "strip":
                yield from ((step.gap, number) for number in range(step.end, step.end + step.trail))
            for frame in _of_itself(plan.model, step):  # as engine.diffusion.latents.stretch decodes it
                yield from ((0, number) for number in range(2 - -frame // plan.model.frame_rule))
        case Kept():
            pass


def _of_itself(model: Model, window: Window) -> Iterator[int]:
    """The last frames of the clip's own beginning that a window is given."""
    for guide in window.guides:
        if guide.film is None:
            ahead = int(guide.at > 0)
            yield guide.start - ahead + model.frame_rule * (len(guide.strengths) - 1 + ahead)
    for placed in window.pictures:
        if isinstance(placed.picture, Frame) and placed.picture.film is None:
            yield placed.picture.number


def _told(value: object) -> Iterator[bytes]:
    """A value's parts in order. A film counts by its name alone, since its folder may differ between machines; a model
    likewise, since the plan holds what follows from the rest of its entry.
    """
    match value:
        case Model():
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
