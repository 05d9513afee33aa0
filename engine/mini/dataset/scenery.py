"""Paints the scenery behind the things: a sky for the time of day, and the ground of a place, lit by that sky."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from engine.mini.dataset.arrays import FloatArray

Colour = tuple[int, int, int]
Layers = list[tuple[FloatArray, Colour]]  # (cover 0..1, colour), from far to near

SKIES: Final = {  # colour overhead, colour at the horizon
    "day": ((96, 170, 244), (190, 224, 250)),
    "sunset": ((208, 108, 100), (255, 198, 124)),
    "night": ((12, 16, 46), (38, 46, 94)),
}
LIGHT: Final = {"day": (1.0, 1.0, 1.0), "sunset": (0.96, 0.76, 0.68), "night": (0.34, 0.38, 0.54)}
LAMPS: Final = {"day": (255, 244, 186), "sunset": (255, 234, 160), "night": (226, 230, 240)}  # sun and moon
CLOUDS: Final = {"day": (236, 242, 250), "sunset": (246, 186, 160), "night": (64, 70, 104)}
STAR: Final[Colour] = (236, 236, 220)
DROPS: Final[Colour] = (214, 226, 244)
PUFFS: Final = ((-0.1, 0.02, 0.06), (0.0, -0.01, 0.085), (0.1, 0.02, 0.065))  # of a cloud: x, y, radius


@dataclass(frozen=True, slots=True)
class Canvas:
    """The position of each pixel: `x` and `y` [H, W] as shares of width and height."""

    x: FloatArray
    y: FloatArray

    @property
    def aspect_ratio(self) -> float:
        return float(self.x.shape[1] / self.x.shape[0])

    def cover_below(self, ridge: FloatArray | float) -> FloatArray:
        """Coverage of the area below a ridge, which is a share of the height, with an edge of one pixel."""
        cover: FloatArray = np.clip((self.y - ridge) * self.x.shape[0] + 0.5, 0, 1).astype(np.float32)
        return cover

    def cover_disc(self, x: float, y: float, radius: float) -> FloatArray:
        """Coverage of a disc; its radius is a share of the height."""
        away = np.hypot((self.x - x) * self.aspect_ratio, self.y - y)
        cover: FloatArray = np.clip((radius - away) * self.x.shape[0] + 0.5, 0, 1).astype(np.float32)
        return cover


def paint_scenery(place: str, time: str, seed: int, width: int, height: int, *, clouds: bool = False) -> FloatArray:
    """The static scenery behind the things, float32 [H, W, 3] in 0..255."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    canvas = Canvas((x + 0.5) / width, (y + 0.5) / height)
    picture = _paint_cloudy_sky(time, canvas, rng) if clouds else _paint_clear_sky(time, canvas, rng)
    light = np.array(LIGHT[time], np.float32)
    for cover, colour in GROUNDS[place](canvas, rng):
        picture = _blend_over(picture, np.array(colour, np.float32) * light, cover)
    return picture


def rain_period(fps: float) -> int:
    """Frames after which the rain repeats: half a second of 8 a second, a third of a second of 24. Eight frames are a
    whole number of periods, so that the rain is the same in every latent.
    """
    return 4 if fps < 16 else 8


@lru_cache
def rain_cover(width: int, height: int, period: int) -> FloatArray:
    """Coverage of the streaks, [period, height, width]: they fall by their spacing in a period."""
    unit = max(1, round(min(width, height) / 96))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / unit
    across = (x + y / 4) % 32
    frames = []
    for frame in range(period):
        down = (y - frame * 32 / period) % 32
        streaks = [
            np.clip(1.6 - np.abs(across - u), 0, 1) * np.clip(6 - np.abs((down - v + 16) % 32 - 16), 0, 1)
            for u, v in ((5, 4), (16, 20), (27, 11))
        ]
        frames.append(0.45 * np.maximum.reduce(streaks))
    return np.array(frames, np.float32)


def _paint_sky(time: str, canvas: Canvas) -> FloatArray:
    top, horizon = (np.array(c, np.float32) for c in SKIES[time])
    blend = np.clip(canvas.y / 0.65, 0, 1)[..., None]
    sky: FloatArray = (top * (1 - blend) + horizon * blend).astype(np.float32)
    return sky


def _paint_clear_sky(time: str, canvas: Canvas, rng: np.random.Generator) -> FloatArray:
    """Sun or moon, and stars at night."""
    picture = _paint_sky(time, canvas)
    y, radius = (0.5, 0.12) if time == "sunset" else (0.14, 0.075)
    picture = _blend_over(picture, LAMPS[time], canvas.cover_disc(rng.uniform(0.1, 0.9), y, radius))
    for column in range(5 if time == "night" else 0):
        star = canvas.cover_disc((column + rng.uniform(0.2, 0.8)) / 5, rng.uniform(0.04, 0.4), 0.016)
        picture = _blend_over(picture, STAR, star)
    return picture


def _paint_cloudy_sky(time: str, canvas: Canvas, rng: np.random.Generator) -> FloatArray:
    """A few bright clouds in the sky of that time of day."""
    picture = _paint_sky(time, canvas)
    for third in range(3):
        x, y = (third + rng.uniform(0.3, 0.7)) / 3, rng.uniform(0.1, 0.2)
        puffs = [canvas.cover_disc(x + dx / canvas.aspect_ratio, y + dy, r) for dx, dy, r in PUFFS]
        picture = _blend_over(picture, CLOUDS[time], np.maximum.reduce(puffs))
    return picture


def _wave_height(canvas: Canvas, turns: float, phase: float) -> FloatArray:
    wave: FloatArray = np.sin(canvas.x * turns * 2 * np.pi + phase).astype(np.float32)
    return wave


def _hills_layers(canvas: Canvas, rng: np.random.Generator) -> Layers:
    phase = rng.uniform(0, 2 * np.pi)
    return [
        (canvas.cover_below(0.6 + 0.07 * _wave_height(canvas, 1.2, phase)), (150, 192, 114)),
        (canvas.cover_below(0.76 + 0.06 * _wave_height(canvas, 0.9, phase + 2)), (112, 166, 92)),
    ]


def _sea_layers(canvas: Canvas, rng: np.random.Generator) -> Layers:
    crests = canvas.y * 53 * max(1.0, 1 / canvas.aspect_ratio)
    swell = np.sin(crests) * 4 - 3 + _wave_height(canvas, 3, rng.uniform(0, 2 * np.pi))
    water = canvas.cover_below(0.62)
    return [(water, (92, 146, 182)), ((np.clip(swell, 0, 1) * water * 0.5).astype(np.float32), (166, 204, 226))]


def _desert_layers(canvas: Canvas, rng: np.random.Generator) -> Layers:
    phase = rng.uniform(0, 2 * np.pi)
    return [
        (canvas.cover_below(0.62 + 0.05 * _wave_height(canvas, 0.7, phase)), (232, 200, 134)),
        (canvas.cover_below(0.78 + 0.05 * _wave_height(canvas, 0.6, phase + 1.5)), (214, 174, 106)),
    ]


def _city_layers(canvas: Canvas, rng: np.random.Generator) -> Layers:
    """Five towers with two columns of windows each, and a street."""
    towers = rng.uniform(0.3, 0.56, size=5)
    column = canvas.x * 5
    roofs = towers[np.minimum(column.astype(int), 4)].astype(np.float32)
    gap = np.abs(column % 1 - 0.5)
    lit = (np.abs(gap - 0.2) < 0.09) * (np.abs(canvas.y * 7 % 1 - 0.5) < 0.24) * canvas.cover_below(roofs + 0.05)
    return [
        (canvas.cover_below(roofs) * (gap < 0.45), (124, 130, 150)),
        (lit.astype(np.float32), (238, 222, 170)),
        (canvas.cover_below(0.78), (96, 98, 108)),
        (canvas.cover_below(0.9), (74, 74, 84)),
    ]


def _plain_layers(canvas: Canvas, _rng: np.random.Generator) -> Layers:
    return [
        (canvas.cover_below(0.66), (196, 194, 116)),
        (canvas.cover_below(0.82), (176, 164, 100)),
        (canvas.cover_below(0.88), (150, 122, 92)),
    ]


def _snow_layers(canvas: Canvas, rng: np.random.Generator) -> Layers:
    slope = canvas.cover_below((0.36 + 0.9 * np.abs(canvas.x - rng.uniform(0.25, 0.75))).astype(np.float32))
    return [
        (slope, (150, 166, 192)),
        (slope * (1 - canvas.cover_below(0.5)), (236, 242, 250)),
        (canvas.cover_below(0.66), (226, 234, 244)),
        (canvas.cover_below(0.82), (206, 218, 234)),
    ]


GROUNDS: Final[dict[str, Callable[[Canvas, np.random.Generator], Layers]]] = {
    "hills": _hills_layers,
    "sea": _sea_layers,
    "desert": _desert_layers,
    "city": _city_layers,
    "plain": _plain_layers,
    "snow": _snow_layers,
}


def _blend_over(picture: FloatArray, colour: FloatArray | Colour, cover: FloatArray) -> FloatArray:
    cover = cover[..., None]
    mixed: FloatArray = (picture * (1 - cover) + np.asarray(colour, np.float32) * cover).astype(np.float32)
    return mixed
