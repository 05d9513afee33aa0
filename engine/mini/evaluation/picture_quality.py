"""Measures how cleanly a clip draws its largest thing: ghosts, soft rims, outlines that wobble, and the pattern that a
decoder's patches leave. It works on the pixels of the file and needs no scene; it says nothing about what is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch.nn import functional as F

from engine.mini.dataset.arrays import ByteArray, FloatArray
from engine.mini.evaluation import detection
from engine.mini.evaluation.detection import DetectedThing, Mask, dilate_mask

LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
SAMPLES: Final = 32  # frames that the background is taken from
CONTRAST: Final = 42.0  # levels between the thing's colour and the background, below which coverage is not measurable
OFF_COLOUR: Final = 45.0  # levels off the line from background to thing, above which a pixel is of another colour
FAINT: Final = 0.1  # coverage that noise may have
HALF: Final = (0.15, 0.85)  # coverage of a half-transparent pixel
LEAST_AREA: Final = 40  # pixels of a thing whose outline is compared
MARGIN: Final = 1.3  # side of a thing's crop in sides of the thing


@dataclass(frozen=True, slots=True)
class PictureQuality:
    """`ghost`: the share of the thing's colour that lies outside the thing and its rim. `fuzz`: the mean width of the
    half-transparent rim in pixels. `wobble`: 1 - IoU of the thing's outline with that of the frame before, moved onto
    it, mean over frames that show all of the thing. `grid`: standard deviation in levels of the luma inside the thing,
    averaged by position in squares of `grid_period` pixels.
    """

    ghost: float
    fuzz: float
    wobble: float
    grid: float


def measure_quality(frames: ByteArray) -> PictureQuality | None:
    """The quality of a clip, uint8 [F, H, W, 3] of any size; None if no thing is detected in it."""
    small = detection.resize_frames(frames)
    things = detection.detect_things(small, detection.classify_scenery(small))
    if not things:
        return None
    coverage = estimate_coverage(frames, things[0])
    body = coverage > 0.5
    return PictureQuality(
        ghost=_ghost_share(coverage, body),
        fuzz=_rim_width(coverage, body),
        wobble=_outline_change(coverage, body),
        grid=_grid_deviation(frames @ LUMA, body),
    )


def grid_period(height: int, width: int) -> int:
    """Pixels in which the patterns of a decoder's patches repeat: two patches of the native 160x96, at any size."""
    return max(2, round(min(height, width) / 24))


# --- coverage -------------------------------------------------------------------------------------------


def estimate_coverage(frames: ByteArray, thing: DetectedThing) -> FloatArray:
    """How much of each pixel the thing covers, [F, H, W] in 0..1: where its colour lies between that of the background,
    which is the median of the frames without the thing, and the thing's own. Pixels that the thing never leaves are
    covered or not as `thing.mask` says.
    """
    mask = _enlarge_mask(thing.mask, frames.shape[1], frames.shape[2])
    background = _median_background(frames, dilate_mask(mask, _reach(frames.shape[1], frames.shape[2])))
    towards = thing.shade - background
    length = np.square(towards).sum(axis=-1)
    change = frames.astype(np.float32) - background
    share = (change * towards).sum(axis=-1) / np.maximum(length, 1)
    off = np.linalg.norm(change - share[..., None] * towards, axis=-1)
    measured = (length > CONTRAST**2) & (off < OFF_COLOUR) & (share > FAINT)
    coverage = np.where(measured, share.clip(0, 1), 0)
    covered: FloatArray = np.where(np.isnan(length), mask, coverage).astype(np.float32)
    return covered


def _enlarge_mask(mask: Mask, height: int, width: int) -> Mask:
    pixels = torch.from_numpy(mask.astype(np.float32))[:, None]
    enlarged: Mask = F.interpolate(pixels, (height, width), mode="bilinear")[:, 0].numpy() > 0.5
    return enlarged


def _median_background(frames: ByteArray, covered: Mask) -> FloatArray:
    """[H, W, 3], NaN where every frame sampled is covered."""
    chosen = np.unique(np.linspace(0, len(frames) - 1, SAMPLES).astype(int))
    values = frames[chosen].astype(np.float32)
    values[covered[chosen]] = np.nan
    never = covered[chosen].all(axis=0)
    values[:, never] = 0
    background: FloatArray = np.nanmedian(values, axis=0)
    background[never] = np.nan
    return background


def _reach(height: int, width: int) -> int:
    """Pixels around a thing that belong to its rim."""
    return max(2, round(min(height, width) / 48))


# --- measures -------------------------------------------------------------------------------------------


def _ghost_share(coverage: FloatArray, body: Mask) -> float:
    outside = ~dilate_mask(body, _reach(*body.shape[1:]))
    return float(coverage[outside].sum() / max(float(coverage.sum()), 1.0))


def _rim_width(coverage: FloatArray, body: Mask) -> float:
    """Half-transparent pixels by the length of the outline, which is taken for that of a disc as large."""
    near = dilate_mask(body, _reach(*body.shape[1:]))
    half = near & (coverage > HALF[0]) & (coverage < HALF[1])
    outline = 2 * np.sqrt(np.pi * body.sum(axis=(1, 2))).sum()
    return float(half.sum() / max(float(outline), 1.0))


def _outline_change(coverage: FloatArray, body: Mask) -> float:
    whole = _shows_all(body)
    pairs = np.flatnonzero(whole[1:] & whole[:-1])
    if not len(pairs):
        return 0.0
    frames = np.flatnonzero(whole)
    crops = dict(zip(frames.tolist(), _centred_crops(coverage[frames], body[frames]), strict=True))
    changes = [1 - _overlap(crops[frame], crops[frame + 1]) for frame in pairs.tolist()]
    return float(np.mean(changes))


def _shows_all(body: Mask) -> Mask:
    """The frames with a thing that no edge of the picture cuts off."""
    cut_off = body[:, [0, -1]].any(axis=(1, 2)) | body[:, :, [0, -1]].any(axis=(1, 2))
    whole: Mask = (body.sum(axis=(1, 2)) >= LEAST_AREA) & ~cut_off
    return whole


def _centred_crops(coverage: FloatArray, body: Mask) -> Mask:
    """The outlines [F, S, S] of things moved, by fractions of a pixel, so that their middles lie on one another."""
    _, height, width = coverage.shape
    middles, side = [], 0.0
    for frame in body:
        y, x = np.nonzero(frame)
        middles.append((x.mean(), y.mean()))
        side = max(side, float(np.ptp(x)), float(np.ptp(y)))
    steps = torch.arange(-(reach := int(MARGIN * side / 2) + 2), reach + 1, dtype=torch.float32)
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1)
    at = torch.tensor(middles, dtype=torch.float32)[:, None, None] + grid
    places = (at + 0.5) / torch.tensor([width, height]) * 2 - 1
    crops = F.grid_sample(torch.from_numpy(coverage)[:, None], places, align_corners=False)
    outlines: Mask = crops[:, 0].numpy() > 0.5
    return outlines


def _overlap(first: Mask, second: Mask) -> float:
    """Intersection over union."""
    return float((first & second).sum() / max(int((first | second).sum()), 1))


def _grid_deviation(luma: FloatArray, body: Mask) -> float:
    """Of the mean brightness at each position within the period, inside the thing."""
    inside = ~dilate_mask(~body, _reach(*body.shape[1:]))
    if not inside.any():
        return 0.0
    frame, y, x = np.nonzero(inside)
    counts = inside.sum(axis=(1, 2))
    means = (luma * inside).sum(axis=(1, 2)) / np.maximum(counts, 1)
    period = grid_period(*body.shape[1:])
    position = (y % period) * period + x % period
    number = np.bincount(position, minlength=period**2)
    total = np.bincount(position, weights=luma[inside] - means[frame], minlength=period**2)
    return float((total / np.maximum(number, 1)).std())
