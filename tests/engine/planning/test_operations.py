"""The studio's operations, as requests and as the plans that come of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.catalog.registry import frame_count
from engine.planning import operations
from engine.planning.operations import BLEND_CURVES, Curve, Direction, EngineCard, Length, SourceClip
from engine.planning.plan import CopySpan, Window
from engine.planning.timeline import plan_clip
from engine.types import PromptSpan, Request, Strength

FPS = 8
ASKED = Request("kinora-mini", "a red ball", 320, 192, 5, 7)
FILM = SourceClip(Path("film.mp4"), 40)


def kept(request: Request) -> dict[int, int]:
    """Frames of the result that are frames of the film, and which."""
    return {
        step.first + past: step.start + past
        for step in plan_clip(request).steps
        if isinstance(step, CopySpan)
        for past in range(step.last - step.first + 1)
    }


@given(st.integers(2, 160), st.floats(1, 10), st.sampled_from(get_args(Direction)))
def test_an_extension_is_the_whole_source_video_and_new_frames(
    length: int, seconds: float, direction: Direction
) -> None:
    request = operations.extend_clip(ASKED, SourceClip(FILM.video, length), seconds, direction)
    new = round(seconds * FPS)
    assert plan_clip(request).frames == length + new
    shift = new if direction == "backward" else 0
    assert kept(request) == {frame + shift: frame for frame in range(length)}


@given(st.lists(st.integers(0, 40), min_size=2, max_size=6, unique=True).map(sorted), st.floats(2, 12) | st.none())
def test_a_recut_keeps_what_it_was_told_to_in_order(edges: list[int], seconds: float | None) -> None:
    parts = list(zip(edges[::2], edges[1::2], strict=False))
    total = FILM.frames if seconds is None else round(seconds * FPS)
    assume(total >= sum(stop - start for start, stop in parts))
    request = operations.recut_clip(ASKED, FILM, [(start / FPS, stop / FPS) for start, stop in parts], seconds)
    found = kept(request)
    assert plan_clip(request).frames == total
    assert list(found.values()) == [frame for start, stop in parts for frame in range(start, stop)]
    if seconds is None:
        assert all(at == frame for at, frame in found.items())


def test_a_recut_to_another_length_stretches_what_lies_between() -> None:
    request = operations.recut_clip(ASKED, FILM, [(1, 2), (4, 5)], 8)
    assert [(take.start, take.at, take.frames) for take in request.source_spans] == [(8, 16, 8), (32, 56, 8)]


def test_a_remix_keeps_the_more_the_subtler_it_is() -> None:
    left = [operations.remix_clip(ASKED, FILM, strength).source_spans[0].strength[0] for strength in get_args(Strength)]
    assert left == sorted(left, reverse=True)
    assert all(0 < each < 1 for each in left)


@given(st.sampled_from(get_args(Curve)), st.integers(9, 80), st.integers(9, 80), st.floats(2, 8))
def test_a_blend_begins_as_one_and_ends_as_the_other(curve: Curve, first: int, second: int, seconds: float) -> None:
    one, other = SourceClip(Path("one"), first), SourceClip(Path("other"), second)
    request = operations.blend_clips(ASKED, one, other, curve, seconds)
    total = frames_of(request)
    before, behind = request.source_spans
    assert (before.at, before.start) == (0, 0)
    assert behind.at + behind.frames == total
    assert behind.start + behind.frames == second
    assert before.strength[0] == behind.strength[-1] == 1
    for frame in range(total):
        assert min(before.strength_at(frame), behind.strength_at(frame)) < 0.01, "never from both"
    for earlier, later in pairwise(range(total)):
        if later < before.frames:
            assert before.strength_at(later) <= before.strength_at(earlier) + 1e-9
        if earlier >= behind.at:
            assert behind.strength_at(later) >= behind.strength_at(earlier) - 1e-9
    assert all(not isinstance(step, CopySpan) for step in plan_clip(request).steps)


def frames_of(request: Request) -> int:
    made = plan_clip(request)
    assert made.frames == max(1, round(request.seconds * FPS))
    return made.frames


def test_a_late_blend_stays_with_the_first_video_longer() -> None:
    shares = {
        curve: sum(operations.blend_clips(ASKED, FILM, FILM, curve, 5).source_spans[0].strength)
        for curve in BLEND_CURVES
    }
    assert shares["early"] < shares["even"] < shares["late"]


@pytest.mark.parametrize("length", get_args(Length))
def test_a_loop_is_as_long_as_its_source_video_and_returns_to_its_first_frame(length: Length) -> None:
    film = replace(FILM, frames=56)
    request = operations.loop_clip(ASKED, film, length)
    made = plan_clip(request)
    bridge = round(operations.LOOP_SECONDS[length] * FPS)
    assert made.frames == film.frames
    assert kept(request) == {frame: frame + bridge for frame in range(film.frames - bridge)}
    (gap,) = made.gaps
    assert gap.behind is not None
    assert gap.behind.at == 0
    last = [step for step in made.steps if isinstance(step, Window)][-1]
    assert last.trail_source == "video"


def test_an_edit_changes_the_source_video_under_every_window() -> None:
    made = plan_clip(operations.edit_clip(ASKED, FILM, "mild"))
    assert made.frames == FILM.frames
    for window in made.windows:
        edited = window.edited
        assert edited is not None
        assert edited.start == max(0, 8 * window.origin)
        assert len(edited.strengths) == window.latents
        assert window.guides == ()


def test_a_short_video_is_not_consumed_by_its_loop() -> None:
    request = operations.loop_clip(ASKED, replace(FILM, frames=16), "long")
    assert request.source_spans[0].frames == 8


def test_a_storyboard_changes_its_prompt_by_degrees_unless_cards_touch() -> None:
    cards = [
        EngineCard(6, "c"),
        EngineCard(0, "a"),
        EngineCard(3, "b", until=6),
        EngineCard(2, image=b"png"),
        EngineCard(8, clip=SourceClip(Path("x"), 16)),
    ]
    request = operations.lay_out_storyboard(replace(ASKED, seconds=10), cards)
    assert request.prompt_spans == (PromptSpan(0, 16, "a"), PromptSpan(24, 48, "b"), PromptSpan(48, 72, "c"))
    assert [(each.image, each.frame) for each in request.conditions] == [(b"png", 16)]
    assert [(each.at, each.frames) for each in request.source_spans] == [(64, 16)]
    made = plan_clip(request)
    assert frame_count(made.model, 10) == made.frames
    assert [(gap.first, gap.last) for gap in made.gaps] == [(0, 47), (48, 63)]
    mixed = [window.prompt_weights for window in made.windows if len(window.prompt_weights) == 2]
    assert all({number for number, _ in weights} == {0, 1} for weights in mixed)
