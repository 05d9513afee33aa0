"""What stands behind a thing: a sky for the time of day, and the ground of a place, lit by that sky."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Colour = tuple[int, int, int]
Layers = list[tuple[Floats, Colour]]  # (cover 0..1, colour), from far to near

SKIES: Final = {  # colour overhead, colour at the horizon
    "day": ((74, 152, 236), (186, 222, 250)),
    "sunset": ((214, 88, 86), (255, 196, 112)),
    "night": ((10, 14, 42), (36, 44, 92)),
}
LIGHT: Final = {"day": (1.0, 1.0, 1.0), "sunset": (0.96, 0.74, 0.64), "night": (0.34, 0.38, 0.56)}
LAMPS: Final = {"day": (255, 244, 176), "sunset": (255, 232, 150), "night": (226, 230, 240)}  # sun and moon
STAR: Final[Colour] = (236, 236, 220)


@dataclass(frozen=True, slots=True)
class Canvas:
    """Where each pixel is: `x` and `y` (height, width) as shares of the picture."""

    x: Floats
    y: Floats

    @property
    def aspect(self) -> float:
        return float(self.x.shape[1] / self.x.shape[0])

    def below(self, ridge: Floats | float) -> Floats:
        """Cover of all that lies below a ridge, which is a share of the height, with a soft edge of a pixel."""
        cover: Floats = np.clip((self.y - ridge) * self.x.shape[0] + 0.5, 0, 1).astype(np.float32)
        return cover

    def disc(self, x: float, y: float, radius: float) -> Floats:
        """Cover of a disc; its radius is a share of the height."""
        away = np.hypot((self.x - x) * self.aspect, self.y - y)
        cover: Floats = np.clip((radius - away) * self.x.shape[0] + 0.5, 0, 1).astype(np.float32)
        return cover


def paint(place: str, time: str, seed: int, width: int, height: int) -> Floats:
    """The still picture behind the thing, float32 (height, width, 3) in 0..255."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    canvas = Canvas((x + 0.5) / width, (y + 0.5) / height)
    picture = _sky(time, canvas, rng)
    light = np.array(LIGHT[time], np.float32)
    for cover, colour in GROUNDS[place](canvas, rng):
        picture = _over(picture, np.array(colour, np.float32) * light, cover)
    return picture


def _sky(time: str, canvas: Canvas, rng: np.random.Generator) -> Floats:
    top, horizon = (np.array(c, np.float32) for c in SKIES[time])
    blend = np.clip(canvas.y / 0.65, 0, 1)[..., None]
    picture = (top * (1 - blend) + horizon * blend).astype(np.float32)
    y, radius = (0.5, 0.12) if time == "sunset" else (0.14, 0.07)
    picture = _over(picture, LAMPS[time], canvas.disc(rng.uniform(0.1, 0.9), y, radius))
    for _ in range(6 if time == "night" else 0):
        star = canvas.disc(rng.uniform(0, 1), rng.uniform(0.02, 0.5), 1.3 / canvas.x.shape[0])
        picture = _over(picture, STAR, star)
    return picture


def _wave(canvas: Canvas, turns: float, phase: float) -> Floats:
    wave: Floats = np.sin(canvas.x * turns * 2 * np.pi + phase).astype(np.float32)
    return wave


def _hills(canvas: Canvas, rng: np.random.Generator) -> Layers:
    phase = rng.uniform(0, 2 * np.pi)
    return [
        (canvas.below(0.6 + 0.07 * _wave(canvas, 1.2, phase)), (142, 190, 104)),
        (canvas.below(0.76 + 0.06 * _wave(canvas, 0.9, phase + 2)), (106, 168, 84)),
    ]


def _sea(canvas: Canvas, rng: np.random.Generator) -> Layers:
    rows = canvas.y * canvas.x.shape[0]
    swell = np.sin(rows * 0.55) * 4 - 3 + _wave(canvas, 3, rng.uniform(0, 2 * np.pi))
    water = canvas.below(0.62)
    return [(water, (52, 122, 176)), ((np.clip(swell, 0, 1) * water * 0.5).astype(np.float32), (150, 196, 222))]


def _desert(canvas: Canvas, rng: np.random.Generator) -> Layers:
    phase = rng.uniform(0, 2 * np.pi)
    return [
        (canvas.below(0.62 + 0.05 * _wave(canvas, 0.7, phase)), (232, 200, 134)),
        (canvas.below(0.78 + 0.05 * _wave(canvas, 0.6, phase + 1.5)), (214, 174, 106)),
    ]


def _city(canvas: Canvas, rng: np.random.Generator) -> Layers:
    towers = rng.uniform(0.3, 0.58, size=6)
    roofs = towers[np.minimum((canvas.x * 6).astype(int), 5)].astype(np.float32)
    windows = (np.sin(canvas.x * 12 * 2 * np.pi - 1.5) > 0.5) * canvas.below(roofs + 0.08) * 0.5
    return [
        (canvas.below(roofs), (120, 126, 146)),
        (windows.astype(np.float32), (238, 222, 160)),
        (canvas.below(0.78), (92, 94, 104)),
        (canvas.below(0.9), (70, 70, 80)),
    ]


def _plain(canvas: Canvas, _rng: np.random.Generator) -> Layers:
    return [
        (canvas.below(0.66), (196, 196, 108)),
        (canvas.below(0.82), (170, 158, 84)),
        (canvas.below(0.88), (150, 116, 80)),
    ]


def _snow(canvas: Canvas, rng: np.random.Generator) -> Layers:
    slope = canvas.below((0.36 + 0.9 * np.abs(canvas.x - rng.uniform(0.25, 0.75))).astype(np.float32))
    return [
        (slope, (150, 166, 192)),
        (slope * (1 - canvas.below(0.5)), (236, 242, 250)),
        (canvas.below(0.66), (226, 234, 244)),
        (canvas.below(0.82), (206, 218, 234)),
    ]


GROUNDS: Final[dict[str, Callable[[Canvas, np.random.Generator], Layers]]] = {
    "hills": _hills,
    "sea": _sea,
    "desert": _desert,
    "city": _city,
    "plain": _plain,
    "snow": _snow,
}


def _over(picture: Floats, colour: Floats | Colour, cover: Floats) -> Floats:
    cover = cover[..., None]
    mixed: Floats = (picture * (1 - cover) + np.asarray(colour, np.float32) * cover).astype(np.float32)
    return mixed
