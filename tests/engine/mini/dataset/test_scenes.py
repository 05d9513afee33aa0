"""The drawn world: what is drawn is what the scene says, in colours that people call by those names."""

from __future__ import annotations

import colorsys
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from engine.mini.dataset import scenes as world
from engine.mini.dataset.scenes import COLOURS, MOTIONS, PLACES, THINGS, TIMES, Scene
from engine.mini.evaluation.detection import HUES

SCENE = Scene("ball", "red", "bouncing", "hills", "sunset", seed=3)
SHAPES = [(160, 96), (96, 160), (128, 128)]


def hsv(pixels: world.Bytes) -> tuple[float, float, float]:
    """Hue in degrees, saturation and value of the middling colour of some pixels (count, 3)."""
    hue, saturation, value = colorsys.rgb_to_hsv(*(float(v) / 255 for v in np.median(pixels, axis=0)))
    return hue * 360, saturation, value


def test_a_clip_has_the_size_asked_for_and_only_that_scene() -> None:
    clip = world.draw(SCENE, width=96, height=160, frames=9)
    assert clip.frames.shape == (9, 160, 96, 3)
    assert clip.mask.shape == (9, 160, 96)
    assert np.array_equal(clip.frames, world.draw(SCENE, width=96, height=160, frames=9).frames)
    assert not np.array_equal(clip.frames, world.draw(replace(SCENE, seed=4), width=96, height=160, frames=9).frames)


def test_a_clip_may_begin_in_the_middle() -> None:
    whole = world.draw(SCENE, frames=17).frames
    assert np.array_equal(world.draw(SCENE, frames=9, start=1.0).frames, whole[8:])


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_the_mask_covers_the_thing_and_nothing_else(thing: str, width: int, height: int) -> None:
    scene = replace(SCENE, thing=thing, motion="still")
    clip = world.draw(scene, width=width, height=height, frames=1)
    y, x = np.argwhere(clip.mask[0] > 0.5).mean(axis=0)
    assert clip.mask.max() == 1.0
    assert np.hypot(x - clip.centres[0, 0, 0] * width, y - clip.centres[0, 0, 1] * height) < 0.05 * (width + height)
    untouched = clip.mask[0] == 0
    empty = (world.scenery(scene, width, height) + 0.5).astype(np.uint8)
    assert np.array_equal(clip.frames[0][untouched], empty[untouched])
    assert (clip.frames[0][~untouched] != empty[~untouched]).any(axis=-1).mean() > 0.95


@pytest.mark.parametrize("colour", [name for name in COLOURS if name != "white"])
@pytest.mark.parametrize(("time", "rain"), list(product(TIMES, (False, True))))
def test_a_colour_is_what_people_call_by_its_name_in_any_light(colour: str, time: str, *, rain: bool) -> None:
    clip = world.draw(Scene("square", colour, "still", "snow", time, rain=rain), frames=4)
    hue, saturation, value = hsv(clip.frames[clip.mask > 0.9])
    start, end = HUES[colour]
    assert start <= hue <= end or start <= hue + 360 <= end
    assert saturation > 0.5
    assert value > 0.35


@pytest.mark.parametrize("time", TIMES)
def test_white_is_white_in_any_light(time: str) -> None:
    clip = world.draw(Scene("square", "white", "still", "desert", time), frames=1)
    _, saturation, value = hsv(clip.frames[clip.mask > 0.9])
    assert saturation < 0.1
    assert value > 0.9


@pytest.mark.parametrize(("place", "rain"), list(product(PLACES, (False, True))))
def test_skies_tell_the_hour_whatever_the_weather(place: str, *, rain: bool) -> None:
    scenes = {time: Scene("ball", "red", "still", place, time, rain=rain, x=1, seed=5) for time in TIMES}
    skies = {time: world.draw(scene, frames=4).frames[:, :24].reshape(-1, 3) for time, scene in scenes.items()}
    hue, _, value = hsv(skies["day"])
    assert 195 <= hue <= 230
    assert value > 0.75
    hue, saturation, value = hsv(skies["sunset"])
    assert hue <= 40 or hue >= 340
    assert saturation > 0.3
    assert value > 0.6
    assert hsv(skies["night"])[2] < 0.3


def test_rain_falls_and_comes_round_every_four_frames() -> None:
    frames = world.draw(replace(SCENE, motion="still", rain=True), frames=9).frames
    assert np.array_equal(frames[4:], frames[:5])
    assert not np.array_equal(frames[1], frames[0])


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_nothing_leaves_the_picture_for_long(motion: str, width: int, height: int) -> None:
    for push in (-1.0, 1.0):
        clip = world.draw(replace(SCENE, motion=motion, x=push, y=push), width=width, height=height)
        assert (clip.mask.sum(axis=(1, 2)) > 0).all()


def test_a_time_of_day_gives_way_to_another_within_a_second() -> None:
    scene = Scene("boat", "red", "left", "sea", "night")
    clip = world.draw(scene, frames=33, turn=world.Turn("left", 16, "day"))
    day = world.draw(replace(scene, time="day"), frames=17)
    night = world.draw(scene, frames=33)
    assert np.array_equal(clip.frames[:17], day.frames)
    assert np.array_equal(clip.frames[24:], night.frames[24:])
    brightness = clip.frames[16:25].mean((1, 2, 3))
    assert (np.diff(brightness) < 0).all()
    assert np.allclose(np.diff(brightness), np.diff(brightness).mean(), atol=2)


@pytest.mark.parametrize("motion", world.MOTIONS)
def test_a_thing_glides_from_one_moment_of_its_motion_to_another(motion: str) -> None:
    scene = Scene("ball", "red", motion, "plain", "day")
    clip = world.draw(scene, frames=41, start=2, turn=world.Return(16, 33, 0.5))
    assert np.array_equal(clip.frames[:17], world.draw(scene, frames=17, start=2).frames)
    assert np.array_equal(clip.frames[33:], world.draw(scene, frames=8, start=0.5).frames)
    between = clip.centres[0][16:34]
    straight = between[0] + np.linspace(0, 1, 18)[:, None] * (between[-1] - between[0])
    assert np.abs(between - straight).max() <= 0.11 * np.abs(between[-1] - between[0]).max() + 1e-6


@pytest.mark.parametrize(("motion", "axis", "sign"), [("left", 0, -1), ("right", 0, 1), ("up", 1, -1), ("down", 1, 1)])
def test_what_leaves_on_one_side_comes_back_on_the_other(motion: str, axis: int, sign: int) -> None:
    clip = world.draw(replace(SCENE, motion=motion), frames=161)
    steps = np.diff(clip.centres[0, :, axis])
    returns = sign * steps < 0
    assert 1 <= returns.sum() <= 3
    assert (np.abs(steps[returns]) > 0.9).all()
    assert np.allclose(steps[~returns], steps[0], atol=1e-4)


def test_what_grows_goes_on_growing_ever_more_slowly() -> None:
    clip = world.draw(replace(SCENE, motion="growing"), frames=161)
    areas = clip.mask.sum(axis=(1, 2))[::40]
    growth = areas[1:] / areas[:-1]
    assert (growth > 1).all()
    assert (np.diff(growth) < 0).all()


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_two_things_keep_out_of_each_others_way(motion: str, width: int, height: int) -> None:
    radius = 1.0 if motion == "growing" else 1.2  # of the widest thing, in its scene's; what grows may come to touch
    pair = replace(SCENE, motion=motion, play=1.0, x=1.0, y=-1.0, second=("square", "blue"))
    clip = world.draw(pair, width=width, height=height, frames=17)
    first, second = clip.centres * (width, height)
    gaps = np.abs(first - second).max(axis=-1)
    assert (gaps > 2 * radius * pair.radius * min(width, height)).all()
    assert (first < second + 1).all()


def test_training_never_meets_what_is_held_out() -> None:
    rng = np.random.default_rng(0)
    assert not any(world.random_scene(rng).held_out for _ in range(200))
    kept = [world.random_scene(rng, held_out=True) for _ in range(200)]
    assert all(scene.held_out for scene in kept)
    for name, values in (("thing", THINGS), ("colour", COLOURS), ("motion", MOTIONS), ("place", PLACES)):
        assert {getattr(scene, name) for scene in kept} == set(values)


def test_pairs_come_when_wanted_and_never_in_one_colour() -> None:
    rng = np.random.default_rng(1)
    pairs = [world.random_scene(rng, pair=True) for _ in range(100)]
    assert all(scene.second and scene.second[1] != scene.colour for scene in pairs)
    assert not any(world.random_scene(rng, pair=False).second for _ in range(100))
    assert 5 < sum(world.random_scene(rng).second is not None for _ in range(100)) < 40


@pytest.mark.parametrize("before", MOTIONS)
@pytest.mark.parametrize("motion", MOTIONS)
def test_a_thing_turns_to_something_else_without_a_jump(before: str, motion: str) -> None:
    scene = Scene("car", "red", motion, "plain", "day", x=0.3, y=-0.4)
    clip = world.draw(scene, frames=41, start=1.5, turn=world.Turn(before, 16))
    alone = world.draw(replace(scene, motion=before), frames=17, start=1.5)
    assert np.array_equal(clip.frames[:17], alone.frames)
    step = np.abs(np.diff(clip.centres[0][15:19] * (160, 96), axis=0))
    assert step.max() < 8
    area = clip.mask[15:19].sum((1, 2))
    assert (np.abs(np.diff(area)) < 0.2 * area[:-1] + 12).all()


@pytest.mark.parametrize(("motion", "axis", "sign"), [("left", 0, -1), ("right", 0, 1), ("up", 1, -1), ("down", 1, 1)])
def test_after_the_turn_a_thing_goes_its_new_way_at_once(motion: str, axis: int, sign: int) -> None:
    scene = Scene("ball", "red", motion, "plain", "day")
    for before in MOTIONS:
        path = world.draw(scene, start=0.5, turn=world.Turn(before, 16)).centres[0, 16:26]
        assert (sign * np.diff(path[:, axis]) > 0).all()
        assert np.allclose(np.diff(path[:, 1 - axis]), 0)
