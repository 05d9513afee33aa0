"""The paths of a scene's things: position and size at every frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.mini.dataset.arrays import FloatArray
from engine.mini.dataset.scenes import SECONDS, Scene

ThingPath = tuple[FloatArray, FloatArray, FloatArray]
"""Centre of a thing (x, y in pixels) and its relative size, each [F]."""

GROWN: Final = 2.1  # relative size that a growing thing approaches
FADE: Final = 1.0  # seconds in which one time of day gives way to another


@dataclass(frozen=True, slots=True)
class MotionChange:
    """Up to and including `frame` the things have the motion `before`, and from then on that of their scene.

    With a `time` it is that time of day until then, and the scene's own follows within `FADE` seconds.
    """

    before: str
    frame: int
    time: str = ""


@dataclass(frozen=True, slots=True)
class MotionReturn:
    """From frame `leave` to frame `arrive` the things glide to their position at second `second` of their motion, and
    go on from there: as from the end of a loop to its beginning, or from one given image to another.
    """

    leave: int
    arrive: int
    second: float


def steady_path(scene: Scene, number: int, seconds: FloatArray, width: int, height: int) -> ThingPath:
    """Centre of a thing (x, y in pixels) and its relative size at each moment.

    Motions do not end: a thing that leaves the frame comes back in on the other side, and growth slows down.
    """
    along = seconds / SECONDS
    side = min(width, height)
    x: FloatArray = np.full_like(seconds, 0.5 + 0.1 * scene.x)
    y: FloatArray = np.full_like(seconds, 0.52 + 0.05 * scene.y)
    scale = np.ones_like(seconds)
    if scene.motion in {"left", "right"}:
        sign = 1 if scene.motion == "right" else -1
        x = _wrap_around(0.5 + sign * 0.56 * (along - 0.5) + 0.05 * scene.x, 1.3 * scene.radius * side / width)
    elif scene.motion in {"up", "down"}:
        sign = 1 if scene.motion == "down" else -1
        y = _wrap_around(0.5 + sign * 0.45 * (along - 0.5) + 0.02 * scene.y, 1.3 * scene.radius * side / height)
    elif scene.motion == "bouncing":
        # Half a sine in two seconds: eight frames up, eight frames down.
        floor = min(0.76, 0.98 - scene.radius * side / height)
        y = floor - 0.32 * np.abs(np.sin(np.float32(np.pi / 2) * seconds))
    elif scene.motion == "circling":
        turn, reach = 2 * np.pi * along, side * (0.16 if scene.second else 0.2)
        x = x + reach / width * np.sin(turn)
        y = 0.5 + 0.02 * scene.y - reach / height * np.cos(turn)
    elif scene.motion == "growing":
        scale = (0.5 + (GROWN - 0.5) * (1 - np.exp(-seconds / 4))).astype(np.float32)
    if scene.second:
        x, y = _keep_apart(scene, number, x, y)
    return x * width, y * height, scale


def thing_path(
    scene: Scene, turn: MotionChange | MotionReturn | None, number: int, seconds: FloatArray, width: int, height: int
) -> ThingPath:
    match turn:
        case MotionChange():
            return _path_with_change(scene, turn, number, seconds, width, height)
        case MotionReturn():
            return _path_with_glide(scene, turn, number, seconds, width, height)
        case None:
            return steady_path(scene, number, seconds, width, height)


def _path_with_glide(
    scene: Scene, turn: MotionReturn, number: int, seconds: FloatArray, width: int, height: int
) -> ThingPath:
    """The path of a thing that glides from one moment of its motion to another: straight, slow at both ends."""
    frames = np.arange(len(seconds), dtype=np.float32)
    along = ((frames - turn.leave) / (turn.arrive - turn.leave)).clip(0, 1)
    gone = along * along * (3 - 2 * along)
    later = turn.second + (frames - turn.arrive) * (seconds[1] - seconds[0])
    leaving = steady_path(scene, number, np.minimum(seconds, seconds[turn.leave]), width, height)
    coming = steady_path(scene, number, np.maximum(later, np.float32(turn.second)), width, height)
    x, y, scale = (before + gone * (behind - before) for before, behind in zip(leaving, coming, strict=True))
    return x, y, scale


def _path_with_change(
    scene: Scene, turn: MotionChange, number: int, seconds: FloatArray, width: int, height: int
) -> ThingPath:
    """The path of a thing that changes its motion at a frame, without a jump in position or size.

    Motions across and rest go on from the position at that frame; bouncing and circling reach their own path within a
    second.
    """
    first, later = seconds[: turn.frame + 1], seconds[turn.frame :] - seconds[turn.frame]
    x, y, scale = steady_path(replace(scene, motion=turn.before), number, first, width, height)
    then_x, then_y, then_scale = steady_path(scene, number, later, width, height)
    off_x, off_y = x[-1] - then_x[0], y[-1] - then_y[0]
    reach = 1.3 * scale[-1] * scene.radius * min(width, height)
    if scene.motion in {"bouncing", "circling"}:
        settling = np.minimum(later, 1)
        left = 1 - settling * settling * (3 - 2 * settling)
        off_x, off_y = off_x * (left if scene.motion == "circling" else 1), off_y * left
    then_x, then_y = then_x + off_x, then_y + off_y
    if scene.motion in {"left", "right"}:
        then_x = width * _wrap_around(then_x / width, reach / width)
    elif scene.motion in {"up", "down"}:
        then_y = height * _wrap_around(then_y / height, reach / height)
    grown = then_scale - then_scale[0]
    then_scale = scale[-1] + grown / (GROWN - then_scale[0]) * max(GROWN - scale[-1], 0)
    return (
        np.concatenate([x, then_x[1:]]),
        np.concatenate([y, then_y[1:]]),
        np.concatenate([scale, then_scale[1:]]),
    )


def time_change(turn: MotionChange, frames: int, fps: float) -> FloatArray:
    """The share of the scene's own time of day in each frame, 0 to 1."""
    passed: FloatArray = ((np.arange(frames, dtype=np.float32) - turn.frame) / np.float32(FADE * fps)).clip(0, 1)
    return passed


def leftward_frames(scene: Scene, turn: MotionChange | MotionReturn | None, frames: int) -> NDArray[np.bool_]:
    """The frames in which the things face left."""
    facing = np.full(frames, scene.motion == "left")
    if isinstance(turn, MotionChange):
        facing[: turn.frame + 1] = turn.before == "left"
    return facing


def _wrap_around(position: FloatArray, margin: float) -> FloatArray:
    """Positions wrapped from one side to the other; `margin` is the distance at which a thing is out of sight."""
    wrapped: FloatArray = (position + margin) % (1 + 2 * margin) - margin
    return wrapped


def _keep_apart(scene: Scene, number: int, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Positions that keep two things apart: the first above the second, or to its left."""
    side = 1 if number else -1
    if scene.motion in {"left", "right"}:
        return x, y + side * np.float32(0.255)
    return 0.5 + 0.5 * (x - 0.5) + side * np.float32(0.25), y
