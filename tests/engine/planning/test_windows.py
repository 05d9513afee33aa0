from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog import registry
from engine.catalog.registry import MODELS
from engine.catalog.validation import MAX_SEED
from engine.planning.plan import DecodeSpan, FrameRef, Gap, GuideLatents
from engine.planning.timeline import plan_clip
from engine.planning.windows import DECODE_AHEAD, DECODE_BEHIND
from engine.types import ImageCondition, PromptSpan, Request, SourceSpan
from tests.support.plan_requests import FILM, PLAIN, by_gap, requests, span


@given(requests())
def test_every_latent_of_a_gap_is_denoised_once_and_none_in_vain(request: Request) -> None:
    made = plan_clip(request)
    rule = made.model.temporal_compression
    for gap, windows in by_gap(made):
        latents = [latent for window in windows for latent in range(window.first, window.end)]
        assert latents == list(range(gap.context_before, gap.latents))
        wanted = gap.last + gap.returns_to_start  # a loop also makes the frame that is its first again
        assert span(gap, gap.latents - 1, rule)[0] <= wanted <= span(gap, gap.latents - 1, rule)[1]


@given(requests())
def test_a_window_fits_the_model_and_is_short(request: Request) -> None:
    made = plan_clip(request)
    for window in made.windows:
        assert (window.latents - 1) * made.model.temporal_compression + 1 <= made.model.window_frames
        assert window.new >= 1
        most = made.model.new_frames or made.model.window_frames
        assert made.model.temporal_compression * (window.new - (window.lead == 0)) <= most


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.repo.startswith("Lightricks/LTX-V")])
def test_five_seconds_of_ltx_video_are_one_window_of_121_frames(name: str) -> None:
    model = MODELS[name]
    made = plan_clip(Request(name, "x", 768, 512, 5.0, 1))
    assert [1 + 8 * (window.latents - 1) for window in made.windows] == [121]
    made = plan_clip(Request(name, "x", 768, 512, 20.0, 1))
    assert max(1 + 8 * (window.latents - 1) for window in made.windows) <= model.window_frames == 121
    assert len(made.windows) == 5


def test_a_window_of_the_bundled_model_adds_two_and_a_half_seconds() -> None:
    made = plan_clip(Request("kinora-mini", "x", 320, 192, 10.0, 1))
    assert all(8 * (window.new - (window.lead == 0)) <= 2.5 * made.fps for window in made.windows)
    assert len(made.windows) == 5


@given(requests())
def test_windows_of_a_gap_cost_about_the_same(request: Request) -> None:
    for _, windows in by_gap(plan_clip(request)):
        inner = [window.new for window in windows[1:-1]]
        assert max(inner, default=0) - min(inner, default=0) <= 1


@given(requests())
def test_what_is_decoded_has_neighbours_on_both_sides(request: Request) -> None:
    made = plan_clip(request)
    for step in made.steps:
        if isinstance(step, DecodeSpan):
            gap, rule = made.gaps[step.gap], made.model.temporal_compression
            shown_latents = [
                latent for latent in range(gap.latents) if span(gap, latent, rule)[1] >= step.first
                and span(gap, latent, rule)[0] <= step.last
            ]  # fmt: skip
            assert step.decode_from <= max(0, shown_latents[0] - DECODE_BEHIND)
            if step.last < gap.last:
                assert step.decode_to > shown_latents[-1] + DECODE_AHEAD - 1


@given(requests())
def test_source_videos_beside_a_gap_are_given_where_they_are(request: Request) -> None:
    made = plan_clip(request)
    rule = made.model.temporal_compression
    for window in made.windows:
        gap = made.gaps[window.gap]
        for guide in window.guides:
            if guide.video is None:
                continue
            latent = window.origin + guide.at
            take = gap.before if guide.at == 0 else gap.behind
            assert take is not None
            for past in range(len(guide.strengths)):
                start, stop = span(gap, latent + past, rule)
                if past == 0:
                    assert guide.start - take.start == start - (take.at if guide.at == 0 else gap.last + 1)
                assert (
                    take.at
                    <= start + wrapped(take, gap, guide)
                    <= stop + wrapped(take, gap, guide)
                    < take.at + take.frames
                )


def wrapped(take: SourceSpan, gap: Gap, guide: GuideLatents) -> int:
    """How far the take lies from where the gap leads to it: a loop's first film comes after its last frame."""
    return 0 if guide.at == 0 else take.at - gap.last - 1


@given(requests(), st.data())
def test_an_image_lands_in_the_window_that_makes_its_frame(request: Request, data: st.DataObject) -> None:
    count = registry.frame_count(registry.find_model(request.model), request.seconds)
    frames = data.draw(st.lists(st.integers(-1, count - 1), min_size=1, max_size=4))
    conditions = tuple(ImageCondition(str(frame).encode(), frame) for frame in frames)
    made = plan_clip(replace(request, source_spans=(), conditions=conditions))
    rule = made.model.temporal_compression
    placed = [
        (window, each.frame, each.image)
        for window in made.windows
        for each in window.keyframes
        if isinstance(each.image, ImageCondition)
    ]
    assert sorted(picture.image for _, _, picture in placed) == sorted(each.image for each in conditions)
    for window, frame, picture in placed:
        wanted = count - 1 if picture.frame == -1 else picture.frame
        gap = made.gaps[window.gap]
        assert gap.origin + rule * window.origin + frame == wanted
        assert span(gap, window.first, rule)[0] <= wanted <= span(gap, window.end - 1, rule)[1]


@given(requests())
def test_windows_have_seeds_of_their_own_and_the_first_keeps_the_request_s(request: Request) -> None:
    made = plan_clip(request)
    seeds = [window.seed for window in made.windows]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed <= MAX_SEED for seed in seeds)
    if not request.source_spans:
        assert seeds[0] == request.seed


def test_seeds_next_to_each_other_share_no_window() -> None:
    seeds = [window.seed for seed in range(50) for window in plan_clip(replace(PLAIN, seconds=20, seed=seed)).windows]
    assert len(set(seeds)) == len(seeds)


@given(requests())
def test_prompts_give_way_to_each_other_by_degrees_and_only_within_a_cut(request: Request) -> None:
    made = plan_clip(request)
    for window in made.windows:
        assert sum(weight for _, weight in window.prompt_weights) == pytest.approx(1)
        assert all(0 <= weight <= 1 for _, weight in window.prompt_weights)
        numbers = [number for number, _ in window.prompt_weights]
        assert numbers in ([numbers[0]], [numbers[0], numbers[0] + 1])
    cuts = {later.at for earlier, later in pairwise(request.prompt_spans) if earlier.until == later.at}
    for gap in made.gaps:
        assert not any(gap.first < cut <= gap.last for cut in cuts)
        if gap.first in cuts:
            assert gap.context_before == 0


@given(requests())
def test_a_loop_comes_back_to_its_first_frame(request: Request) -> None:
    made = plan_clip(replace(request, loop=True, source_spans=(), prompt_spans=(), seconds=max(1.0, request.seconds)))
    first, *_, last = made.windows
    assert first is not last, "the beginning must be there before the end"
    gap = made.gaps[0]
    home = next(each for each in last.keyframes if each.image == FrameRef(None, 0))
    assert made.model.temporal_compression * last.origin + home.frame == made.frames == gap.last + 1


def test_a_remix_starts_every_latent_from_the_source_video() -> None:
    made = plan_clip(replace(PLAIN, source_spans=(SourceSpan(FILM, 8, 40, 0, (0.5,)),)))
    for window in made.windows:
        (guide,) = window.guides
        first = span(made.gaps[0], window.first, 8)[0]
        assert (guide.at, guide.start, guide.strengths) == (window.lead, 8 + first, (0.5,) * window.new)


def test_a_blend_starts_from_one_video_and_then_from_the_other_never_from_both() -> None:
    takes = (SourceSpan(Path("a"), 0, 40, 0, (0.9, 0.0, 0.0)), SourceSpan(Path("b"), 0, 40, 0, (0.0, 0.0, 0.9)))
    made = plan_clip(replace(PLAIN, source_spans=takes))
    films = [
        (window.origin + guide.at + past, guide.video, strength)
        for window in made.windows
        for guide in window.guides
        for past, strength in enumerate(guide.strengths)
    ]
    assert [str(film) for _, film, _ in films] == sorted(str(film) for _, film, _ in films)
    assert len({latent for latent, _, _ in films}) == len(films) == made.gaps[0].latents
    assert films[0][2] == 0.9
    assert films[-1][2] > 0.7


def test_a_loop_returns_to_no_more_of_its_beginning_than_there_is_before_a_cut() -> None:
    """A first scene of two frames: the last one leads to those, and not to frames that no scene has."""
    cues = (PromptSpan(0, 2, "a"), PromptSpan(2, 104, "b"))
    made = plan_clip(replace(PLAIN, seconds=13, prompt_spans=cues, loop=True))
    *_, last = made.windows
    assert last.trail_source == "beginning"
    assert last.trail == 0
    longer = plan_clip(
        replace(PLAIN, seconds=13, prompt_spans=(PromptSpan(0, 40, "a"), PromptSpan(40, 104, "b")), loop=True)
    )
    assert longer.windows[-1].trail == MODELS["kinora-mini"].context_latents
