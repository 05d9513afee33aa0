"""What the studio's operations look like, on the bundled model's own weights: told from pixels, not from lengths.

In turbo quality and at native size, because eight clips in full quality would take minutes.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.catalog.registry import DEFAULT_MODEL
from engine.mini.evaluation import detection
from engine.mini.evaluation.judge import judge_clip
from engine.mini.evaluation.sampling import peak_snr, read_frames
from engine.planning import operations
from engine.planning.operations import EngineCard, SourceClip
from engine.runtime.engine import Engine
from engine.types import Done, EngineConfig, PromptSpan, Request

Frames: TypeAlias = NDArray[np.uint8]

BALL = "a red ball moves to the right over green hills by day"
SQUARE = "a blue square rises over the sea at sunset"
SECONDS = 3
FPS = 8


class Studio:
    """The bundled model, and the films it has made so far."""

    def __init__(self, folder: Path) -> None:
        self._engine = Engine(EngineConfig(device="cpu", threads=1))
        self._folder = folder
        self.film = functools.cache(self._film)

    def _film(self, request: Request) -> Path:
        out = self._folder / hashlib.sha256(repr(request).encode()).hexdigest()[:16]
        *_, last = self._engine.run(request, out, lambda: False)
        assert isinstance(last, Done)
        return last.result.video

    def clip(self, prompt: str, seed: int = 11) -> SourceClip:
        return SourceClip(self.film(request(prompt, SECONDS, seed)), SECONDS * FPS)

    def frames(self, asked: Request) -> Frames:
        return read_frames(self.film(asked))


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return Studio(tmp_path_factory.mktemp("seen"))


def request(prompt: str, seconds: float, seed: int = 21) -> Request:
    return Request(DEFAULT_MODEL, prompt, 160, 96, seconds, seed, quality="turbo")


def changes(frames: Frames) -> NDArray[np.float32]:
    """The mean change from each frame to the next, in levels of 255."""
    steps: NDArray[np.float32] = np.abs(np.diff(frames.astype(np.float32), axis=0)).mean((1, 2, 3))
    return steps


def thing(frames: Frames) -> NDArray[np.bool_]:
    """Where the first thing is, a little widened, at the frames' own size."""
    small = detection.resize_frames(frames)
    found = detection.detect_things(small, detection.classify_scenery(small))[0]
    return detection.dilate_mask(found.mask, 4)


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_an_extension_s_seam_is_no_larger_than_the_motion_in_the_clip(
    studio: Studio, direction: operations.Direction
) -> None:
    source = studio.clip(BALL)
    longer = studio.frames(operations.extend_clip(request(BALL, SECONDS), source, 2, direction))
    seam = source.frames - 1 if direction == "forward" else len(longer) - source.frames - 1
    steps = changes(longer)
    assert steps[seam] <= 1.15 * np.delete(steps, seam).max()
    seen = judge_clip(longer)
    assert (seen.thing, seen.colour, seen.motion, seen.place) == ("ball", "red", "right", "hills")


def test_a_loop_s_last_frame_goes_on_to_its_first(studio: Studio) -> None:
    source = studio.clip(BALL)
    around = studio.frames(operations.loop_clip(request(BALL, SECONDS), source, "normal"))
    wrap = np.abs(around[-1].astype(float) - around[0]).mean()
    assert wrap <= 1.5 * changes(around).max()
    assert judge_clip(around).second is None, "a loop that fades shows its thing twice"


def test_a_loop_holds_no_stretch_played_backwards(studio: Studio) -> None:
    source = studio.clip(BALL)
    around = studio.frames(operations.loop_clip(request(BALL, SECONDS), source, "normal"))
    made, kept = around[-2 * FPS :], around[: -2 * FPS]
    for frame in made[2:-2]:
        assert max(peak_snr(frame[None], each[None]) for each in kept) < 33


def test_a_blend_begins_as_one_clip_and_ends_as_the_other(studio: Studio) -> None:
    first, second = studio.clip(BALL), studio.clip(SQUARE, 12)
    a, b = read_frames(first.video), read_frames(second.video)
    asked = replace(request(BALL, 4), prompt_spans=(PromptSpan(0, 8, BALL), PromptSpan(24, 32, SQUARE)))
    blend = studio.frames(operations.blend_clips(asked, first, second, "even", 4))
    assert peak_snr(blend[:2], a[:2]) > 25 > peak_snr(blend[:2], b[:2])
    assert peak_snr(blend[-2:], b[-2:]) > 22 > peak_snr(blend[-2:], a[-2:])
    middle = len(blend) // 2
    average = (a[middle].astype(float) + b[middle - len(blend) + len(b)]) / 2
    assert peak_snr(blend[middle][None], average[None].astype(np.uint8)) < 20
    assert changes(blend).max() < 0.5 * np.abs(a[-1].astype(float) - b[0]).mean(), "no cut"


def test_a_subtle_remix_keeps_more_than_a_strong_one(studio: Studio) -> None:
    source = studio.clip(BALL)
    green = BALL.replace("red", "green")
    seen, kept = {}, {}
    for strength in ("subtle", "mild", "strong"):
        made = studio.frames(operations.remix_clip(request(green, SECONDS), source, strength))
        seen[strength], kept[strength] = judge_clip(made), peak_snr(made, read_frames(source.video))
    assert kept["subtle"] > kept["mild"] > kept["strong"]
    assert seen["strong"].colour == "green"
    assert (seen["subtle"].place, seen["subtle"].motion) == ("hills", "right")


def test_an_edit_keeps_what_the_prompt_does_not_name(studio: Studio) -> None:
    source = studio.clip(BALL)
    asked = replace(
        operations.edit_clip(request(BALL.replace("red", "green"), SECONDS), source, "mild"), source_prompt=BALL
    )
    made, before = studio.frames(asked), read_frames(source.video)
    seen = judge_clip(made)
    assert (seen.colour, seen.motion, seen.place, seen.time) == ("green", "right", "hills", "day")
    elsewhere = ~(thing(made) | thing(before))
    off = np.abs(made.astype(float) - before)[elsewhere]
    assert off.mean() < 8


def test_a_storyboard_changes_its_hour_and_not_its_thing(studio: Studio) -> None:
    night = "a red ball moves up over green hills at night"
    story = studio.frames(operations.lay_out_storyboard(request("", 6), [EngineCard(0, BALL), EngineCard(3, night)]))
    day, dark = judge_clip(story[:16]), judge_clip(story[-16:])
    assert (day.time, dark.time) == ("day", "night")
    assert day.colour == dark.colour == "red"
    assert day.place == dark.place == "hills"
    steps = changes(story)
    assert steps.max() < 0.5 * np.abs(story[0].astype(float) - story[-1]).mean(), "no cut"
