"""The shapes of things, as signed distances in radii: negative inside, positive outside.

A thing is drawn around (0, 0) with a radius of about 1; the second axis points down, as in pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.mini.dataset.arrays import FloatArray

Colour = tuple[int, int, int]
Shade = Colour | float  # a colour of its own, or how bright the thing's paint is
Layers = list[tuple[FloatArray, Shade]]  # (signed distance, shade), from back to front

PAINT: Final[Shade] = 1.0
RIM: Final[Shade] = 0.68
DARK: Final[Colour] = (28, 24, 34)
GLASS: Final[Colour] = (214, 232, 242)
BEAK: Final[Colour] = (250, 190, 90)
EDGE: Final = 0.09  # width of the rim, in radii
ATLAS: Final = 512  # texels a side of a stored shape
REACH: Final = 1.35  # how far from its middle a stored shape is known, in radii


@lru_cache
def shape_layers(thing: str) -> Layers:
    """Layers on a grid of `ATLAS` x `ATLAS` texels over -`REACH`..`REACH`, the rim first."""
    axis = ((np.arange(ATLAS, dtype=np.float32) + 0.5) / (ATLAS / 2) - 1) * REACH
    u, v = np.meshgrid(axis, axis)
    parts = SHAPES[thing](u, v)
    whole = np.minimum.reduce([distance for distance, _ in parts])
    return [(whole, RIM), *((distance + EDGE, colour) for distance, colour in parts)]


def texel_indices(offsets: NDArray[np.float64]) -> NDArray[np.int64]:
    """The texel of each offset from the middle, in radii."""
    return ((offsets / REACH + 1) * (ATLAS / 2)).astype(np.int64).clip(0, ATLAS - 1)


def _ball_layers(u: FloatArray, v: FloatArray) -> Layers:
    return [(np.hypot(u, v) - 1, PAINT)]


def _square_layers(u: FloatArray, v: FloatArray) -> Layers:
    return [(_box_distance(u, v, 0.88, 0.88), PAINT)]


def _star_layers(u: FloatArray, v: FloatArray) -> Layers:
    turn = -np.pi / 2 + np.arange(10) * np.pi / 5
    reach = np.where(np.arange(10) % 2 == 0, 1.15, 0.52)
    corners = [(float(x), float(y)) for x, y in zip(reach * np.cos(turn), reach * np.sin(turn), strict=True)]
    return [(_polygon_distance(u, v, corners), PAINT)]


def _triangle_layers(u: FloatArray, v: FloatArray) -> Layers:
    return [(_polygon_distance(u, v, [(0, -1.05), (1.05, 0.85), (-1.05, 0.85)]), PAINT)]


def _ring_layers(u: FloatArray, v: FloatArray) -> Layers:
    band = np.abs(np.hypot(u, v) - np.float32(0.74)) - np.float32(0.28)
    return [(band, PAINT)]


def _bird_layers(u: FloatArray, v: FloatArray) -> Layers:
    body = _ellipse_distance(u + 0.05, v - 0.2, 0.74, 0.46)
    head = np.hypot(u - 0.62, v + 0.28) - np.float32(0.36)
    tail = _polygon_distance(u, v, [(-0.5, 0.1), (-1.2, -0.22), (-1.12, 0.46)])
    beak = _polygon_distance(u, v, [(0.88, -0.46), (1.28, -0.24), (0.88, -0.1)])
    wing = _polygon_distance(u, v, [(0.3, 0.06), (-0.62, -0.98), (-0.46, 0.24)])
    eye = np.hypot(u - 0.7, v + 0.36) - np.float32(0.17)
    whole = np.minimum.reduce([body, head, tail, wing])
    return [(whole, PAINT), (beak, BEAK), (eye, DARK)]


def _car_layers(u: FloatArray, v: FloatArray) -> Layers:
    cabin = _polygon_distance(u, v, [(-0.75, -0.15), (-0.45, -0.72), (0.4, -0.72), (0.75, -0.15)])
    body = np.minimum(_box_distance(u, v - 0.12, 1.2, 0.34), cabin)
    wheels = np.minimum(np.hypot(u - 0.62, v - 0.5), np.hypot(u + 0.62, v - 0.5)) - 0.3
    window = _polygon_distance(u, v, [(-0.5, -0.16), (-0.32, -0.56), (0.28, -0.56), (0.5, -0.16)]) + 0.02
    return [(body, PAINT), (window, GLASS), (wheels, DARK)]


def _boat_layers(u: FloatArray, v: FloatArray) -> Layers:
    hull = _polygon_distance(u, v, [(-1.2, 0.3), (1.2, 0.3), (0.75, 0.9), (-0.75, 0.9)])
    sail = _polygon_distance(u, v, [(-0.1, -1.15), (0.85, 0.14), (-0.1, 0.14)])
    jib = _polygon_distance(u, v, [(-0.22, -0.8), (-0.22, 0.14), (-0.85, 0.14)])
    return [(hull, PAINT), (np.minimum(sail, jib), PAINT)]


SHAPES: Final[dict[str, Callable[[FloatArray, FloatArray], Layers]]] = {
    "ball": _ball_layers,
    "square": _square_layers,
    "star": _star_layers,
    "triangle": _triangle_layers,
    "ring": _ring_layers,
    "bird": _bird_layers,
    "car": _car_layers,
    "boat": _boat_layers,
}


def _box_distance(u: FloatArray, v: FloatArray, half_width: float, half_height: float) -> FloatArray:
    du, dv = np.abs(u) - half_width, np.abs(v) - half_height
    outside: FloatArray = np.hypot(np.maximum(du, 0), np.maximum(dv, 0))
    return outside + np.minimum(np.maximum(du, dv), 0)


def _ellipse_distance(u: FloatArray, v: FloatArray, across: float, down: float) -> FloatArray:
    """An approximate distance, exact on the ellipse itself."""
    away: FloatArray = np.hypot(u / across, v / down)
    slope = np.hypot(u / across**2, v / down**2)
    distance: FloatArray = away * (away - 1) / np.maximum(slope, 1e-6)
    return distance


def _polygon_distance(u: FloatArray, v: FloatArray, corners: list[tuple[float, float]]) -> FloatArray:
    """Signed distance to a polygon: the nearest edge, negative inside by counting crossings."""
    nearest = np.full_like(u, np.inf)
    inside = np.zeros(u.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        ex, ey = bx - ax, by - ay
        share = np.clip(((u - ax) * ex + (v - ay) * ey) / (ex * ex + ey * ey), 0, 1)
        nearest = np.minimum(nearest, np.hypot(u - ax - share * ex, v - ay - share * ey))
        crosses = (ay > v) != (by > v)
        inside ^= crosses & (u < ex * (v - ay) / (ey or 1e-9) + ax)
    return np.where(inside, -nearest, nearest).astype(np.float32)
