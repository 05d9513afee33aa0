"""Data types of a clip's plan: gaps between copied frames, denoising windows, and spans to decode or copy.

Counting. A latent stands for `temporal_compression` frames of video (8 for LTX), except the first of a sequence,
which stands for one. Each gap has one latent sequence: latent 0 is frame `origin` of the clip, and latent k >= 1 is
the frames up to `origin + 8 k`. A sequence begins with the context from the source video before the gap and ends with
the context from the one behind it. A window that continues another starts with an *anchor*: the one frame before its
context, encoded as a latent 0 of its own, because the model was never trained on a sequence without one.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Literal, TypeAlias

from engine.catalog.model import ModelEntry, Size
from engine.types import ImageCondition, SourceSpan

LeadSource: TypeAlias = Literal["nothing", "latents", "video", "blank"]
TrailSource: TypeAlias = Literal["nothing", "latents", "video", "beginning"]


@dataclass(frozen=True, slots=True)
class FrameRef:
    """Frame `number` of a source video; of the clip being made where `video` is None."""

    video: Path | None
    number: int


@dataclass(frozen=True, slots=True)
class WindowKeyframe:
    """An image at a frame of a window, counted from the window's first frame."""

    frame: int
    image: ImageCondition | FrameRef


@dataclass(frozen=True, slots=True)
class GuideLatents:
    """Frames of a source video encoded as latents of a window, from the window's latent `at` on.

    `strengths` has one value for each latent: 1 keeps it, 0 is pure noise. Encoding begins at the video's frame
    `start`, or at that frame of the clip being made where `video` is None. Unless `at` is 0, the frame before is
    encoded too and its latent dropped. Beyond the video's ends its first and last frames are repeated.
    """

    video: Path | None
    start: int
    at: int
    strengths: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class WindowLayout:
    """Position of a window in the latent sequence of gap number `gap`. All other integers count latents.

    The window adds the latents `first` to `first + new - 1`. In front of them it sees `lead` latents: an anchor and
    latents of the sequence, or frames of the source video before the gap, or (`blank`) one latent that is denoised and
    discarded. Behind them it sees `trail` latents: some that were denoised earlier, frames of the source video behind
    the gap, or the clip's own beginning, to which a loop returns.
    """

    gap: int
    first: int
    new: int
    lead_source: LeadSource
    lead: int
    trail_source: TrailSource
    trail: int

    @property
    def end(self) -> int:
        """The latent of the gap behind the new ones."""
        return self.first + self.new

    @property
    def latents(self) -> int:
        """Latents that the model sees at once."""
        return self.lead + self.new + self.trail

    @property
    def origin(self) -> int:
        """The latent of the gap at the position of the window's own latent 0."""
        return self.first - self.lead


@dataclass(frozen=True, slots=True)
class Window(WindowLayout):
    """One denoising pass: a layout and what conditions it.

    `weights` are pairs of a prompt's index and its weight. `edited` is a source video that is changed by the prompt
    in place of starting from noise.
    """

    seed: int
    guides: tuple[GuideLatents, ...]
    keyframes: tuple[WindowKeyframe, ...]
    prompt_weights: tuple[tuple[int, float], ...]
    edited: GuideLatents | None = None


@dataclass(frozen=True, slots=True)
class DecodeSpan:
    """Frames `first` to `last` of the clip, decoded from the latents `decode_from` to `decode_to - 1` of a gap."""

    gap: int
    first: int
    last: int
    decode_from: int
    decode_to: int


@dataclass(frozen=True, slots=True)
class CopySpan:
    """Frames `first` to `last` of the clip, copied from `video` from its frame `start` on."""

    video: Path
    start: int
    first: int
    last: int


Step: TypeAlias = Window | DecodeSpan | CopySpan


@dataclass(frozen=True, slots=True)
class Gap:
    """Frames `first` to `last` of the clip, which no source video covers.

    `origin` is the clip's frame of latent 0. `context_before` and `context_behind` count the latents at either end that
    come from source videos; `latents` counts all up to the last that is denoised. `returns_to_start` says that the
    clip's own beginning follows, as in a loop.
    """

    first: int
    last: int
    origin: int
    latents: int
    before: SourceSpan | None
    context_before: int
    behind: SourceSpan | None
    context_behind: int
    returns_to_start: bool

    @property
    def is_backwards(self) -> bool:
        """Whether its windows are denoised from back to front: it leads to a source video and continues none."""
        return self.before is None and self.context_behind > 0


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """A whole clip: `frames` of `size` pixels at `fps` in the file, denoised at `native` size.

    `steps` are in the order of work; the frames that they yield are in the clip's order. `marked` frames carry the
    visible watermark.
    """

    model: ModelEntry
    size: Size
    native: Size
    fps: int
    frames: int
    seed: int
    prompts: tuple[str, ...]
    source_prompt: str
    gaps: tuple[Gap, ...]
    steps: tuple[Step, ...]
    marked: bool = False

    @property
    def seconds(self) -> float:
        """Exact length of the file."""
        return self.frames / self.fps

    @property
    def windows(self) -> tuple[Window, ...]:
        """The steps that denoise, in the order of work."""
        return tuple(step for step in self.steps if isinstance(step, Window))


def longest_segment_seconds(plan: ClipPlan) -> float:
    """Length of the clip's longest segment: each step that yields frames makes one."""
    lengths = [step.last - step.first + 1 for step in plan.steps if not isinstance(step, Window)]
    return max(lengths, default=plan.frames) / plan.fps


def first_frame_of_latent(model: ModelEntry, origin: int, latent: int) -> int:
    """First frame of the clip that a latent of a gap stands for. `origin` is the frame of the gap's latent 0."""
    return origin + model.temporal_compression * (latent - 1) + 1 if latent else origin


def derive_seed(seed: int, purpose: str) -> int:
    """A seed for one purpose of a clip, so that each part can be generated again without the others.

    Torch's CPU generator looks at the lower 32 bits of a seed only; neighbouring seeds must not meet there.
    """
    return int.from_bytes(blake2b(f"{seed}/{purpose}".encode(), digest_size=4).digest(), "big")
