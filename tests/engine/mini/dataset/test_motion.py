"""The paths of things: motions, changes of motion and glides, without jumps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.mini.dataset.motion import MotionChange, MotionReturn
from engine.mini.dataset.renderer import render_clip
from engine.mini.dataset.scenes import MOTIONS, Scene

SCENE = Scene("ball", "red", "bouncing", "hills", "sunset", seed=3)
SHAPES = [(160, 96), (96, 160), (128, 128)]


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_things_stay_in_the_image(motion: str, width: int, height: int) -> None:
    for push in (-1.0, 1.0):
        clip = render_clip(replace(SCENE, motion=motion, x=push, y=push), width=width, height=height)
        assert (clip.mask.sum(axis=(1, 2)) > 0).all()


@pytest.mark.parametrize("motion", MOTIONS)
def test_a_thing_glides_from_one_moment_of_its_motion_to_another(motion: str) -> None:
    scene = Scene("ball", "red", motion, "plain", "day")
    clip = render_clip(scene, frames=41, start=2, turn=MotionReturn(16, 33, 0.5))
    assert np.array_equal(clip.frames[:17], render_clip(scene, frames=17, start=2).frames)
    assert np.array_equal(clip.frames[33:], render_clip(scene, frames=8, start=0.5).frames)
    between = clip.centres[0][16:34]
    straight = between[0] + np.linspace(0, 1, 18)[:, None] * (between[-1] - between[0])
    assert np.abs(between - straight).max() <= 0.11 * np.abs(between[-1] - between[0]).max() + 1e-6


@pytest.mark.parametrize(("motion", "axis", "sign"), [("left", 0, -1), ("right", 0, 1), ("up", 1, -1), ("down", 1, 1)])
def test_a_thing_that_leaves_on_one_side_returns_on_the_other(motion: str, axis: int, sign: int) -> None:
    clip = render_clip(replace(SCENE, motion=motion), frames=161)
    steps = np.diff(clip.centres[0, :, axis])
    returns = sign * steps < 0
    assert 1 <= returns.sum() <= 3
    assert (np.abs(steps[returns]) > 0.9).all()
    assert np.allclose(steps[~returns], steps[0], atol=1e-4)


def test_growth_slows_down_and_never_ends() -> None:
    clip = render_clip(replace(SCENE, motion="growing"), frames=161)
    areas = clip.mask.sum(axis=(1, 2))[::40]
    growth = areas[1:] / areas[:-1]
    assert (growth > 1).all()
    assert (np.diff(growth) < 0).all()


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_two_things_do_not_overlap(motion: str, width: int, height: int) -> None:
    radius = 1.0 if motion == "growing" else 1.2  # of the widest thing, in its scene's; what grows may come to touch
    pair = replace(SCENE, motion=motion, play=1.0, x=1.0, y=-1.0, second=("square", "blue"))
    clip = render_clip(pair, width=width, height=height, frames=17)
    first, second = clip.centres * (width, height)
    gaps = np.abs(first - second).max(axis=-1)
    assert (gaps > 2 * radius * pair.radius * min(width, height)).all()
    assert (first < second + 1).all()


@pytest.mark.parametrize("before", MOTIONS)
@pytest.mark.parametrize("motion", MOTIONS)
def test_a_change_of_motion_makes_no_jump(before: str, motion: str) -> None:
    scene = Scene("car", "red", motion, "plain", "day", x=0.3, y=-0.4)
    clip = render_clip(scene, frames=41, start=1.5, turn=MotionChange(before, 16))
    alone = render_clip(replace(scene, motion=before), frames=17, start=1.5)
    assert np.array_equal(clip.frames[:17], alone.frames)
    step = np.abs(np.diff(clip.centres[0][15:19] * (160, 96), axis=0))
    assert step.max() < 8
    area = clip.mask[15:19].sum((1, 2))
    assert (np.abs(np.diff(area)) < 0.2 * area[:-1] + 12).all()


@pytest.mark.parametrize(("motion", "axis", "sign"), [("left", 0, -1), ("right", 0, 1), ("up", 1, -1), ("down", 1, 1)])
def test_the_new_motion_begins_at_once(motion: str, axis: int, sign: int) -> None:
    scene = Scene("ball", "red", motion, "plain", "day")
    for before in MOTIONS:
        path = render_clip(scene, start=0.5, turn=MotionChange(before, 16)).centres[0, 16:26]
        assert (sign * np.diff(path[:, axis]) > 0).all()
        assert np.allclose(np.diff(path[:, 1 - axis]), 0)
