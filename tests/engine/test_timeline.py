from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import catalog, timeline
from engine.catalog import MODELS, Model
from engine.timeline import Plan, plan
from engine.types import Condition, Request

requests = st.builds(
    Request,
    model=st.sampled_from(list(MODELS)),
    prompt=st.just("x"),
    width=st.just(768),
    height=st.just(512),
    seconds=st.one_of(st.just(0), st.floats(1, 20)),
    seed=st.integers(0, 2**32 - 1),
)


@given(requests)
def test_every_frame_of_the_file_is_written_once(request: Request) -> None:
    made = plan(request)
    edges = [0, *(segment.frames_after for segment in made.segments)]
    assert [segment.frames_before for segment in made.segments] == edges[:-1]
    assert all(before < after for before, after in pairwise(edges))
    assert edges[-1] == made.frames == max(1, round(request.seconds * made.fps))


@given(requests)
def test_every_latent_is_denoised_once_and_none_in_vain(request: Request) -> None:
    made = plan(request)
    assert [each.first for each in made.segments] == [0, *(each.end for each in made.segments[:-1])]
    rule, last = made.model.frame_rule, made.segments[-1].end - 1
    assert rule * (last - 1) < made.frames - 1 <= rule * last or (made.frames == 1 and last == 0)


@given(requests)
def test_a_window_fits_the_model_and_none_is_a_stub(request: Request) -> None:
    made = plan(request)
    lengths = [segment.latents for segment in made.segments]
    assert all(rule_frames(made, length) <= made.model.window_frames for length in lengths)
    assert max(lengths) - min(lengths) <= 1


@given(requests)
def test_there_are_as_few_windows_as_possible(request: Request) -> None:
    made = plan(request)
    longest = (made.model.window_frames - 1) // made.model.frame_rule + 1
    fresh = longest - made.model.context_latents - 1
    fewer = len(made.segments) - 1
    assert fewer == 0 or longest + (fewer - 1) * fresh < made.segments[-1].end


@given(requests)
def test_a_window_continues_from_what_exists(request: Request) -> None:
    made = plan(request)
    for before, segment in pairwise(made.segments):
        assert segment.carried == made.model.context_latents
        assert segment.origin == segment.first - segment.carried - 1 >= 0
        anchor = timeline.last_frame(made.model.frame_rule, segment.origin)
        assert anchor < before.frames_after, "the anchor must have been decoded"
        assert segment.origin >= before.oldest_anchor, "the anchor must not have been forgotten"
        assert segment.decode_from < segment.first, "the decoder must see both sides of the seam"


@given(requests)
def test_what_is_decoded_holds_what_the_file_gets(request: Request) -> None:
    made = plan(request)
    rule = made.model.frame_rule
    for segment in made.segments:
        shown_from = rule * segment.decode_from
        # Where decoding starts within the clip, its first frame is not a first frame: it is thrown away.
        assert segment.frames_before > shown_from or segment.decode_from == 0
        assert segment.frames_after - 1 <= rule * (segment.end - 1)


@given(requests, st.data())
def test_a_picture_lands_in_the_window_that_makes_its_frame(request: Request, data: st.DataObject) -> None:
    count = catalog.frames(catalog.find(request.model), request.seconds)
    frames = data.draw(st.lists(st.integers(-1, count - 1), min_size=1, max_size=4))
    conditions = tuple(Condition(str(frame).encode(), frame) for frame in frames)
    made = plan(replace(request, conditions=conditions))
    placed = [(segment, each) for segment in made.segments for each in segment.conditions]
    assert sorted(each.condition.image for _, each in placed) == sorted(each.image for each in conditions)
    for segment, each in placed:
        wanted = count - 1 if each.condition.frame == -1 else each.condition.frame
        assert each.frame + timeline.last_frame(made.model.frame_rule, segment.origin) == wanted
        assert -(-wanted // made.model.frame_rule) in range(segment.first, segment.end)


@given(requests)
def test_windows_have_seeds_of_their_own_and_the_first_keeps_the_request_s(request: Request) -> None:
    made = plan(request)
    seeds = [segment.seed for segment in made.segments]
    assert seeds[0] == request.seed
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed <= catalog.MAX_SEED for seed in seeds)


def test_seeds_next_to_each_other_share_no_window() -> None:
    seeds = [
        segment.seed for seed in range(50) for segment in plan(Request("kinora-mini", "x", 320, 192, 20, seed)).segments
    ]
    assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize(("seconds", "frames"), [(1, 24), (5, 120), (20, 480), (2.5, 60), (0, 1)])
def test_the_length_is_exact(seconds: float, frames: int) -> None:
    made = plan(Request("ltx-video-2b", "x", 768, 512, seconds, 1))
    assert made.frames == frames
    assert made.seconds == frames / 24


def rule_frames(made: Plan, latents: int) -> int:
    model: Model = made.model
    return (latents - 1) * model.frame_rule + 1
