"""Where a clip goes on from a film that is kept, its first frames meet the film's own pixels without a jump.

What is made goes through the autoencoder and the film does not, so that scenery which stands still loses some of its
grain from one frame to the next. What the autoencoder lost in the film's last frame is known, because that frame is
decoded too: it is given back to the frames behind it, less and less, and only where nothing has moved since.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch

REACH: Final = 12
"""Frames over which what was lost fades out."""
STILL: Final = 0.05
"""A change of a pixel, of 1 from black to white, by which it counts as moved."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A film's frame beside a gap: as it is (`true`) and as the autoencoder makes it (`made`), both [3, H, W] in 0..1.

    `frame` is its number in the clip.
    """

    frame: int
    true: torch.Tensor
    made: torch.Tensor

    def mended(self, frames: torch.Tensor, first: int) -> torch.Tensor:
        """Frames [F, 3, H, W] of the clip from frame `first` on, with what they lost beside this edge."""
        away = (torch.arange(first, first + len(frames), device=frames.device) - self.frame).abs()
        left = (1 - (away - 1) / REACH).clamp(0, 1).view(-1, 1, 1, 1)
        moved = (frames - self.made).abs().amax(dim=1, keepdim=True)
        return frames + left * torch.exp(-((moved / STILL) ** 2)) * (self.true - self.made)
