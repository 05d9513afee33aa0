"""The renderer: frames show the scene, in colours that people call by those names."""

from __future__ import annotations

import colorsys
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from engine.mini.dataset.arrays import ByteArray
from engine.mini.dataset.motion import MotionChange
from engine.mini.dataset.renderer import paint_background, render_clip
from engine.mini.dataset.scenery import rain_period
from engine.mini.dataset.scenes import COLOURS, PLACES, THINGS, TIMES, Scene
from engine.mini.evaluation.detection import HUES

SCENE = Scene("ball", "red", "bouncing", "hills", "sunset", seed=3)
SHAPES = [(160, 96), (96, 160), (128, 128)]


def hsv(pixels: ByteArray) -> tuple[float, float, float]:
    """Hue in degrees, saturation and value of the middling colour of some pixels (count, 3)."""
    hue, saturation, value = colorsys.rgb_to_hsv(*(float(v) / 255 for v in np.median(pixels, axis=0)))
    return hue * 360, saturation, value


def test_a_clip_has_the_requested_size_and_depends_on_the_scene_alone() -> None:
    clip = render_clip(SCENE, width=96, height=160, frames=9)
    assert clip.frames.shape == (9, 160, 96, 3)
    assert clip.mask.shape == (9, 160, 96)
    assert np.array_equal(clip.frames, render_clip(SCENE, width=96, height=160, frames=9).frames)
    assert not np.array_equal(clip.frames, render_clip(replace(SCENE, seed=4), width=96, height=160, frames=9).frames)


def test_a_clip_may_start_in_the_middle() -> None:
    whole = render_clip(SCENE, frames=17).frames
    assert np.array_equal(render_clip(SCENE, frames=9, start=1.0).frames, whole[8:])


def test_a_clip_of_more_frames_a_second_shows_the_same_motion() -> None:
    slow, fast = render_clip(SCENE, frames=9), render_clip(SCENE, frames=25, fps=24)
    assert np.array_equal(fast.frames[::3], slow.frames)


@pytest.mark.parametrize("fps", [8, 24])
def test_rain_repeats_within_the_frames_of_a_latent(fps: int) -> None:
    period = rain_period(fps)
    frames = render_clip(replace(SCENE, motion="still", rain=True), frames=17, fps=fps).frames
    assert 8 % period == 0
    assert np.array_equal(frames[period:], frames[:-period])
    assert not np.array_equal(frames[1], frames[0])


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_the_mask_covers_the_thing_and_nothing_else(thing: str, width: int, height: int) -> None:
    scene = replace(SCENE, thing=thing, motion="still")
    clip = render_clip(scene, width=width, height=height, frames=1)
    y, x = np.argwhere(clip.mask[0] > 0.5).mean(axis=0)
    assert clip.mask.max() == 1.0
    assert np.hypot(x - clip.centres[0, 0, 0] * width, y - clip.centres[0, 0, 1] * height) < 0.05 * (width + height)
    untouched = clip.mask[0] == 0
    empty = (paint_background(scene, width, height) + 0.5).astype(np.uint8)
    assert np.array_equal(clip.frames[0][untouched], empty[untouched])
    assert (clip.frames[0][~untouched] != empty[~untouched]).any(axis=-1).mean() > 0.95


@pytest.mark.parametrize("colour", [name for name in COLOURS if name != "white"])
@pytest.mark.parametrize(("time", "rain"), list(product(TIMES, (False, True))))
def test_a_colour_has_its_hue_in_any_light(colour: str, time: str, *, rain: bool) -> None:
    clip = render_clip(Scene("square", colour, "still", "snow", time, rain=rain), frames=4)
    hue, saturation, value = hsv(clip.frames[clip.mask > 0.9])
    start, end = HUES[colour]
    assert start <= hue <= end or start <= hue + 360 <= end
    assert saturation > 0.5
    assert value > 0.35


@pytest.mark.parametrize("time", TIMES)
def test_white_is_white_in_any_light(time: str) -> None:
    clip = render_clip(Scene("square", "white", "still", "desert", time), frames=1)
    _, saturation, value = hsv(clip.frames[clip.mask > 0.9])
    assert saturation < 0.1
    assert value > 0.9


@pytest.mark.parametrize(("place", "rain"), list(product(PLACES, (False, True))))
def test_skies_differ_by_time_of_day_in_any_weather(place: str, *, rain: bool) -> None:
    scenes = {time: Scene("ball", "red", "still", place, time, rain=rain, x=1, seed=5) for time in TIMES}
    skies = {time: render_clip(scene, frames=4).frames[:, :24].reshape(-1, 3) for time, scene in scenes.items()}
    hue, _, value = hsv(skies["day"])
    assert 195 <= hue <= 230
    assert value > 0.75
    hue, saturation, value = hsv(skies["sunset"])
    assert hue <= 40 or hue >= 340
    assert saturation > 0.3
    assert value > 0.6
    assert hsv(skies["night"])[2] < 0.3


def test_rain_falls_and_repeats_every_four_frames() -> None:
    frames = render_clip(replace(SCENE, motion="still", rain=True), frames=9).frames
    assert np.array_equal(frames[4:], frames[:5])
    assert not np.array_equal(frames[1], frames[0])


def test_the_time_of_day_changes_within_a_second() -> None:
    scene = Scene("boat", "red", "left", "sea", "night")
    clip = render_clip(scene, frames=33, turn=MotionChange("left", 16, "day"))
    day = render_clip(replace(scene, time="day"), frames=17)
    night = render_clip(scene, frames=33)
    assert np.array_equal(clip.frames[:17], day.frames)
    assert np.array_equal(clip.frames[24:], night.frames[24:])
    brightness = clip.frames[16:25].mean((1, 2, 3))
    assert (np.diff(brightness) < 0).all()
    assert np.allclose(np.diff(brightness), np.diff(brightness).mean(), atol=2)
