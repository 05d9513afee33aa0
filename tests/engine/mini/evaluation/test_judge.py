"""The judge tells what was drawn, also when it is blurred and noisy, and sees nothing where there is nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from engine.mini.dataset.renderer import PAINT, paint_background, render_clip
from engine.mini.dataset.scenes import COLOURS, MOTIONS, PLACES, THINGS, TIMES, Scene
from engine.mini.evaluation import scores
from engine.mini.evaluation.detection import HUES, name_colours, resize_frames
from engine.mini.evaluation.judge import ClipVerdict, classify_motion, judge_clip, track_thing
from engine.mini.evaluation.sampling import held_out_prompts
from engine.mini.evaluation.shape_classifier import degrade_frames

SCENE = Scene("ball", "red", "bouncing", "hills", "sunset", seed=3)
CLIPS = 24


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def scene(number: int) -> Scene:
    """Every class comes round, in ever new company."""
    return Scene(
        THINGS[number % 8],
        COLOURS[number % 9],
        MOTIONS[(3 * number + number // 8) % 8],
        PLACES[number % 6],
        TIMES[number // 2 % 3],
        rain=number % 4 == 1,
        size=("small", "medium", "big")[number % 3],
        seed=number,
    )


def wrong(trials: list[scores.Trial], checks: dict[str, scores.Check]) -> Counter[str]:
    """How many of the trials fail each check."""
    return Counter(name for t in trials for name, check in checks.items() if not check(t.scene, t.verdict))


def test_the_judge_sees_what_was_drawn() -> None:
    trials = [scores.judge_trial(s, render_clip(s, frames=40).frames) for s in map(scene, range(CLIPS))]
    assert max(wrong(trials, dict(scores.SINGLE)).values(), default=0) <= CLIPS * 0.05
    assert max(trial.verdict.flicker for trial in trials) < 0.5


def test_the_judge_sees_what_was_drawn_at_24_frames_a_second() -> None:
    drawn = (render_clip(scene(number), frames=121, fps=24).frames for number in range(8))
    trials = [scores.judge_trial(scene(number), frames, fps=24) for number, frames in enumerate(drawn)]
    assert not wrong(trials, dict(scores.SINGLE))


def test_the_judge_sees_it_through_blur_and_noise() -> None:
    rng = np.random.default_rng(0)
    clips = [
        degrade_frames(render_clip(scene(number), frames=40).frames, rng, sigma=1.2)
        for number in range(CLIPS, CLIPS + 16)
    ]
    trials = [scores.judge_trial(scene(CLIPS + number), frames) for number, frames in enumerate(clips)]
    assert max(wrong(trials, dict(scores.SINGLE)).values(), default=0) <= 1
    sharp = judge_clip(render_clip(scene(CLIPS), frames=40).frames).sharpness
    assert trials[0].verdict.sharpness < 0.9 * sharp


@pytest.mark.parametrize("motion_", ["left", "circling", "growing", "bouncing"])
def test_the_judge_sees_two_things(motion_: str) -> None:
    pair = replace(SCENE, motion=motion_, second=("boat", "white"))
    verdict = judge_clip(render_clip(pair, frames=40).frames)
    assert (verdict.thing, verdict.colour, verdict.second) == ("ball", "red", ("boat", "white"))
    assert verdict.motion == motion_
    assert verdict.together


def test_the_judge_sees_when_the_second_does_something_else() -> None:
    left, right = (
        render_clip(replace(SCENE, motion="bouncing", second=("star", "blue")), frames=40).frames for _ in "ab"
    )
    frozen = np.repeat(right[:1], 40, axis=0)
    verdict = judge_clip(np.concatenate([left[:, :, :80], frozen[:, :, 80:]], axis=2))
    assert verdict.second == ("star", "blue")
    assert not verdict.together


@pytest.mark.parametrize(
    ("colour", "place", "time"), [("white", "snow", "day"), ("blue", "sea", "day"), ("red", "city", "sunset")]
)
@pytest.mark.parametrize("motion_", ["still", "growing"])
def test_a_thing_is_found_before_scenery_of_its_colour(colour: str, place: str, time: str, motion_: str) -> None:
    verdict = judge_clip(render_clip(Scene("ball", colour, motion_, place, time), frames=40).frames)
    assert (verdict.thing, verdict.colour, verdict.motion) == ("ball", colour, motion_)
    assert (verdict.place, verdict.time) == (place, time)


@pytest.mark.parametrize("size", [(320, 192), (640, 360), (192, 320), (256, 256)])
def test_the_size_of_the_file_does_not_matter(size: tuple[int, int]) -> None:
    native = (160, 96) if size[0] > size[1] else (96, 160) if size[0] < size[1] else (128, 128)
    frames = render_clip(replace(SCENE, rain=True), width=native[0], height=native[1], frames=40).frames
    scaled = np.stack([np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC)) for frame in frames])
    verdict = judge_clip(scaled)
    assert (verdict.thing, verdict.colour, verdict.motion) == ("ball", "red", "bouncing")
    assert (verdict.place, verdict.time, verdict.rain) == ("hills", "sunset", True)
    assert min(resize_frames(scaled).shape[1:3]) == 96


@pytest.mark.parametrize("time", TIMES)
def test_the_judge_sees_nothing_where_there_is_nothing(time: str) -> None:
    empty = (paint_background(replace(SCENE, time=time), 160, 96) + 0.5).astype(np.uint8)
    verdict = judge_clip(np.repeat(empty[None], 12, axis=0))
    assert (verdict.thing, verdict.colour, verdict.motion, verdict.second) == ("", "", "", None)
    assert verdict.time == time
    assert not verdict.rain


def test_still_forgives_a_pixel_or_two_and_no_more() -> None:
    rng = np.random.default_rng(1)
    disc = np.hypot(*(np.mgrid[0:96, 0:160] - np.array([48, 80]).reshape(2, 1, 1))) < 16
    jitter, drift = rng.integers(-2, 3, (40, 2)), np.linspace((-10, 0), (10, 0), 40).astype(int)
    trembling, drifting = (np.stack([np.roll(disc, step, (0, 1)) for step in steps]) for steps in (jitter, drift))
    assert classify_motion(track_thing(trembling)) == "still"
    assert classify_motion(track_thing(drifting)) != "still"


def test_a_passage_through_the_edge_goes_on_the_same_way() -> None:
    frames = render_clip(replace(SCENE, motion="left", x=-1.0), frames=160).frames
    verdicts = [judge_clip(frames[start : start + 40]) for start in range(0, 160, 40)]
    assert [verdict.motion for verdict in verdicts] == ["left"] * 4


def test_hues_are_those_that_people_point_at() -> None:
    hues = np.array([PAINT[colour] for colour in HUES], np.float32)
    assert [COLOURS[index] for index in name_colours(hues)] == list(HUES)
    pale_dark_white = np.array([(240, 190, 190), (60, 10, 10), (250, 250, 250), (206, 104, 16)], np.float32)
    assert list(name_colours(pale_dark_white)) == [-1, -1, -1, COLOURS.index("orange")]


def test_scores_count_what_is_right() -> None:
    clip = render_clip(SCENE, frames=40).frames
    trials = [scores.judge_trial(asked, clip) for asked in (SCENE, replace(SCENE, colour="blue"))]
    colour, place = scores.SINGLE["colour"], scores.SINGLE["place"]
    assert scores.accuracy_share(trials, colour) == "50 %"
    assert scores.accuracy_share(trials, place) == "100 %"
    assert scores.confidence_interval(trials, colour) == "9–91"
    assert scores.chance_level(trials, colour) == "50 %"
    assert scores.accuracy_share([], colour) == "–"


def test_pairs_count_in_either_order() -> None:
    seen = ClipVerdict("ball", "red", "up", "sea", "day", False, ("car", "blue"), True, 0, 0, 0)  # noqa: FBT003
    asked = Scene("car", "blue", "up", "sea", "day", second=("ball", "red"))
    crossed = replace(asked, thing="ball", second=("car", "red"))
    assert all(check(asked, seen) for check in scores.PAIR.values())
    assert scores.PAIR["both colours"](crossed, seen)
    assert not scores.PAIR["both shapes, each in its colour"](crossed, seen)


def test_questions_are_new_to_the_model_and_evenly_spread() -> None:
    asked = held_out_prompts(32)
    assert all(question.scene.held_out and question.scene.second is None for question in asked)
    assert Counter(question.scene.motion for question in asked) == dict.fromkeys(MOTIONS, 4)
    assert Counter(question.language for question in asked) == {"en": 16, "fr": 16}
    assert all(question.scene.second for question in held_out_prompts(8, pair=True))
