"""Seams between generated and copied frames, and between the end and the beginning of a loop.

Generated frames go through the autoencoder and copied ones do not, so still scenery would lose some of its grain from
one frame to the next. The loss in the adjoining source frame is known, because that frame is decoded too: it is added
back to the frames beside it, fading out, and after the first few only where nothing has moved since.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch
from torch.nn import functional

from engine.planning.plan import ClipPlan, DecodeSpan

FADE_FRAMES: Final = 12
"""Frames over which the restored detail fades out."""
MOVING_FADE_FRAMES: Final = 3
"""Frames over which it fades out in moving areas: by then their content is elsewhere."""
MOTION_THRESHOLD: Final = 0.05
"""Change, in 0..1, by which a pixel and its neighbourhood count as moved."""
NEIGHBOURHOOD: Final = 9
"""Side of a pixel's neighbourhood, in pixels: outlines are lost over some of them."""
OUTLINE_THRESHOLD: Final = 0.06
"""Loss, in 0..1, above which a pixel is not grain but an outline, which may belong to something that moves."""


@dataclass(frozen=True, slots=True)
class AdjoiningFrame:
    """Frame `frame` of the clip, next to a generated span: frame `number` of a source video, or the clip's own first
    frame, to which a loop returns, where `video` is None.
    """

    frame: int
    video: Path | None
    number: int


def adjoining_frames(plan: ClipPlan, span: DecodeSpan) -> Iterator[AdjoiningFrame]:
    """Frames next to a span that are decoded with it; none at a cut."""
    gap = plan.gaps[span.gap]
    if gap.before is not None and span.first == gap.first:
        yield AdjoiningFrame(gap.first - 1, gap.before.video, gap.before.start + gap.before.frames - 1)
    decoded = gap.origin + plan.model.temporal_compression * (span.decode_to - 1)
    if span.last == gap.last < decoded and gap.behind is not None:
        yield AdjoiningFrame(gap.last + 1, gap.behind.video, gap.behind.start)
    elif span.last == gap.last < decoded and gap.returns_to_start:
        yield AdjoiningFrame(gap.last + 1, None, 0)


def widen_span(plan: ClipPlan, span: DecodeSpan) -> DecodeSpan:
    """The span extended by its adjoining frames."""
    frames = [adjoining.frame for adjoining in adjoining_frames(plan, span)]
    return replace(span, first=min([span.first, *frames]), last=max([span.last, *frames]))


CLIP_BEGINNING: Final = DecodeSpan(0, 0, 0, 0, 2)
"""Span of the clip's own first frame, decoded again where a loop returns to it."""


@dataclass(frozen=True, slots=True)
class Seam:
    """A source frame next to a gap, as it is (`original`) and after the autoencoder (`decoded`), [3, H, W] in 0..1.

    `frame` is its number in the clip.
    """

    frame: int
    original: torch.Tensor
    decoded: torch.Tensor

    def restore_detail(self, frames: torch.Tensor, first: int) -> torch.Tensor:
        """Frames [F, 3, H, W] of the clip from frame `first` on, with the detail lost beside this seam added back."""
        away = (torch.arange(first, first + len(frames), device=frames.device) - self.frame).abs()
        left = (1 - (away - 1) / FADE_FRAMES).clamp(0, 1).view(-1, 1, 1, 1)
        if not left.any():
            return frames
        anywhere = (1 - away / MOVING_FADE_FRAMES).clamp(0, 1).view(-1, 1, 1, 1)
        still = torch.exp(-((_max_change_around((frames - self.decoded).abs()) / MOTION_THRESHOLD) ** 2))
        loss = self.original - self.decoded
        grain = torch.exp(-((_max_change_around(loss.abs()[None]) / OUTLINE_THRESHOLD) ** 2))
        return frames + torch.maximum(left * still * grain, anywhere) * loss


def _max_change_around(change: torch.Tensor) -> torch.Tensor:
    """Largest change of any colour in each pixel's neighbourhood: [F, 3, H, W] -> [F, 1, H, W]."""
    return functional.max_pool2d(change.amax(dim=1, keepdim=True), NEIGHBOURHOOD, 1, NEIGHBOURHOOD // 2)
