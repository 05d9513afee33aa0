"""Detects the things in a clip by image analysis: their pixels and colours, and the scenery behind them.

A pixel belongs to a thing if its colour is saturated or pure white and does not occur in the scenery. No trained model
is involved, and colours are named by hue as people name them, not by the paints of the dataset.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional as F

from engine.mini.dataset import scenery
from engine.mini.dataset.arrays import ByteArray, FloatArray
from engine.mini.dataset.scenes import COLOURS, PLACES, TIMES
from engine.mini.dataset.shapes import DARK

Mask = NDArray[np.bool_]

SIDE: Final = 96  # pixels of the short side to which every clip is scaled
HUES: Final = {  # degrees; red goes round
    "red": (350, 372),
    "orange": (16, 40),
    "yellow": (44, 66),
    "green": (90, 160),
    "turquoise": (165, 200),
    "blue": (205, 250),
    "purple": (262, 300),
    "pink": (305, 345),
}
SATURATION: Final = 0.5
VALUE: Final = 0.35
UNLIKE: Final = 42.0  # levels between a thing's colour and every colour of the scenery
LEAST: Final = 0.006  # share of the picture that a thing covers on average
EXAMPLES: Final = 24  # drawn sceneries of a kind, with and without clouds by turns
CROP: Final = 24  # pixels a side of a thing cut out
MARGIN: Final = 1.5


@dataclass(frozen=True, slots=True)
class DetectedThing:
    """A thing: the name of its colour, its pixels, bool [F, H, W], and its median colour, [3] in 0..255."""

    colour: str
    mask: Mask
    shade: FloatArray


class SceneryClass(NamedTuple):
    """The classes of the scenery behind the things."""

    place: str
    time: str


def resize_frames(frames: ByteArray) -> ByteArray:
    """The clip scaled to a short side of `SIDE` pixels."""
    _, height, width, _ = frames.shape
    scale = SIDE / min(width, height)
    if scale == 1:
        return frames
    size = round(width * scale), round(height * scale)
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    return np.stack([np.asarray(Image.fromarray(frame).resize(size, how)) for frame in frames])


# --- scenery --------------------------------------------------------------------------------------------


def classify_scenery(frames: ByteArray) -> SceneryClass:
    """The classes of the most similar drawn scenery. The fifth of the cells that fit worst, which a thing may hide,
    does not count.
    """
    _, height, width, _ = frames.shape
    settings, examples = _scenery_examples(width, height)
    cells = _cell_colours(np.median(frames[::3], axis=0), width, height)
    gaps = np.abs(examples - cells).mean(axis=-1)
    gaps.sort(axis=1)
    distances = gaps[:, : int(0.8 * gaps.shape[1])].mean(axis=1)
    return settings[int(distances.argmin())]


@lru_cache
def _scenery_examples(width: int, height: int) -> tuple[list[SceneryClass], FloatArray]:
    settings = [SceneryClass(*kind) for kind in product(PLACES, TIMES) for _ in range(EXAMPLES)]
    pictures = [
        scenery.paint_scenery(*kind, seed, width // 2, height // 2, clouds=bool(seed % 2))
        for seed, kind in enumerate(settings)
    ]
    return settings, np.stack([_cell_colours(picture, width, height) for picture in pictures])


def _cell_colours(picture: NDArray[np.floating], width: int, height: int) -> FloatArray:
    """The mean colours, [cells, 3], of a grid whose cells have 8 x 8 pixels in a frame of `width` by `height`."""
    pixels = torch.from_numpy(np.ascontiguousarray(picture, np.float32)).permute(2, 0, 1)
    cells: FloatArray = F.adaptive_avg_pool2d(pixels, (height // 8, width // 8)).flatten(1).T.numpy()
    return cells


@lru_cache
def _scenery_samples(kind: SceneryClass) -> FloatArray:
    """Some drawn sceneries of this kind, [count, H, W, 3]."""
    return np.stack([scenery.paint_scenery(*kind, seed, 80, 48, clouds=bool(seed % 2)) for seed in range(10)])


@lru_cache
def _colour_distances(kind: SceneryClass) -> FloatArray:
    """The distance of each colour of `_colour_grid` from the nearest colour of the scenery. Dark rims and wheels blend
    with it, so darkened colours of the scenery count too.
    """
    cells, counts = np.unique((_scenery_samples(kind).reshape(-1, 3) / 12).astype(int), axis=0, return_counts=True)
    plain = torch.from_numpy(cells[counts > 6] * 12 + 6).float()
    dark = torch.tensor(DARK).float()
    palette = torch.cat([torch.lerp(dark, plain, share) for share in (1.0, 0.75, 0.5, 0.25)])
    nearest = [torch.cdist(some, palette).amin(dim=1) for some in torch.from_numpy(_colour_grid()).split(1 << 15)]
    return torch.cat(nearest).numpy()


def _colour_grid() -> FloatArray:
    """Every fourth red, green and blue, [64 * 64 * 64, 3]: the keys of lookup tables by colour."""
    steps = np.arange(64, dtype=np.float32) * 4 + 2
    return np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)


def _grid_indices(frames: ByteArray) -> NDArray[np.int32]:
    """The index in `_colour_grid` of each pixel's colour."""
    coarse = (frames >> 2).astype(np.int32)
    places: NDArray[np.int32] = (coarse[..., 0] << 12) | (coarse[..., 1] << 6) | coarse[..., 2]
    return places


def scenery_distance(frames: ByteArray, kind: SceneryClass) -> FloatArray:
    """Distance of each pixel from the colours of a scenery, in levels, (frames, height, width)."""
    return _colour_distances(kind)[_grid_indices(frames)]


# --- things ---------------------------------------------------------------------------------------------


def name_colours(colours: FloatArray) -> NDArray[np.int8]:
    """The index in `COLOURS` of each colour [count, 3] by its hue; -1 for pale and dark colours and for hues between
    two names. White is not named here.
    """
    high, low = colours.max(axis=1), colours.min(axis=1)
    r, g, b = colours.T
    spread = np.maximum(high - low, 1e-3)
    hue = 60 * np.select(
        [high == r, high == g], [(g - b) / spread % 6, (b - r) / spread + 2], default=(r - g) / spread + 4
    )
    strong = (high - low > SATURATION * high) & (high > VALUE * 255)
    found = np.full(len(colours), -1, np.int8)
    for colour, (start, end) in HUES.items():
        found[strong & (((hue >= start) & (hue <= end)) | (hue + 360 <= end))] = COLOURS.index(colour)
    return found


@lru_cache
def _thing_colours(kind: SceneryClass) -> NDArray[np.int8]:
    """The names of the colours of `_colour_grid` that do not occur in this scenery, -1 for the others."""
    return np.where(_colour_distances(kind) < UNLIKE, np.int8(-1), name_colours(_colour_grid()))


def detect_things(frames: ByteArray, kind: SceneryClass) -> list[DetectedThing]:
    """The things in front of this scenery, the largest first."""
    named = _thing_colours(kind)[_grid_indices(frames)]
    named[_white_mask(frames, kind)] = COLOURS.index("white")
    things = []
    counts = np.bincount(named.ravel() + 1, minlength=len(COLOURS) + 1)[1:] / named.size
    for index in np.flatnonzero(counts > LEAST):
        mask = _remove_specks(named == index)
        if mask.mean() > LEAST:
            things.append(DetectedThing(COLOURS[index], mask, np.median(frames[mask], axis=0).astype(np.float32)))
    return sorted(things, key=lambda found: -int(found.mask.sum()))


def _white_mask(frames: ByteArray, kind: SceneryClass) -> Mask:
    """Pixels whiter than halfway from the whitest scenery at their height (clouds, snow, the moon) to pure white."""
    r, g, b = np.moveaxis(frames, -1, 0)
    low = np.minimum(np.minimum(r, g), b)
    pale = np.maximum(np.maximum(r, g), b) - low < 0.12 * 255
    rows = np.linspace(0, 1, frames.shape[1])
    whitest = np.interp(rows, np.linspace(0, 1, len(_whitest_by_row(kind))), _whitest_by_row(kind))
    white: Mask = pale & (_mean_filter(low) > np.maximum(215, (whitest + 250) / 2)[:, None])
    return white


@lru_cache
def _whitest_by_row(kind: SceneryClass) -> FloatArray:
    """The highest of all least channels in each row of drawn pictures and its neighbours."""
    rows = np.percentile(_scenery_samples(kind).min(axis=-1), 99.5, axis=(0, 2))
    padded = np.pad(rows, 2, mode="edge")
    whitest: FloatArray = np.max([padded[i : i + len(rows)] for i in range(5)], axis=0)
    return whitest


def _mean_filter(picture: NDArray[np.uint8]) -> FloatArray:
    """Over 3 x 3 pixels."""
    pixels = torch.from_numpy(picture.astype(np.float32))[:, None]
    mean: FloatArray = F.avg_pool2d(pixels, 3, 1, 1, count_include_pad=False)[:, 0].numpy()
    return mean


def _remove_specks(mask: Mask) -> Mask:
    """The mask without specks and thin lines: pixels most of whose neighbours are in it."""
    solid: Mask = mask & (_mean_filter(mask.astype(np.uint8)) > 0.5)
    return solid


def dilate_mask(mask: Mask, reach: int) -> Mask:
    """The mask and all pixels within squares of `reach` pixels around it."""
    pixels = torch.from_numpy(mask.astype(np.float32))[:, None]
    across = F.max_pool2d(pixels, (1, 2 * reach + 1), 1, (0, reach))
    wide: Mask = F.max_pool2d(across, (2 * reach + 1, 1), 1, (reach, 0))[:, 0].numpy() > 0
    return wide


# --- crops ----------------------------------------------------------------------------------------------


def crop_thing(frames: ByteArray, found: DetectedThing, kind: SceneryClass, count: int = 12) -> torch.Tensor:
    """The thing in at most `count` frames, cropped and scaled to one size: float32 [count, 2, CROP, CROP], first how
    much closer each pixel's colour is to the thing's than to the scenery's, then its brightness, both in 0..1.
    """
    chosen = _clear_of_edges(found.mask)
    chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, count).astype(int))] if len(chosen) else chosen
    if not len(chosen):
        return torch.zeros(0, 2, CROP, CROP)
    pixels = frames[chosen].astype(np.float32)
    from_shade = np.linalg.norm(pixels - found.shade, axis=-1)
    from_scenery = scenery_distance(frames[chosen], kind)
    views = np.stack([from_scenery / (from_scenery + from_shade + 1e-3), pixels.mean(axis=-1) / 255], axis=1)
    boxes = [_bounding_square(mask) for mask in found.mask[chosen]]
    return sample_crops(torch.from_numpy(views.astype(np.float32)), torch.tensor(boxes))


def sample_crops(views: torch.Tensor, boxes: torch.Tensor, bend: torch.Tensor | None = None) -> torch.Tensor:
    """Squares of images [count, C, H, W], each (centre x, centre y, half a side) in pixels, as [count, C, CROP, CROP].
    `bend` offsets the position from which each of those pixels is sampled, in crop pixels.
    """
    height, width = views.shape[2:]
    steps = (torch.arange(CROP) + 0.5) / (CROP / 2) - 1
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1)[None]
    if bend is not None:
        grid = grid + bend / (CROP / 2)
    at = boxes[:, None, None, :2] + grid * boxes[:, None, None, 2:]
    at = (at + 0.5) / torch.tensor([width, height]) * 2 - 1
    return F.grid_sample(views, at.float(), padding_mode="border", align_corners=False)


def _clear_of_edges(mask: Mask) -> NDArray[np.intp]:
    """The frames that show the whole thing; if there are none, those that show a part of it."""
    there = mask.sum(axis=(1, 2)) >= 40
    cut_off = mask[:, [0, -1]].any(axis=(1, 2)) | mask[:, :, [0, -1]].any(axis=(1, 2))
    whole = np.flatnonzero(there & ~cut_off)
    return whole if len(whole) else np.flatnonzero(there)


def _bounding_square(mask: Mask) -> tuple[float, float, float]:
    """Centre and half a side of the square around the pixels, with a margin and without outliers."""
    y, x = np.nonzero(mask)
    (left, right), (top, bottom) = np.percentile(x, (2, 98)), np.percentile(y, (2, 98))
    return (left + right) / 2, (top + bottom) / 2, MARGIN * (max(right - left, bottom - top) + 1) / 2
