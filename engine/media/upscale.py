"""Enlarges flat drawings with their edges kept crisp.

Bicubic scaling spreads an edge over as many pixels as it enlarges by. Here each pixel near an edge then takes its
colour from a little further out, on its own side: the two flats meet in a line again, and nothing overshoots.
(The warping that image editors know as warp sharpening.)
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from engine.catalog.model import Size

LUMA: Final = (0.299, 0.587, 0.114)
REACH: Final = 0.5  # how far a colour is fetched from, in pixels of the picture before
SMOOTH: Final = 0.3  # deviation of the blur under which edges are looked for, in the same
EDGE: Final = 50.0  # how soon a slope counts as an edge


def enlarge(frames: Tensor, size: Size) -> Tensor:
    """[F, 3, h, w] in 0..1 -> [F, 3, height, width]; at most twice a side it is nearly bicubic."""
    scale = size.width / frames.shape[3]
    smooth = functional.interpolate(frames, (size.height, size.width), mode="bicubic", antialias=True)
    if scale <= 1:
        return smooth
    across, down = _slope(_steepness(_blurred(smooth, SMOOTH * scale)))
    steep = (across.square() + down.square()).sqrt() + 1e-6
    reach = REACH * scale * torch.tanh(EDGE * steep) / steep
    return _fetched(smooth, -across * reach, -down * reach)


def _blurred(frames: Tensor, deviation: float) -> Tensor:
    """The luma [F, 1, h, w] under a Gaussian blur."""
    luma = torch.einsum("fchw,c->fhw", frames, frames.new_tensor(LUMA))[:, None]
    half = max(1, round(3 * deviation))
    weights = torch.exp(-torch.arange(-half, half + 1, device=frames.device).float().square() / (2 * deviation**2))
    kernel = (weights / weights.sum()).view(1, 1, 1, -1).to(frames.dtype)
    padded = functional.pad(luma, (half, half, half, half), mode="replicate")
    return functional.conv2d(functional.conv2d(padded, kernel), kernel.mT)


def _slope(values: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences (across, down) of [F, 1, h, w]."""
    padded = functional.pad(values, (1, 1, 1, 1), mode="replicate")
    across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    return across, down


def _steepness(values: Tensor) -> Tensor:
    across, down = _slope(values)
    return (across.square() + down.square()).sqrt()


def _fetched(frames: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """Every pixel from where `across` and `down` (pixels, [F, 1, h, w]) point."""
    _, _, height, width = frames.shape
    rows = torch.arange(height, device=frames.device).view(1, -1, 1) + down[:, 0] + 0.5
    columns = torch.arange(width, device=frames.device).view(1, 1, -1) + across[:, 0] + 0.5
    grid = torch.stack([columns / width * 2 - 1, rows / height * 2 - 1], dim=-1)
    return functional.grid_sample(frames, grid, mode="bilinear", padding_mode="border", align_corners=False)
