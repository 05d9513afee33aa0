"""Upscales flat drawings with crisp edges, by bicubic scaling and warp sharpening.

Bicubic scaling by n spreads an edge over n pixels. Warp sharpening then takes the colour of each pixel near an edge
from a little further out on its own side: the two flat areas meet in a line again, and nothing overshoots.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from engine.catalog.model import Size

LUMA: Final = (0.299, 0.587, 0.114)
REACH: Final = 0.5  # distance from which a colour is taken, in source pixels
SMOOTH: Final = 0.3  # standard deviation of the blur before edge detection, in source pixels
EDGE: Final = 50.0  # gain on the gradient: higher values treat weaker slopes as edges


def upscale_drawing(frames: Tensor, size: Size) -> Tensor:
    """[F, 3, h, w] in 0..1 -> [F, 3, height, width]; up to a factor of two it is nearly bicubic."""
    scale = size.width / frames.shape[3]
    smooth = functional.interpolate(frames, (size.height, size.width), mode="bicubic", antialias=True)
    if scale <= 1:
        return smooth
    across, down = _central_differences(_gradient_magnitude(_blurred_luma(smooth, SMOOTH * scale)))
    steep = (across.square() + down.square()).sqrt() + 1e-6
    reach = REACH * scale * torch.tanh(EDGE * steep) / steep
    return _sample_at_offsets(smooth, -across * reach, -down * reach)


def _blurred_luma(frames: Tensor, deviation: float) -> Tensor:
    """Luma [F, 1, h, w] after a Gaussian blur; `deviation` in pixels."""
    luma = torch.einsum("fchw,c->fhw", frames, frames.new_tensor(LUMA))[:, None]
    half = max(1, round(3 * deviation))
    weights = torch.exp(-torch.arange(-half, half + 1, device=frames.device).float().square() / (2 * deviation**2))
    kernel = (weights / weights.sum()).view(1, 1, 1, -1).to(frames.dtype)
    padded = functional.pad(luma, (half, half, half, half), mode="replicate")
    return functional.conv2d(functional.conv2d(padded, kernel), kernel.mT)


def _central_differences(values: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences (across, down) of [F, 1, h, w]."""
    padded = functional.pad(values, (1, 1, 1, 1), mode="replicate")
    across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    return across, down


def _gradient_magnitude(values: Tensor) -> Tensor:
    across, down = _central_differences(values)
    return (across.square() + down.square()).sqrt()


def _sample_at_offsets(frames: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """Each pixel sampled at its position plus the offsets `across` and `down`, [F, 1, h, w] in pixels."""
    _, _, height, width = frames.shape
    rows = torch.arange(height, device=frames.device).view(1, -1, 1) + down[:, 0] + 0.5
    columns = torch.arange(width, device=frames.device).view(1, 1, -1) + across[:, 0] + 0.5
    grid = torch.stack([columns / width * 2 - 1, rows / height * 2 - 1], dim=-1)
    return functional.grid_sample(frames, grid, mode="bilinear", padding_mode="border", align_corners=False)
