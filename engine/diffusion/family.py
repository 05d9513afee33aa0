"""What a model family must be able to do with one clip, so that whoever runs the plan knows no family.

A recipe is made anew for each job, over modules that jobs share; it keeps what it made in the clip's strips.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Protocol

import torch

from engine.planning.plan import DecodeSpan, Window


class ClipSampler(Protocol):
    """One clip in the making, by one family.

    `latent` is the shape of one latent of its strips, by which is checked what an earlier attempt kept; None where the
    family cannot go on from that.
    """

    latent_shape: tuple[int, ...] | None

    def encode_prompts(self) -> None:
        """Encode what the clip shows, once, before the first window."""

    def prepare_window(self, window: Window) -> None:
        """Encode what a window is given: pictures, films, and what it goes on from. Right before it is denoised."""

    def denoise_window(self, window: Window, cancelled: Callable[[], bool]) -> Generator[int, None, None]:
        """Make a window's new latents and put them into its strip, yielding the number of each finished step.

        Raises Cancelled between two steps. Whoever stops iterating early closes it, which stops the work too.
        """

    def decode_preview(self, window: Window, number: int) -> torch.Tensor | None:
        """What a latent of the window that is being denoised will roughly look like, as one native frame [1, 3, h, w];
        None where nobody can tell.
        """

    def decode_span(self, shown: DecodeSpan) -> torch.Tensor:
        """The frames that are shown, at native size: [F, 3, h, w] floats around 0..1.

        Stretches are asked for in the clip's order, by one thread, while another may be denoising.
        """
