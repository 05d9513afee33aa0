"""The visible watermark: a lens and the name, drawn into the lower right corner of frames.

It only draws; `engine.safety.output_gate` decides which frames carry it.

The watermark bounds the brightness of each of its pixels from below and from above: light strokes, and a soft shade
around them that sets them off from a bright background. So drawing it is idempotent to the bit: a video made from a
marked one shows one watermark and not two, which alpha blending would not give.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

HEIGHT: Final = 0.042
"""Height of letters with ascenders, as a share of the frame's shorter side."""
MIN_HEIGHT: Final = 14
"""Smallest such height in pixels: smaller letters are unreadable after a codec."""
MARGIN: Final = 0.05
"""Distance of the letters from the edges, in the frame's shorter side: players crop and round corners."""
LIGHT: Final = 236
"""Minimum brightness of strokes, of 255; on brighter pixels they keep the pixel's colour."""
SHADE: Final = 104
"""Maximum brightness beside a stroke, of 255."""
SHADE_REACH: Final = 0.16
"""Distance from a stroke, in letter heights, at which most of its shade is gone."""

_STROKE: Final = 0.062  # half a stroke's width
_SAMPLES: Final = 5  # looks at each pixel, across and down
_GAMMA: Final = 2.2  # a pixel half covered gives half the light, which is more than half the number


@dataclass(frozen=True, slots=True)
class LineStroke:
    """From one point to another; equal points make a dot. Units are letter heights, y from ascender (0) to baseline."""

    x: float
    y: float
    to_x: float
    to_y: float
    half: float = _STROKE

    def distance_to(self, x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
        """Distance of points from the stroke's edge; negative inside it."""
        across, down = self.to_x - self.x, self.to_y - self.y
        along = ((x - self.x) * across + (y - self.y) * down) / max(across**2 + down**2, 1e-9)
        near = np.clip(along, 0, 1)
        distances = np.hypot(x - self.x - near * across, y - self.y - near * down)
        return np.asarray(distances - self.half, np.float32)


@dataclass(frozen=True, slots=True)
class ArcStroke:
    """Around a centre, from one angle to another in degrees, clockwise from the right."""

    x: float
    y: float
    radius: float
    start: float = 0
    stop: float = 360
    half: float = _STROKE

    def distance_to(self, x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
        """As for a LineStroke."""
        across, down = x - self.x, y - self.y
        turned = (np.degrees(np.arctan2(down, across)) - self.start) % 360
        ends = [
            np.hypot(across - self.radius * math.cos(a), down - self.radius * math.sin(a)) for a in self._end_angles()
        ]
        ring = np.abs(np.hypot(across, down) - self.radius)
        distances = np.where(turned <= self.stop - self.start, ring, np.minimum(*ends))
        return np.asarray(distances - self.half, np.float32)

    def _end_angles(self) -> tuple[float, float]:
        return math.radians(self.start), math.radians(self.stop)


Stroke: TypeAlias = LineStroke | ArcStroke

_X_HEIGHT: Final = 0.385  # where small letters begin, at the middle of the stroke
_BASELINE: Final = 1 - _STROKE
_BOWL: Final = (_BASELINE - _X_HEIGHT) / 2
_SHOULDER: Final = 0.235  # the arch of n and r

LENS: Final[tuple[Stroke, ...]] = (
    ArcStroke(0.5, 0.5, 0.5 - _STROKE),
    LineStroke(0.5, 0.5, 0.5, 0.5, 0.17),
)
LETTERS: Final[tuple[tuple[float, tuple[Stroke, ...]], ...]] = (
    (
        0.0,
        (
            LineStroke(0, _STROKE, 0, _BASELINE),
            LineStroke(0.34, _X_HEIGHT, 0, 0.70),
            LineStroke(0.115, 0.60, 0.37, _BASELINE),
        ),
    ),
    (0.58, (LineStroke(0, _X_HEIGHT, 0, _BASELINE), LineStroke(0, 0.13, 0, 0.13, 0.085))),
    (
        0.83,
        (
            LineStroke(0, _X_HEIGHT, 0, _BASELINE),
            ArcStroke(_SHOULDER, _X_HEIGHT + _SHOULDER, _SHOULDER, 180, 360),
            LineStroke(2 * _SHOULDER, _X_HEIGHT + _SHOULDER, 2 * _SHOULDER, _BASELINE),
        ),
    ),
    (1.52, (ArcStroke(_BOWL, _X_HEIGHT + _BOWL, _BOWL),)),
    (2.31, (LineStroke(0, _X_HEIGHT, 0, _BASELINE), ArcStroke(_SHOULDER, _X_HEIGHT + _SHOULDER, _SHOULDER, 180, 300))),
    (2.80, (ArcStroke(_BOWL, _X_HEIGHT + _BOWL, _BOWL), LineStroke(2 * _BOWL, _X_HEIGHT, 2 * _BOWL, _BASELINE))),
)
"""kinora: where each letter begins behind the lens, and its strokes from there."""

_TEXT: Final = 1.36  # where the first letter begins
WIDTH: Final = _TEXT + LETTERS[-1][0] + 2 * _BOWL + _STROKE
"""Width of lens and letters, in letter heights."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """The mark for frames of one size: its top left corner, and the brightness bounds of its pixels, [h, w, 1]."""

    top: int
    left: int
    min_brightness: NDArray[np.uint8]
    max_brightness: NDArray[np.uint8]

    def draw_on(self, frames: NDArray[np.uint8]) -> None:
        """Draw into frames [F, H, W, 3] in place. No pixel outside the mark is read or written."""
        height, width, _ = self.min_brightness.shape
        corner = frames[:, self.top : self.top + height, self.left : self.left + width]
        red, green, blue = (corner[..., colour, None] for colour in range(3))  # 20 times faster than `max` over them
        bright = np.maximum(np.maximum(np.maximum(red, green), blue), self.max_brightness)
        # All colours are scaled alike, so that the hue stays.
        shaded = corner * self.max_brightness.astype(np.uint16) // bright
        np.maximum(shaded, self.min_brightness, out=corner, casting="unsafe")  # within 255 by construction


@lru_cache(maxsize=16)
def make_watermark(width: int, height: int) -> Watermark:
    """The mark for frames of this size; the mark shrinks with frames that are too small for it."""
    short = min(width, height)
    margin = round(MARGIN * short)
    size = max(MIN_HEIGHT, round(HEIGHT * short))
    size = max(1, min(size, height - 2 * margin, int((width - 2 * margin) / WIDTH)))
    halo = min(margin, math.ceil(2.5 * SHADE_REACH * size))
    columns, rows = min(math.ceil(WIDTH * size), width), size
    distances = _stroke_distances(np.arange(-halo, columns + halo), np.arange(-halo, rows + halo), size)
    minimum, maximum = _brightness_bounds(distances)
    return Watermark(max(0, height - margin - rows - halo), max(0, width - margin - columns - halo), minimum, maximum)


def _stroke_distances(columns: NDArray[np.int_], rows: NDArray[np.int_], size: int) -> NDArray[np.float32]:
    """Distance of each sample from the nearest stroke, in letter heights: [rows, _SAMPLES, columns, _SAMPLES]."""
    inside = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    x, y = (((pixels[:, None] + inside).ravel() / size).astype(np.float32) for pixels in (columns, rows))
    distances = np.full((len(y), len(x)), np.inf, np.float32)
    for start, strokes in ((0.0, LENS), *((_TEXT + at, strokes) for at, strokes in LETTERS)):
        for stroke in strokes:
            np.minimum(distances, stroke.distance_to(x[None] - np.float32(start), y[:, None]), out=distances)
    return distances.reshape(len(rows), _SAMPLES, len(columns), _SAMPLES)


def _brightness_bounds(distances: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Minimum and maximum brightness of pixels; at a stroke's edge light and shade mix in linear light."""
    covered = (distances <= 0).mean(axis=(1, 3))
    shade = np.exp(-np.square(np.maximum(distances, 0) / SHADE_REACH)).mean(axis=(1, 3))
    ground = ((255 - (255 - SHADE) * shade) / 255) ** _GAMMA
    minimum = LIGHT * covered ** (1 / _GAMMA)
    maximum = 255 * (covered + (1 - covered) * ground) ** (1 / _GAMMA)
    return tuple(np.rint(bound).astype(np.uint8)[:, :, None] for bound in (minimum, maximum))
