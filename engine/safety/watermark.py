"""The visible mark: a viewer's lens and the name, drawn into the lower right corner of frames.

It knows its own shapes and bytes to draw on. Who is marked, and when, is not its business: that is the gate's,
`engine.safety.output_gate`.

A mark says of each of its pixels how bright it must be at least and how bright it may be at most: light strokes, and a
soft shade around them that keeps them apart from a bright ground. So what is marked already stays as it is, to the bit:
a film that is made from a marked one shows one mark and not two, which blending would not give.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

HEIGHT: Final = 0.042
"""Of the letters with ascenders, in the frame's shorter side."""
LEAST: Final = 14
"""Pixels under which that height does not fall: smaller letters cannot be read once they went through a codec."""
MARGIN: Final = 0.05
"""Between the letters and the frame's edges, in its shorter side: players cut and round corners."""
LIGHT: Final = 236
"""How bright strokes are at least, of 255; on what is brighter they take its colour, as a thin white film would."""
SHADE: Final = 104
"""How bright what touches a stroke is at most, of 255."""
SHADE_REACH: Final = 0.16
"""Heights from a stroke at which most of its shade is gone."""

_STROKE: Final = 0.062  # half a stroke's width
_SAMPLES: Final = 5  # looks at each pixel, across and down
_GAMMA: Final = 2.2  # a pixel half covered gives half the light, which is more than half the number


@dataclass(frozen=True, slots=True)
class Line:
    """From one point to another; a point is a dot. Numbers are in heights, y from ascender (0) down to baseline (1)."""

    x: float
    y: float
    to_x: float
    to_y: float
    half: float = _STROKE

    def away(self, x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
        """How far points are from its edge; less than 0 within it."""
        across, down = self.to_x - self.x, self.to_y - self.y
        along = ((x - self.x) * across + (y - self.y) * down) / max(across**2 + down**2, 1e-9)
        near = np.clip(along, 0, 1)
        away = np.hypot(x - self.x - near * across, y - self.y - near * down)
        return np.asarray(away - self.half, np.float32)


@dataclass(frozen=True, slots=True)
class Arc:
    """About a centre, from one angle to another in degrees, clockwise from the right."""

    x: float
    y: float
    radius: float
    start: float = 0
    stop: float = 360
    half: float = _STROKE

    def away(self, x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
        """As a Line's."""
        across, down = x - self.x, y - self.y
        turned = (np.degrees(np.arctan2(down, across)) - self.start) % 360
        ends = [np.hypot(across - self.radius * math.cos(a), down - self.radius * math.sin(a)) for a in self._ends()]
        ring = np.abs(np.hypot(across, down) - self.radius)
        away = np.where(turned <= self.stop - self.start, ring, np.minimum(*ends))
        return np.asarray(away - self.half, np.float32)

    def _ends(self) -> tuple[float, float]:
        return math.radians(self.start), math.radians(self.stop)


Stroke: TypeAlias = Line | Arc

_X: Final = 0.385  # where small letters begin, at the middle of the stroke
_BASE: Final = 1 - _STROKE
_BOWL: Final = (_BASE - _X) / 2
_SHOULDER: Final = 0.235  # the arch of n and r

LENS: Final[tuple[Stroke, ...]] = (
    Arc(0.5, 0.5, 0.5 - _STROKE),
    Line(0.5, 0.5, 0.5, 0.5, 0.17),
)
LETTERS: Final[tuple[tuple[float, tuple[Stroke, ...]], ...]] = (
    (0.0, (Line(0, _STROKE, 0, _BASE), Line(0.34, _X, 0, 0.70), Line(0.115, 0.60, 0.37, _BASE))),
    (0.58, (Line(0, _X, 0, _BASE), Line(0, 0.13, 0, 0.13, 0.085))),
    (
        0.83,
        (
            Line(0, _X, 0, _BASE),
            Arc(_SHOULDER, _X + _SHOULDER, _SHOULDER, 180, 360),
            Line(2 * _SHOULDER, _X + _SHOULDER, 2 * _SHOULDER, _BASE),
        ),
    ),
    (1.52, (Arc(_BOWL, _X + _BOWL, _BOWL),)),
    (2.31, (Line(0, _X, 0, _BASE), Arc(_SHOULDER, _X + _SHOULDER, _SHOULDER, 180, 300))),
    (2.80, (Arc(_BOWL, _X + _BOWL, _BOWL), Line(2 * _BOWL, _X, 2 * _BOWL, _BASE))),
)
"""kinora: where each letter begins behind the lens, and its strokes from there."""

_TEXT: Final = 1.36  # where the first letter begins
WIDTH: Final = _TEXT + LETTERS[-1][0] + 2 * _BOWL + _STROKE
"""Of lens and letters, in heights."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """A mark for frames of one size: its corner, and what its pixels [h, w, 1] must be at least and at most."""

    top: int
    left: int
    min_brightness: NDArray[np.uint8]
    max_brightness: NDArray[np.uint8]

    def draw_on(self, frames: NDArray[np.uint8]) -> None:
        """Draw into frames [F, H, W, 3], which the caller owns: no other pixel is read or written."""
        height, width, _ = self.min_brightness.shape
        corner = frames[:, self.top : self.top + height, self.left : self.left + width]
        red, green, blue = (corner[..., colour, None] for colour in range(3))  # 20 times faster than `max` over them
        bright = np.maximum(np.maximum(np.maximum(red, green), blue), self.max_brightness)
        shaded = (
            corner * self.max_brightness.astype(np.uint16) // bright
        )  # all colours alike, so that a blue stays blue
        np.maximum(shaded, self.min_brightness, out=corner, casting="unsafe")  # within 255 by construction


@lru_cache(maxsize=16)
def make_watermark(width: int, height: int) -> Watermark:
    """The mark for frames of this size: always the same. Where the frame is too small for it, so is the mark."""
    short = min(width, height)
    margin = round(MARGIN * short)
    size = max(LEAST, round(HEIGHT * short))
    size = max(1, min(size, height - 2 * margin, int((width - 2 * margin) / WIDTH)))
    halo = min(margin, math.ceil(2.5 * SHADE_REACH * size))
    columns, rows = min(math.ceil(WIDTH * size), width), size
    away = _away(np.arange(-halo, columns + halo), np.arange(-halo, rows + halo), size)
    least, most = _bounds(away)
    return Watermark(max(0, height - margin - rows - halo), max(0, width - margin - columns - halo), least, most)


def _away(columns: NDArray[np.int_], rows: NDArray[np.int_], size: int) -> NDArray[np.float32]:
    """How far each sample is from the nearest stroke, in heights: [rows, _SAMPLES, columns, _SAMPLES]."""
    inside = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    x, y = (((pixels[:, None] + inside).ravel() / size).astype(np.float32) for pixels in (columns, rows))
    away = np.full((len(y), len(x)), np.inf, np.float32)
    for start, strokes in ((0.0, LENS), *((_TEXT + at, strokes) for at, strokes in LETTERS)):
        for stroke in strokes:
            np.minimum(away, stroke.away(x[None] - np.float32(start), y[:, None]), out=away)
    return away.reshape(len(rows), _SAMPLES, len(columns), _SAMPLES)


def _bounds(away: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """What pixels must be at least and at most: a stroke's edge is light and shade, mixed as light is."""
    covered = (away <= 0).mean(axis=(1, 3))
    shade = np.exp(-np.square(np.maximum(away, 0) / SHADE_REACH)).mean(axis=(1, 3))
    ground = ((255 - (255 - SHADE) * shade) / 255) ** _GAMMA
    least = LIGHT * covered ** (1 / _GAMMA)
    most = 255 * (covered + (1 - covered) * ground) ** (1 / _GAMMA)
    return tuple(np.rint(bound).astype(np.uint8)[:, :, None] for bound in (least, most))
