"""Classifies the content of a clip by image analysis: things, colours and motions, the place, the time, the rain.

Colours are classified by hue (detection.py), motions by the path of a thing's centre, scenery by the nearest drawn
example; only shapes need a small trained classifier (shape_classifier.py). The judge's own accuracy is measured on
drawn clips: evaluate.py prints that ceiling beside every figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from engine.mini.dataset.arrays import ByteArray, FloatArray
from engine.mini.dataset.scenery import rain_period
from engine.mini.dataset.scenes import FPS
from engine.mini.evaluation import detection, shape_classifier

if TYPE_CHECKING:
    from engine.mini.evaluation.detection import DetectedThing, Mask

# Pixels down and to the left that rain moves in a frame, by its period: in wide pictures, then in square ones.
FALLS: Final = {4: ((8, 2), (6, 2), (6, 1)), 8: ((4, 1), (3, 1))}
LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True)
class ClipVerdict:
    """The content of a clip in the dataset's labels; "" where nothing was detected.

    `second` is another (thing, colour), ordered after the first as in a Scene: to its right, or below; `together` says
    whether it moves as the first does. `flicker` is the mean change of the scenery from frame to frame other than rain,
    `jump` the largest, `sharpness` the 90th percentile of the gradient at the things' edges, all in levels of 255 with
    frames scaled to a short side of `detection.SIDE` pixels.
    """

    thing: str
    colour: str
    motion: str
    place: str
    time: str
    rain: bool
    second: tuple[str, str] | None
    together: bool
    flicker: float
    jump: float
    sharpness: float


@dataclass(frozen=True, slots=True)
class ThingTrack:
    """The centre of a thing in the frames that show it, in short sides of the frame; `area` in squares of them."""

    x: FloatArray
    y: FloatArray
    area: FloatArray


def judge_clip(frames: ByteArray, fps: float = FPS) -> ClipVerdict:
    """Judge a clip, uint8 [F, H, W, 3] of any size."""
    frames = detection.resize_frames(frames)
    kind = detection.classify_scenery(frames)
    things = _first_two(detection.detect_things(frames, kind))
    busy = detection.dilate_mask(np.logical_or.reduce([found.mask for found in things]), 6) if things else None
    luma = frames @ LUMA
    period = rain_period(fps)
    rain = _detect_rain(luma, busy, period)
    changes = _scenery_changes(frames, busy, period if rain else 1)
    seen = [shape_classifier.classify_shape(detection.crop_thing(frames, found, kind)) for found in things]
    motions = [classify_motion(track_thing(found.mask)) for found in things]
    return ClipVerdict(
        thing=seen[0] if seen else "",
        colour=things[0].colour if things else "",
        motion=motions[0] if motions else "",
        place=kind.place,
        time=kind.time,
        rain=rain,
        second=(seen[1], things[1].colour) if len(things) > 1 else None,
        together=len(set(motions)) == 1,
        flicker=float(changes.mean()),
        jump=float(changes.max()),
        sharpness=_edge_sharpness(luma, things),
    )


def _first_two(things: list[DetectedThing]) -> list[DetectedThing]:
    """The largest, and the next largest unless it is a fragment; the upper or left one first."""
    if len(things) < 2 or not _is_second(things[0].mask, things[1].mask):
        return things[:1]
    ys, xs = ([np.nonzero(found.mask)[axis].mean() for found in things[:2]] for axis in (1, 2))
    axis = ys if abs(ys[1] - ys[0]) > abs(xs[1] - xs[0]) else xs
    return things[:2] if axis[0] <= axis[1] else [things[1], things[0]]


def _is_second(first: Mask, second: Mask) -> bool:
    there = second.sum(axis=(1, 2)) > 0.1 * first.sum(axis=(1, 2)).mean()
    return bool(second.sum() > 0.2 * first.sum() and there.mean() > 0.6)


# --- motion ---------------------------------------------------------------------------------------------


def track_thing(mask: Mask) -> ThingTrack:
    """The path of the centre of these pixels, bool [F, H, W]. A thing that leaves on one side and comes back on the
    other is tracked on beyond the edge.
    """
    _, height, width = mask.shape
    side = min(height, width)
    areas = mask.sum(axis=(1, 2))
    seen = areas > max(12.0, 0.15 * float(np.median(areas)))
    bodies = np.array([_body_extent(frame) for frame in mask[seen]], np.float32).reshape(-1, 3, 2)
    x, y = (
        _unwrap_passages(_complete_at_edges(bodies[:, :, axis], length), length)
        for axis, length in ((1, width), (0, height))
    )
    return ThingTrack(x / side, y / side, areas[seen].astype(np.float32) / side**2)


def _body_extent(mask: Mask) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(y, x) of the centre of the pixels, their minimum and their maximum, without outliers."""
    where = np.argwhere(mask).astype(np.float32)
    away = np.hypot(*(where - np.median(where, axis=0)).T)
    near = where[away <= 2.5 * np.sqrt(len(where) / np.pi) + 1]
    body = near if len(near) else where
    return body.mean(axis=0), body.min(axis=0), body.max(axis=0)


def _complete_at_edges(bodies: FloatArray, length: int) -> FloatArray:
    """The centres along one axis of bodies [F, 3]. Where an edge of the frame cuts a body off, its centre follows from
    its other end.
    """
    middle, low, high = bodies[:, 0], bodies[:, 1], bodies[:, 2]
    cut_low, cut_high = low < 1, high > length - 2
    whole = ~cut_low & ~cut_high
    if whole.sum() < 3:
        return middle
    before, after = np.median((middle - low)[whole]), np.median((high - middle)[whole])
    uncut: FloatArray = np.where(cut_low & ~cut_high, high - after, np.where(cut_high & ~cut_low, low + before, middle))
    return uncut


def _unwrap_passages(way: FloatArray, length: int) -> FloatArray:
    """Replace jumps of more than half the frame, which are passages through its edge, by the median step."""
    steps = np.diff(way)
    jumps = np.abs(steps) > length / 2
    steps[jumps] = np.median(steps[~jumps]) if (~jumps).any() else 0
    onwards: FloatArray = np.concatenate([way[:1], way[:1] + np.cumsum(steps)])
    return onwards


def classify_motion(way: ThingTrack) -> str:
    """The motion of this track; "" if it is none of the dataset's."""
    if len(way.x) < 5:
        return ""
    spread_x, spread_y = _percentile_spread(way.x), _percentile_spread(way.y)
    if straight := _straight_motion(way, spread_x, spread_y):
        return straight
    if growth_factor(way) > 1.8:
        return "growing"
    if max(spread_x, spread_y) < 0.1:
        return "still"
    if min(spread_x, spread_y) > 0.09 and _count_turns(way) > 0.65:
        return "circling"
    return "bouncing" if spread_y > 0.15 and spread_y > 2 * spread_x and _count_reversals(way.y) > 1 else ""


def _straight_motion(way: ThingTrack, spread_x: float, spread_y: float) -> str:
    (way_x, even_x), (way_y, even_y) = _fit_line(way.x), _fit_line(way.y)
    if abs(way_x) > 0.3 and even_x > 0.85 and abs(way_x) > 2 * spread_y:
        return "right" if way_x > 0 else "left"
    if abs(way_y) > 0.25 and even_y > 0.85 and abs(way_y) > 2 * spread_x:
        return "down" if way_y > 0 else "up"
    return ""


def growth_factor(way: ThingTrack) -> float:
    """The thing's area at the end as a multiple of that at the beginning."""
    ends = max(2, len(way.area) // 8)
    return float(way.area[-ends:].mean() / way.area[:ends].mean())


def _fit_line(values: FloatArray) -> tuple[float, float]:
    """The rise of the regression line from end to end, and the share of the variance it explains."""
    time = np.linspace(-0.5, 0.5, len(values))
    slope = float((time * values).sum() / (time**2).sum())
    explained = slope**2 * float((time**2).mean()) / (float(values.var()) + 1e-9)
    return slope, explained


def _percentile_spread(values: FloatArray) -> float:
    return float(np.percentile(values, 95) - np.percentile(values, 5))


def _count_turns(way: ThingTrack) -> float:
    """Turns of the path around its centre, in either direction."""
    x, y = ((v - (np.percentile(v, 95) + np.percentile(v, 5)) / 2) for v in (way.x, way.y))
    angles = np.unwrap(np.arctan2(y, x))
    return float(abs(angles[-1] - angles[0]) / (2 * np.pi))


def _count_reversals(values: FloatArray) -> int:
    """How often the values reverse by more than a third of their extent."""
    least, count, low, high, sense = _percentile_spread(values) / 3, 0, values[0], values[0], 0
    for value in values[1:]:
        low, high = min(low, value), max(high, value)
        turned = 1 if value - low > least and sense != 1 else -1 if high - value > least and sense != -1 else 0
        if turned:
            count += sense != 0
            sense, low, high = turned, value, value
    return count


# --- rain, flicker, edges -------------------------------------------------------------------------------


def _detect_rain(luma: FloatArray, busy: Mask | None, period: int) -> bool:
    """Whether the changes over the scenery fall as streaks do: each frame repeats the one before, a step lower. They
    must correlate better with that than with what stays in place or rises.
    """
    if len(luma) < 2 * period:
        return False
    lasting = np.lib.stride_tricks.sliding_window_view(luma, period, axis=0).mean(axis=-1)
    passing = luma[: len(lasting)] - lasting
    if busy is not None:
        ever = busy.any(axis=0)
        passing[busy[: len(lasting)] if ever.mean() > 0.8 else np.broadcast_to(ever, passing.shape)] = 0
    if np.sqrt((passing**2).mean()) < 0.5:
        return False
    stays = _shift_correlation(passing, 0, 0)
    return (
        max(
            _shift_correlation(passing, *fall) - max(stays, _shift_correlation(passing[::-1], *fall))
            for fall in FALLS[period]
        )
        > 0.2
    )


def _shift_correlation(passing: FloatArray, down: int, across: int) -> float:
    """The correlation of each frame with the one before, moved down and to the left."""
    _, height, width = passing.shape
    before, after = passing[:-1, : height - down, across:], passing[1:, down:, : width - across]
    return float((before * after).sum() / np.sqrt((before**2).sum() * (after**2).sum() + 1e-6))


def _scenery_changes(frames: ByteArray, busy: Mask | None, step: int) -> FloatArray:
    """Mean change of the scenery from each frame to the one `step` later, away from the things in both."""
    if len(frames) <= step:
        return np.zeros(1, np.float32)
    pixels = frames.astype(np.int16)
    change = np.abs(pixels[step:] - pixels[:-step]).mean(axis=-1, dtype=np.float32)
    calm = np.ones(change.shape, bool) if busy is None else ~(busy[step:] | busy[:-step])
    changes: FloatArray = (change * calm).sum(axis=(1, 2)) / np.maximum(calm.sum(axis=(1, 2)), 1)
    return changes


def _edge_sharpness(luma: FloatArray, things: list[DetectedThing]) -> float:
    if not things:
        return 0.0
    near = detection.dilate_mask(np.logical_or.reduce([found.mask for found in things]), 2)[:, 1:, 1:]
    steep = np.hypot(np.diff(luma, axis=1)[:, :, 1:], np.diff(luma, axis=2)[:, 1:])
    return float(np.percentile(steep[near], 90))
