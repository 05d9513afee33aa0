"""Where a clip goes on from a film that is kept, or comes back to its own beginning, frames meet without a jump.

What is made goes through the autoencoder and the film does not, so that scenery which stands still loses some of its
grain from one frame to the next. What the autoencoder lost in the film's last frame is known, because that frame is
decoded too: it is given back to the frames behind it, less and less, and after the first few of them only where
nothing has moved since.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch
from torch.nn import functional

from engine.planning.plan import ClipPlan, DecodeSpan

REACH: Final = 12
"""Frames over which what was lost fades out."""
BRIEF: Final = 3
"""Frames over which it fades out where things move: by then they are elsewhere."""
STILL: Final = 0.05
"""A change, of 1 from black to white, by which a pixel and those around it count as moved."""
AROUND: Final = 9
"""Pixels a side of what counts as around one: outlines are lost over some of them."""
GRAIN: Final = 0.06
"""A loss above which a pixel is no grain of the scenery but an outline, which belongs to a thing that moves on."""


@dataclass(frozen=True, slots=True)
class AdjoiningFrame:
    """Frame `frame` of the clip, beside a stretch that is made, is frame `number` of a film that is kept; without a
    film it is the clip's own first frame, to which a loop returns.
    """

    frame: int
    video: Path | None
    number: int


def adjoining_frames(plan: ClipPlan, shown: DecodeSpan) -> Iterator[AdjoiningFrame]:
    """The frames of films that a stretch meets and is decoded with. Where a clip cuts it meets none."""
    gap = plan.gaps[shown.gap]
    if gap.before is not None and shown.first == gap.first:
        yield AdjoiningFrame(gap.first - 1, gap.before.video, gap.before.start + gap.before.frames - 1)
    decoded = gap.origin + plan.model.temporal_compression * (shown.decode_to - 1)
    if shown.last == gap.last < decoded and gap.behind is not None:
        yield AdjoiningFrame(gap.last + 1, gap.behind.video, gap.behind.start)
    elif shown.last == gap.last < decoded and gap.returns_to_start:
        yield AdjoiningFrame(gap.last + 1, None, 0)


def widen_span(plan: ClipPlan, shown: DecodeSpan) -> DecodeSpan:
    """The stretch with those frames."""
    frames = [beside.frame for beside in adjoining_frames(plan, shown)]
    return replace(shown, first=min([shown.first, *frames]), last=max([shown.last, *frames]))


CLIP_BEGINNING: Final = DecodeSpan(0, 0, 0, 0, 2)
"""The clip's own first frame, as it is decoded once more where a loop comes back to it."""


@dataclass(frozen=True, slots=True)
class Seam:
    """A film's frame beside a gap: as it is (`true`) and as the autoencoder makes it (`made`), both [3, H, W] in 0..1.

    `frame` is its number in the clip.
    """

    frame: int
    original: torch.Tensor
    decoded: torch.Tensor

    def restore_detail(self, frames: torch.Tensor, first: int) -> torch.Tensor:
        """Frames [F, 3, H, W] of the clip from frame `first` on, with what they lost beside this edge."""
        away = (torch.arange(first, first + len(frames), device=frames.device) - self.frame).abs()
        left = (1 - (away - 1) / REACH).clamp(0, 1).view(-1, 1, 1, 1)
        if not left.any():
            return frames
        anywhere = (1 - away / BRIEF).clamp(0, 1).view(-1, 1, 1, 1)
        still = torch.exp(-((_around((frames - self.decoded).abs()) / STILL) ** 2))
        lost = self.original - self.decoded
        grain = torch.exp(-((_around(lost.abs()[None]) / GRAIN) ** 2))
        return frames + torch.maximum(left * still * grain, anywhere) * lost


def _around(change: torch.Tensor) -> torch.Tensor:
    """The largest change [F, 3, H, W] of any colour around each pixel, [F, 1, H, W]."""
    return functional.max_pool2d(change.amax(dim=1, keepdim=True), AROUND, 1, AROUND // 2)
