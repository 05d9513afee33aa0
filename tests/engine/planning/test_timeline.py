from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog.model import ModelEntry
from engine.catalog.registry import MODELS
from engine.planning.plan import ClipPlan, CopySpan, DecodeSpan, Window, longest_segment_seconds
from engine.planning.timeline import plan_clip
from engine.planning.windows import SHORT
from engine.types import PromptSpan, Request, SourceSpan
from tests.support.plan_requests import FILM, LONG, PLAIN, WHOLE, requests, span


def shown(made: ClipPlan) -> list[DecodeSpan | CopySpan]:
    return [step for step in made.steps if isinstance(step, DecodeSpan | CopySpan)]


@given(requests())
def test_every_frame_is_shown_once_and_in_order(request: Request) -> None:
    made = plan_clip(request)
    frames = [frame for step in shown(made) for frame in range(step.first, step.last + 1)]
    assert frames == list(range(made.frames))
    assert made.frames == max(1, round(request.seconds * made.fps))


@given(requests())
def test_no_segment_is_longer_than_the_longest(request: Request) -> None:
    made = plan_clip(request)
    assert longest_segment_seconds(made) == max(step.last - step.first + 1 for step in shown(made)) / made.fps


@given(requests())
def test_kept_source_spans_are_where_they_were_placed(request: Request) -> None:
    kept = {
        step.first + past: step.start + past
        for step in shown(plan_clip(request))
        if isinstance(step, CopySpan)
        for past in range(step.last - step.first + 1)
    }
    assert kept == {take.at + past: take.start + past for take in request.source_spans for past in range(take.frames)}


@given(requests())
def test_a_step_uses_only_what_is_there_by_then(request: Request) -> None:
    made = plan_clip(request)
    rule = made.model.temporal_compression
    strips = [
        set(range(gap.context_before)) | set(range(gap.latents, gap.latents + gap.context_behind)) for gap in made.gaps
    ]
    watched = -1
    for step in made.steps:
        match step:
            case Window():
                strip = strips[step.gap]
                if step.lead_source == "latents":
                    assert {step.origin, *range(step.origin + 1, step.first)} <= strip
                if step.trail_source == "latents":
                    assert set(range(step.end, step.end + step.trail)) <= strip
                if step.trail_source == "beginning":
                    strips[step.gap] |= set(range(step.end, step.end + step.trail))
                for guide in step.guides:
                    if guide.video is None:
                        ready = made.gaps[step.gap].origin + rule * (step.first - 1)
                        assert guide.start - 1 >= 0
                        assert guide.start + rule * len(guide.strengths) - 1 <= ready
                strips[step.gap] |= set(range(step.first, step.end))
            case DecodeSpan():
                gap, strip = made.gaps[step.gap], strips[step.gap]
                assert set(range(step.decode_from, step.decode_to)) <= strip
                # Where decoding starts within a strip, its first frame is not a first frame: it is thrown away.
                assert step.first > span(gap, step.decode_from, rule)[1] or step.decode_from == 0
                assert step.last <= span(gap, step.decode_to - 1, rule)[1]
                watched = step.last
            case CopySpan():
                watched = step.last
    assert watched == made.frames - 1


def test_where_prompts_touch_nothing_is_handed_on() -> None:
    cues = (PromptSpan(0, 16, "a"), PromptSpan(16, 32, "b"), PromptSpan(32, 40, "c"))
    film = (SourceSpan(FILM, 0, 16, 0), SourceSpan(FILM, 0, 8, 32))
    (gap,) = plan_clip(replace(PLAIN, source_spans=film, prompt_spans=cues)).gaps
    assert (gap.first, gap.last, gap.context_before, gap.context_behind) == (16, 31, 0, 0)
    (gap,) = plan_clip(replace(PLAIN, source_spans=film)).gaps
    assert (gap.context_before, gap.context_behind) == (2, 1)
    assert [(gap.first, gap.context_before) for gap in plan_clip(replace(PLAIN, prompt_spans=cues)).gaps] == [
        (0, 0),
        (16, 0),
        (32, 0),
    ]


@given(requests())
def test_a_gap_before_a_source_video_is_generated_backwards_and_all_others_forwards(request: Request) -> None:
    made = plan_clip(request)
    for index, gap in enumerate(made.gaps):
        steps = [step for step in made.steps if not isinstance(step, CopySpan) and step.gap == index]
        firsts = [step.first for step in steps if isinstance(step, Window)]
        assert firsts == sorted(firsts, reverse=gap.is_backwards)
        assert isinstance(steps[-1], DecodeSpan)
        if not gap.is_backwards:
            later = steps[steps.index(next(step for step in steps if isinstance(step, DecodeSpan))) :]
            assert all(isinstance(step, DecodeSpan) is (number % 2 == 0) for number, step in enumerate(later))


@pytest.mark.parametrize(("seconds", "frames"), [(1, 24), (5, 120), (20, 480), (2.5, 60), (0, 1)])
def test_the_length_is_exact(seconds: float, frames: int) -> None:
    made = plan_clip(Request("ltx-video-2b", "x", 768, 512, seconds, 1))
    assert made.frames == frames
    assert made.seconds == frames / 24


@pytest.mark.parametrize("model", [model.name for model in LONG])
def test_four_times_the_length_costs_at_most_five_times_as_much(model: str) -> None:
    """Five seconds may be one window, which alone sees no latents before its own."""
    short, long = (
        sum(window.latents for window in plan_clip(Request(model, "x", 768, 512, seconds, 1)).windows)
        for seconds in (5, 20)
    )
    assert long <= 5 * short


@given(st.sampled_from(WHOLE), st.floats(1, 20))
def test_a_whole_clip_is_one_window_and_shown_in_stretches_that_a_causal_decoder_allows(
    model: ModelEntry, seconds: float
) -> None:
    made = plan_clip(Request(model.name, "x", *model.default_size, min(seconds, model.max_seconds), 1))
    (window,) = made.windows
    pieces = [step for step in made.steps if isinstance(step, DecodeSpan)]
    assert [frame for piece in pieces for frame in range(piece.first, piece.last + 1)] == list(range(made.frames))
    assert [piece.decode_from for piece in pieces] == [0, *(piece.decode_to for piece in pieces[:-1])]
    assert pieces[-1].decode_to == window.latents
    assert not window.keyframes
    assert not window.guides
    if model.causal_decoder:
        assert all(piece.last - piece.first < SHORT * model.fps for piece in pieces)
    else:
        assert len(pieces) == 1


def test_what_no_window_can_go_on_with_is_refused_and_not_tried_for_ever() -> None:
    stills = MODELS["z-image-turbo"]
    with pytest.raises(ValueError, match="z-image-turbo has no windows for frames 0 to 23"):
        plan_clip(Request(stills.name, "x", 1024, 1024, 1, 1))
