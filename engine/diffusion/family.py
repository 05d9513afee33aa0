"""The interface of a model family's sampler, so that the runtime knows no family.

A sampler is created for each job over modules that jobs share; it stores its results in the clip's latent sequences.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Protocol

import torch

from engine.planning.plan import DecodeSpan, Window


class ClipSampler(Protocol):
    """Samples one clip with the models of one family.

    `latent_shape` is the shape of one latent, against which the latents of an earlier attempt are checked; None where
    the family cannot resume.
    """

    latent_shape: tuple[int, ...] | None

    def encode_prompts(self) -> None:
        """Encode the clip's prompts, once, before the first window."""

    def prepare_window(self, window: Window) -> None:
        """Encode a window's conditions: images, videos and preceding latents. Called right before it is denoised."""

    def denoise_window(self, window: Window, cancelled: Callable[[], bool]) -> Generator[int, None, None]:
        """Denoise a window's new latents and store them, yielding the number of each finished step.

        Raises JobCancelled between two steps. Closing the generator stops the work too.
        """

    def decode_preview(self, window: Window, number: int) -> torch.Tensor | None:
        """A rough preview of a latent of the window being denoised, as one native frame [1, 3, h, w]; None where the
        family has none.
        """

    def decode_span(self, span: DecodeSpan) -> torch.Tensor:
        """The frames of `span` at native size: [F, 3, h, w] floats around 0..1.

        Spans are requested in the clip's order, by one thread, while another may be denoising.
        """
