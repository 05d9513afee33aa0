"""The words of a plan: what is kept, what is denoised in which window, and what is shown when.

Counting. A latent frame stands for `frame_rule` frames of film (8 for LTX), except the very first of a sequence,
which stands for one. A gap has one such sequence, its *strip*: latent 0 is the frame `origin` of the clip, and
latent k >= 1 is the frames up to `origin + 8 k`. A strip begins with what the gap is given of the film before it
and ends with what it is given of the film behind it. A window that goes on from another starts with an *anchor*,
the one frame before what it carries, encoded as a latent 0 of its own: the model was never shown a sequence
without one.
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
    """One frame of a film, by its number; without a film, of the clip that is being made."""

    video: Path | None
    number: int


@dataclass(frozen=True, slots=True)
class WindowKeyframe:
    """A picture at a frame of its window's own time, in which the window's first frame is 0."""

    frame: int
    image: ImageCondition | FrameRef


@dataclass(frozen=True, slots=True)
class GuideLatents:
    """Frames of a film as latents of a window, from its own latent `at` on, each as strongly as `strengths` says.

    They are encoded from the film's frame `start` on; without a film, from that frame of the clip being made. Unless
    `at` is 0 the frame before is encoded too, and its latent dropped. Frames beyond the film's ends are its first
    and last ones again.
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
        """The latent of the strip behind the new ones."""
        return self.first + self.new

    @property
    def latents(self) -> int:
        """Latent frames the model sees at once."""
        return self.lead + self.new + self.trail

    @property
    def origin(self) -> int:
        """The latent of the strip that sits where the window's own latent 0 does."""
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
    """Frames `first` to `last` of the clip, decoded from the latents `decode_from` to `decode_to - 1` of a strip."""

    gap: int
    first: int
    last: int
    decode_from: int
    decode_to: int


@dataclass(frozen=True, slots=True)
class CopySpan:
    """Frames `first` to `last` of the clip, as they are in `film` from its frame `start` on."""

    video: Path
    start: int
    first: int
    last: int


Step: TypeAlias = Window | DecodeSpan | CopySpan


@dataclass(frozen=True, slots=True)
class Gap:
    """Frames `first` to `last` of the clip, which nobody has yet. `origin` is the frame of its strip's latent 0.

    `given_before` and `given_behind` count the strip's latents at either end that come from the films there;
    `latents` are all up to the last that is made. `returns` says that the clip's own beginning follows it.
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
        """Whether it is made from back to front: it must lead to a film, and comes from none."""
        return self.before is None and self.context_behind > 0


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """The whole clip: `frames` of `size` at `fps` in the file, denoised at `native` size; `marked` if they carry the
    visible mark.

    `steps` are in the order in which they are to be done; what they show comes in the clip's own order.
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
        """The exact length of the file."""
        return self.frames / self.fps

    @property
    def windows(self) -> tuple[Window, ...]:
        """The steps that denoise."""
        return tuple(step for step in self.steps if isinstance(step, Window))


def frame_behind(model: ModelEntry, origin: int, latent: int) -> int:
    """The first frame of the clip that a strip's latent stands for; not for the strip's first, which is `origin`."""
    return origin + model.temporal_compression * (latent - 1) + 1


def derive_seed(seed: int, purpose: str) -> int:
    """A seed of its own for one purpose of a clip, so that each part can be made again without the others.

    Torch's CPU generator looks at the lower 32 bits of a seed only; neighbouring seeds must not meet there.
    """
    return int.from_bytes(blake2b(f"{seed}/{purpose}".encode(), digest_size=4).digest(), "big")
