"""Renders scenes with numpy: frames, and the ground truth of where the things are.

Everything is painted from signed distances, so edges are anti-aliased at any size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.mini.dataset.arrays import ByteArray, FloatArray
from engine.mini.dataset.motion import MotionChange, MotionReturn, leftward_frames, thing_path, time_change
from engine.mini.dataset.scenery import DROPS, paint_scenery, rain_cover, rain_period
from engine.mini.dataset.scenes import FPS, FRAMES, Scene
from engine.mini.dataset.shapes import REACH, Shade, shape_layers, texel_indices

# Hues in the middle of what people call by the name, saturated, and never darkened by the hour.
PAINT: Final[dict[str, tuple[int, int, int]]] = {
    "red": (226, 28, 34),
    "orange": (250, 130, 16),
    "yellow": (252, 226, 30),
    "green": (28, 164, 44),
    "blue": (34, 76, 222),
    "purple": (138, 44, 200),
    "pink": (246, 76, 172),
    "white": (250, 250, 250),
    "turquoise": (20, 196, 196),
}


@dataclass(frozen=True, slots=True)
class RenderedClip:
    """`frames` is uint8 [F, H, W, 3]; `mask` float32 [F, H, W] is the coverage of the things; `centres` float32
    [things, F, 2] are their centres as shares (x, y) of width and height.
    """

    frames: ByteArray
    mask: FloatArray
    centres: FloatArray


def render_clip(
    scene: Scene,
    *,
    width: int = 160,
    height: int = 96,
    frames: int = FRAMES,
    fps: float = FPS,
    start: float = 0,
    turn: MotionChange | MotionReturn | None = None,
) -> RenderedClip:
    """Paint `frames` frames of the scene at `fps` from second `start`, each `width` by `height` pixels."""
    seconds = start + np.arange(frames, dtype=np.float32) / fps
    picture = np.repeat(paint_background(scene, width, height)[None], frames, axis=0)
    if isinstance(turn, MotionChange) and turn.time:
        earlier = paint_background(replace(scene, time=turn.time), width, height)
        picture += (earlier - picture) * (1 - time_change(turn, frames, fps))[:, None, None, None]
    mask = np.zeros((frames, height, width), np.float32)
    centres = []
    kinds = [(scene.thing, scene.colour)] + ([scene.second] if scene.second else [])
    for number, (thing, colour) in enumerate(kinds):
        x, y, scale = thing_path(scene, turn, number, seconds, width, height)
        radius = scale * scene.radius * min(width, height)
        _paint_thing(picture, mask, (thing, colour), x, y, radius, mirrored=leftward_frames(scene, turn, frames))
        centres.append(np.stack([x / width, y / height], axis=1))
    if scene.rain:
        _paint_rain(picture, rain_period(fps))
    return RenderedClip(
        frames=(picture + 0.5).clip(0, 255).astype(np.uint8),
        mask=mask,
        centres=np.array(centres, np.float32),
    )


def paint_background(scene: Scene, width: int, height: int) -> FloatArray:
    """The static scenery behind the things, float32 [H, W, 3] in 0..255, without the rain."""
    return paint_scenery(scene.place, scene.time, scene.seed, width, height, clouds=scene.rain)


def _paint_thing(
    picture: FloatArray,
    mask: FloatArray,
    kind: tuple[str, str],
    x: FloatArray,
    y: FloatArray,
    radius: FloatArray,
    *,
    mirrored: NDArray[np.bool_],
) -> None:
    """Paint a thing of a kind (thing, colour) into every frame of `picture`, and its coverage into `mask`, in place."""
    frames, height, width, _ = picture.shape
    layers = [(distance, _layer_colour(shade, kind[1])) for distance, shade in shape_layers(kind[0])]
    for i in range(frames):
        reach = radius[i] * REACH
        top, left = max(int(y[i] - reach), 0), max(int(x[i] - reach), 0)
        bottom, right = min(int(y[i] + reach) + 2, height), min(int(x[i] + reach) + 2, width)
        if top >= bottom or left >= right:
            continue
        rows = texel_indices((np.arange(top, bottom) + 0.5 - y[i]) / radius[i])
        cols = texel_indices((np.arange(left, right) + 0.5 - x[i]) / radius[i])
        patch = picture[i, top:bottom, left:right]
        for depth, (distance, shade) in enumerate(layers):
            facing = distance[:, ::-1] if mirrored[i] else distance
            cover = np.clip(0.5 - facing[rows[:, None], cols] * radius[i], 0, 1)
            patch += (shade - patch) * cover[..., None]
            if depth == 0:
                seen = mask[i, top:bottom, left:right]
                np.maximum(seen, cover, out=seen)


def _layer_colour(shade: Shade, colour: str) -> FloatArray:
    """The colour of a layer: its own, or the thing's paint times a brightness."""
    paint = np.multiply(PAINT[colour], shade) if isinstance(shade, float) else np.array(shade)
    mixed: FloatArray = paint.astype(np.float32)
    return mixed


def _paint_rain(picture: FloatArray, period: int) -> None:
    """Paint slanting streaks over everything, in place; they repeat every `period` frames."""
    frames, height, width, _ = picture.shape
    cover = rain_cover(width, height, period)
    for i in range(frames):
        picture[i] += (np.array(DROPS, np.float32) - picture[i]) * cover[i % period, ..., None]
