"""Turns a request into a plan of windows: what each denoises, what it carries over, what it hands to the
file.

Pure arithmetic over the catalogue, no torch. A clip longer than the model's longest window is a chain of
windows; each continues from the *latents* of the one before, because decoding and encoding again drifts in
colour.

Counting. A latent frame stands for `frame_rule` frames of film (8 for LTX), except the very first of a
sequence, which stands for one. So latent 0 is frame 0, and latent k >= 1 is frames 8k-7 to 8k. A window that
continues starts with an *anchor*, the one frame before what it carries, encoded as a latent 0 of its own: the
model was never shown a sequence without one. Then come the carried latents, then the new ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from engine.catalog import Model, Size, find, frames, native
from engine.types import Condition, Request

DECODE_BEHIND: Final = 3
"""Latents already in the file that are decoded again as context: the decoder looks both ways in time."""
DECODE_AHEAD: Final = 2
"""Latents at the end of a window that wait for the next one, so that they too are decoded with both neighbours."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A picture at a frame of its window's own time, in which the window's first frame is 0."""

    frame: int
    condition: Condition


@dataclass(frozen=True, slots=True)
class Segment:
    """One window.

    It adds the latents `first` to `first + new - 1` of the clip. A continuing one also sees `carried` latents
    before them and the anchor. Then the latents from `decode_from` on are decoded, and the file grows from
    `frames_before` to `frames_after` frames.
    """

    index: int
    first: int
    new: int
    carried: int
    seed: int
    conditions: tuple[Placed, ...]
    decode_from: int
    frames_before: int
    frames_after: int
    oldest_anchor: int

    @property
    def anchored(self) -> bool:
        """Whether the window starts with a frame of the one before."""
        return self.carried > 0

    @property
    def latents(self) -> int:
        """Latent frames the model sees at once."""
        return self.new + self.carried + self.anchored

    @property
    def origin(self) -> int:
        """The latent of the clip that sits where the window's own latent 0 does."""
        return self.first - self.carried - self.anchored

    @property
    def end(self) -> int:
        """How many latents of the clip exist once this window is denoised."""
        return self.first + self.new


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole clip: `frames` of `size` at `fps` in the file, denoised at `native` size in `segments`."""

    model: Model
    size: Size
    native: Size
    fps: int
    frames: int
    segments: tuple[Segment, ...]

    @property
    def seconds(self) -> float:
        """The exact length of the file."""
        return self.frames / self.fps


def plan(request: Request) -> Plan:
    """Plan a request that `catalog.check_request` finds no problem with."""
    model = find(request.model)
    total = frames(model, request.seconds)
    lengths = _split(_latents(model, total), _latents(model, model.window_frames), model.context_latents)
    return Plan(
        model=model,
        size=Size(request.width, request.height),
        native=native(model, request.width, request.height),
        fps=model.fps,
        frames=total,
        segments=_segments(model, total, lengths, request),
    )


def derived(seed: int, purpose: str) -> int:
    """A seed of its own for one purpose of a clip, so that each part can be made again without the others.

    Torch's CPU generator looks at the lower 32 bits of a seed only; neighbouring seeds must not meet there.
    """
    return int.from_bytes(blake2b(f"{seed}/{purpose}".encode(), digest_size=4).digest(), "big")


def last_frame(rule: int, latent: int) -> int:
    """The last frame of film that a latent of the clip stands for."""
    return rule * latent


def _latents(model: Model, count: int) -> int:
    """Latents that hold at least `count` frames: the frame rule, rounded up."""
    return 1 + -(-(count - 1) // model.frame_rule)


def _latent_of(model: Model, frame: int) -> int:
    return -(-frame // model.frame_rule)


def _split(total: int, longest: int, carried: int) -> list[int]:
    """New latents per window: as few windows as possible, all of the same length or one apart.

    Equal windows cost the same, so that progress is even, and none is a stub too short to move.
    """
    if total <= longest:
        return [total]
    again = 1 + carried
    count = 1 + -(-(total - longest) // (longest - again))
    even, larger = divmod(total + (count - 1) * again, count)
    seen = [even + (index < larger) for index in range(count)]
    return [seen[0], *(length - again for length in seen[1:])]


def _segments(model: Model, total: int, lengths: list[int], request: Request) -> tuple[Segment, ...]:
    segments: list[Segment] = []
    for index, new in enumerate(lengths):
        first = sum(lengths[:index])
        carried = model.context_latents if index else 0
        before = segments[-1].frames_after if segments else 0
        final = index == len(lengths) - 1
        segments.append(
            Segment(
                index=index,
                first=first,
                new=new,
                carried=carried,
                seed=derived(request.seed, f"window {first}") if first else request.seed,
                conditions=_placed(model, total, first, new, carried, request.conditions),
                decode_from=max(0, _latent_of(model, before) - DECODE_BEHIND),
                frames_before=before,
                oldest_anchor=first + new - model.context_latents - 1,
                frames_after=total if final else last_frame(model.frame_rule, first + new - 1 - DECODE_AHEAD) + 1,
            )
        )
    return tuple(segments)


def _placed(
    model: Model, total: int, first: int, new: int, carried: int, conditions: tuple[Condition, ...]
) -> tuple[Placed, ...]:
    """The pictures whose frame is among the window's new latents, in the window's own time."""
    start = last_frame(model.frame_rule, first - carried - 1) if carried else 0
    absolute = ((total - 1 if each.frame == -1 else each.frame, each) for each in conditions)
    return tuple(
        Placed(frame - start, each) for frame, each in absolute if first <= _latent_of(model, frame) < first + new
    )
