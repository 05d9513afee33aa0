"""The drawn world and its judge: what is drawn is what was asked, and the judge can tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.mini import captions, world
from engine.mini.judge import judge
from engine.mini.world import COLOURS, MOTIONS, PLACES, THINGS, TIMES, Scene

SCENE = Scene("ball", "red", "bouncing", "hills", "sunset", seed=3)


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
@pytest.mark.parametrize("width", [160, 96])
def test_the_mask_covers_the_thing(thing: str, width: int) -> None:
    clip = world.draw(replace(SCENE, thing=thing, motion="still"), width=width, height=256 - width, frames=1)
    y, x = np.argwhere(clip.mask[0] > 0.5).mean(axis=0)
    assert clip.mask.max() == 1.0
    assert np.hypot(x - clip.centres[0, 0] * width, y - clip.centres[0, 1] * (256 - width)) < 5


@pytest.mark.parametrize("motion", MOTIONS)
def test_nothing_leaves_the_picture_for_long(motion: str) -> None:
    for push in (-1.0, 1.0):
        clip = world.draw(replace(SCENE, motion=motion, x=push, y=push))
        assert (clip.mask.sum(axis=(1, 2)) > 0).all()


@pytest.mark.parametrize("number", range(24))
def test_the_judge_sees_what_was_drawn(number: int) -> None:
    scene = Scene(
        THINGS[number % 8],
        COLOURS[number % 9],
        MOTIONS[(number * 3) % 8],
        PLACES[number % 6],
        TIMES[number // 2 % 3],
        seed=number,
    )
    verdict = judge(world.draw(scene).frames)
    assert (verdict.colour, verdict.motion) == (scene.colour, scene.motion)
    assert (verdict.place, verdict.time) == (scene.place, scene.time)
    assert verdict.thing == scene.thing
    assert verdict.flicker == 0


def test_the_judge_sees_nothing_where_there_is_nothing() -> None:
    empty = np.repeat(world.scenery(SCENE, 160, 96)[None], 9, axis=0).astype(np.uint8)
    assert judge(empty).colour == ""


def test_training_never_meets_what_is_held_out() -> None:
    rng = np.random.default_rng(0)
    assert not any(world.random_scene(rng).held_out for _ in range(200))
    kept = [world.random_scene(rng, held_out=True) for _ in range(200)]
    assert {scene.motion for scene in kept} == set(MOTIONS)
    assert {scene.colour for scene in kept} == set(COLOURS)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_caption_states_what_its_labels_say(language: captions.Language) -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        scene = world.random_scene(rng)
        sentence, labels = captions.caption(scene, rng, language=language)
        assert labels[0] == THINGS.index(scene.thing)
        stated = [
            values[label] for label, values in zip(labels, captions.ATTRIBUTES.values(), strict=True) if label >= 0
        ]
        assert set(stated) <= {scene.thing, scene.colour, scene.motion, scene.place, scene.time}
        assert "{" not in sentence
        assert "  " not in sentence


def test_held_out_sentences_are_whole_and_new() -> None:
    rng = np.random.default_rng(2)
    trained = {captions.caption(SCENE, rng, language="en")[0].lower().rstrip(".") for _ in range(500)}
    for _ in range(50):
        sentence, labels = captions.caption(SCENE, rng, language="en", held_out=True)
        assert captions.UNSAID not in labels
        assert sentence.lower().rstrip(".") not in trained
