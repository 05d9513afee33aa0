"""Says what a clip shows by plain image analysis: the thing's colour, shape and motion, the place, the time.

No learnt model looks at the pixels. Colours are told by the nearest paint, motions by the path of the
thing's middle, shapes by overlap with drawn ones, scenery by the nearest drawn scenery. How well it judges
is itself measured, on drawn clips (evaluate.py prints that ceiling beside every figure).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.mini import world
from engine.mini.things import OUTLINE
from engine.mini.world import COLOURS, PAINT, PLACES, THINGS, TIMES, Scene

NIGHT_SHADE: Final = 0.9
LEAST: Final = 0.006  # share of the picture the thing must cover to count as there
GRID: Final = 24  # cells a side of a shape that is compared


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was seen, in the world's words; "" where there was nothing to see. `flicker` is the mean change of
    the scenery from frame to frame, in levels of 255.
    """

    thing: str
    colour: str
    motion: str
    place: str
    time: str
    flicker: float


def judge(frames: world.Bytes) -> Verdict:
    """Judge a clip of uint8 (frames, height, width, 3)."""
    place, time = scenery(np.median(frames[::4], axis=0))
    colour, masks = thing_pixels(frames, place, time)
    return Verdict(
        thing=shape(masks) if colour else "",
        colour=colour,
        motion=motion(masks) if colour else "",
        place=place,
        time=time,
        flicker=flicker(frames, masks),
    )


# --- scenery --------------------------------------------------------------------------------------------


def scenery(picture: NDArray[np.floating]) -> tuple[str, str]:
    """(place, time) of the drawn scenery most like this picture (height, width, 3)."""
    height, width, _ = picture.shape
    names, examples = _sceneries(width, height)
    distances = np.abs(examples - _small(picture.astype(np.float32))).mean(axis=(1, 2, 3))
    return names[int(distances.argmin())]


@lru_cache
def _sceneries(width: int, height: int) -> tuple[list[tuple[str, str]], world.Floats]:
    scenes = [
        Scene("ball", "red", "still", place, time, seed=seed)
        for place in PLACES
        for time in TIMES
        for seed in range(24)
    ]
    pictures = np.stack([_small(world.scenery(scene, width, height)) for scene in scenes])
    return [(scene.place, scene.time) for scene in scenes], pictures


def _small(picture: world.Floats) -> world.Floats:
    height, width, _ = picture.shape
    small: world.Floats = picture.reshape(height // 8, 8, width // 8, 8, 3).mean(axis=(1, 3))
    return small


# --- the thing ------------------------------------------------------------------------------------------


def thing_pixels(frames: world.Bytes, place: str, time: str) -> tuple[str, NDArray[np.bool_]]:
    """The thing's colour ("" if there is none) and which pixels it covers, bool (frames, height, width).

    Each pixel goes to the nearest of the paints and of the colours that this scenery has; the paint with the
    most pixels wins.
    """
    shade = NIGHT_SHADE if time == "night" else 1.0
    paints = np.array([PAINT[name] for name in COLOURS], np.float32) * shade
    palette = np.concatenate([paints, _scenery_colours(place, time), np.array([OUTLINE], np.float32)])
    pixels = frames.reshape(-1, 3).astype(np.float32)
    nearest = (palette**2).sum(1) - 2 * pixels @ palette.T
    kinds = nearest.argmin(1).reshape(frames.shape[:3])
    counts = np.array([(kinds == i).mean() for i in range(len(COLOURS))])
    best = int(counts.argmax())
    if counts[best] < LEAST:
        return "", np.zeros(frames.shape[:3], bool)
    return COLOURS[best], kinds == best


@lru_cache
def _scenery_colours(place: str, time: str) -> world.Floats:
    """About two dozen colours that scenery of this kind is made of."""
    scene = Scene("ball", "red", "still", place, time)
    pixels = np.concatenate([world.scenery(replace(scene, seed=s), 80, 48).reshape(-1, 3) for s in range(4)])
    return np.unique(np.round(pixels / 16) * 16, axis=0).astype(np.float32)


def motion(masks: NDArray[np.bool_]) -> str:
    """The motion of the thing whose pixels these are, from the path of its middle and its area."""
    height, width = masks.shape[1:]
    areas = masks.sum(axis=(1, 2)).astype(float)
    seen = areas > max(12.0, 0.15 * float(np.median(areas)))
    if seen.sum() < len(masks) * 0.6:
        return ""
    side = min(height, width)
    y, x = np.array([np.argwhere(mask).mean(axis=0) for mask in masks[seen]]).T / side
    areas = areas[seen]
    ends = max(2, len(x) // 6)
    if areas[-ends:].mean() > 2.2 * areas[:ends].mean():
        return "growing"
    dx, dy = (float(v[-ends:].mean() - v[:ends].mean()) for v in (x, y))
    spread_x, spread_y = (float(np.percentile(v, 95) - np.percentile(v, 5)) for v in (x, y))
    return _named_path(dx, dy, spread_x, spread_y)


def _named_path(dx: float, dy: float, spread_x: float, spread_y: float) -> str:
    """All in shares of the short side: net way from start to end, and the extent of the path."""
    if max(spread_x, spread_y) < 0.12:
        return "still"
    if abs(dx) > 0.3 and abs(dx) > 0.7 * spread_x and abs(dx) > 2 * spread_y:
        return "right" if dx > 0 else "left"
    if abs(dy) > 0.2 and abs(dy) > 0.65 * spread_y and abs(dy) > 2 * spread_x:
        return "down" if dy > 0 else "up"
    if spread_x > 0.2 and spread_y > 0.2:
        return "circling"
    return "bouncing" if spread_y > 0.15 and spread_y > spread_x else ""


def shape(masks: NDArray[np.bool_]) -> str:
    """The thing whose drawn outline overlaps best with these pixels, by vote over the frames."""
    votes = [_shape_of(mask) for mask in masks[::3] if mask.sum() >= 24]
    return max(set(votes), key=votes.count) if votes else ""


def _shape_of(mask: NDArray[np.bool_]) -> str:
    piece = _normal(mask)
    overlaps = {thing: float((piece & m).sum() / (piece | m).sum()) for thing, m in _outlines().items()}
    return max(overlaps, key=lambda thing: overlaps[thing])


@lru_cache
def _outlines() -> dict[str, NDArray[np.bool_]]:
    """Own-coloured pixels of each thing, as `_normal` puts them."""
    found = {}
    for thing in THINGS:
        clip = world.draw(Scene(thing, "red", "still", "snow", "day", size=0.4), width=192, height=192, frames=1)
        red = np.abs(clip.frames[0].astype(int) - PAINT["red"]).sum(-1) < 40
        found[thing] = _normal(red)
    return found


def _normal(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cut to the main body's box and scaled, keeping its proportions, into a square grid."""
    rows, columns = (np.flatnonzero(mask.sum(axis=axis) > 1) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return np.zeros((GRID, GRID), bool)
    middle = (rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2
    side = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    steps = ((np.arange(GRID) + 0.5) / GRID - 0.5) * side
    y, x = (np.rint(m + steps).astype(int) for m in middle)
    inside = ((y >= 0) & (y < mask.shape[0]))[:, None] & ((x >= 0) & (x < mask.shape[1]))[None]
    picked = mask[y.clip(0, mask.shape[0] - 1)[:, None], x.clip(0, mask.shape[1] - 1)[None]]
    normal: NDArray[np.bool_] = picked & inside
    return normal


def flicker(frames: world.Bytes, masks: NDArray[np.bool_]) -> float:
    """Mean change from frame to frame where neither frame has the thing nor its surroundings, in levels."""
    change = np.abs(np.diff(frames.astype(np.float32), axis=0)).mean(-1)
    busy = masks.any(axis=0)
    reach = 10
    for axis in (0, 1):
        busy = np.any([np.roll(busy, shift, axis) for shift in range(-reach, reach + 1)], axis=0)
    return float(change[:, ~busy].mean()) if (~busy).any() else float(change.mean())
