from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog import registry
from engine.catalog.model import Model
from engine.catalog.registry import MODELS
from engine.catalog.validation import MAX_SEED
from engine.planning.plan import Frame, Gap, Guide, Kept, Plan, Shown, Window
from engine.planning.timeline import plan
from engine.planning.windows import DECODE_AHEAD, DECODE_BEHIND, SHORT
from engine.types import Condition, Cue, Request, Take

LONG = [model for model in MODELS.values() if not model.whole]
WHOLE = [model for model in MODELS.values() if model.whole]
FILM = Path("film.mp4")
PLAIN = Request("kinora-mini", "x", 320, 192, 5, 1)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """A clip of any length: with films kept at some places and prompts that change, or a loop, or neither."""
    model = draw(st.sampled_from([model for model in LONG if "storyboard" in model.operations]))
    seconds = draw(st.one_of(st.just(0.0), st.floats(1, 20)))
    total = registry.frames(model, seconds)
    borders = sorted(draw(st.sets(st.integers(0, total), max_size=6)))
    takes = tuple(
        Take(FILM, draw(st.integers(0, 30)), stop - start, start)
        for start, stop in pairwise(borders)
        if draw(st.booleans())
    )
    anywhere = st.integers(0, total - 1)
    inner = [border for border in borders if border < total]
    marks = sorted(draw(st.sets(anywhere | st.sampled_from(inner) if inner else anywhere, max_size=4)))
    cues = tuple(
        Cue(at, until if draw(st.booleans()) else draw(st.integers(at, until)), str(at))
        for at, until in pairwise([*marks, total])
    )
    return Request(
        model.name, "x", 768, 512, seconds, draw(st.integers(0, 2**32 - 1)), takes=takes, cues=cues,
        loop=seconds > 0 and draw(st.booleans()),
    )  # fmt: skip


def shown(made: Plan) -> list[Shown | Kept]:
    return [step for step in made.steps if isinstance(step, Shown | Kept)]


def by_gap(made: Plan) -> Iterator[tuple[Gap, list[Window]]]:
    """Gaps and their windows from front to back."""
    for index, gap in enumerate(made.gaps):
        yield gap, sorted((each for each in made.windows if each.gap == index), key=lambda each: each.first)


def span(gap: Gap, latent: int, rule: int) -> tuple[int, int]:
    """The first and last frame of the clip that a latent of a strip stands for."""
    return gap.origin + rule * latent - (rule - 1 if latent else 0), gap.origin + rule * latent


@given(requests())
def test_every_frame_is_shown_once_and_in_order(request: Request) -> None:
    made = plan(request)
    frames = [frame for step in shown(made) for frame in range(step.first, step.last + 1)]
    assert frames == list(range(made.frames))
    assert made.frames == max(1, round(request.seconds * made.fps))


@given(requests())
def test_films_that_are_kept_are_where_they_were_laid(request: Request) -> None:
    kept = {
        step.first + past: step.start + past
        for step in shown(plan(request))
        if isinstance(step, Kept)
        for past in range(step.last - step.first + 1)
    }
    assert kept == {take.at + past: take.start + past for take in request.takes for past in range(take.frames)}


@given(requests())
def test_every_latent_of_a_gap_is_denoised_once_and_none_in_vain(request: Request) -> None:
    made = plan(request)
    rule = made.model.frame_rule
    for gap, windows in by_gap(made):
        latents = [latent for window in windows for latent in range(window.first, window.end)]
        assert latents == list(range(gap.given_before, gap.latents))
        wanted = gap.last + gap.returns  # a loop also makes the frame that is its first again
        assert span(gap, gap.latents - 1, rule)[0] <= wanted <= span(gap, gap.latents - 1, rule)[1]


@given(requests())
def test_a_window_fits_the_model_and_is_short(request: Request) -> None:
    made = plan(request)
    for window in made.windows:
        assert (window.latents - 1) * made.model.frame_rule + 1 <= made.model.window_frames
        assert window.new >= 1
        assert made.model.frame_rule * (window.new - (window.lead == 0)) <= SHORT * made.fps


@given(requests())
def test_windows_of_a_gap_cost_about_the_same(request: Request) -> None:
    for _, windows in by_gap(plan(request)):
        inner = [window.new for window in windows[1:-1]]
        assert max(inner, default=0) - min(inner, default=0) <= 1


@given(requests())
def test_a_step_uses_only_what_is_there_by_then(request: Request) -> None:
    made = plan(request)
    rule = made.model.frame_rule
    strips = [
        set(range(gap.given_before)) | set(range(gap.latents, gap.latents + gap.given_behind)) for gap in made.gaps
    ]
    watched = -1
    for step in made.steps:
        match step:
            case Window():
                strip = strips[step.gap]
                if step.before == "strip":
                    assert {step.origin, *range(step.origin + 1, step.first)} <= strip
                if step.behind == "strip":
                    assert set(range(step.end, step.end + step.trail)) <= strip
                if step.behind == "beginning":
                    strips[step.gap] |= set(range(step.end, step.end + step.trail))
                for guide in step.guides:
                    if guide.film is None:
                        ready = made.gaps[step.gap].origin + rule * (step.first - 1)
                        assert guide.start - 1 >= 0
                        assert guide.start + rule * len(guide.strengths) - 1 <= ready
                strips[step.gap] |= set(range(step.first, step.end))
            case Shown():
                gap, strip = made.gaps[step.gap], strips[step.gap]
                assert set(range(step.decode_from, step.decode_to)) <= strip
                # Where decoding starts within a strip, its first frame is not a first frame: it is thrown away.
                assert step.first > span(gap, step.decode_from, rule)[1] or step.decode_from == 0
                assert step.last <= span(gap, step.decode_to - 1, rule)[1]
                watched = step.last
            case Kept():
                watched = step.last
    assert watched == made.frames - 1


@given(requests())
def test_what_is_decoded_has_neighbours_on_both_sides(request: Request) -> None:
    made = plan(request)
    for step in shown(made):
        if isinstance(step, Shown):
            gap, rule = made.gaps[step.gap], made.model.frame_rule
            shown_latents = [
                latent for latent in range(gap.latents) if span(gap, latent, rule)[1] >= step.first
                and span(gap, latent, rule)[0] <= step.last
            ]  # fmt: skip
            assert step.decode_from <= max(0, shown_latents[0] - DECODE_BEHIND)
            if step.last < gap.last:
                assert step.decode_to > shown_latents[-1] + DECODE_AHEAD - 1


@given(requests())
def test_films_beside_a_gap_are_given_where_they_are(request: Request) -> None:
    made = plan(request)
    rule = made.model.frame_rule
    for window in made.windows:
        gap = made.gaps[window.gap]
        for guide in window.guides:
            if guide.film is None:
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


def wrapped(take: Take, gap: Gap, guide: Guide) -> int:
    """How far the take lies from where the gap leads to it: a loop's first film comes after its last frame."""
    return 0 if guide.at == 0 else take.at - gap.last - 1


@given(requests(), st.data())
def test_a_picture_lands_in_the_window_that_makes_its_frame(request: Request, data: st.DataObject) -> None:
    count = registry.frames(registry.find(request.model), request.seconds)
    frames = data.draw(st.lists(st.integers(-1, count - 1), min_size=1, max_size=4))
    conditions = tuple(Condition(str(frame).encode(), frame) for frame in frames)
    made = plan(replace(request, takes=(), conditions=conditions))
    rule = made.model.frame_rule
    placed = [
        (window, each.frame, each.picture)
        for window in made.windows
        for each in window.pictures
        if isinstance(each.picture, Condition)
    ]
    assert sorted(picture.image for _, _, picture in placed) == sorted(each.image for each in conditions)
    for window, frame, picture in placed:
        wanted = count - 1 if picture.frame == -1 else picture.frame
        gap = made.gaps[window.gap]
        assert gap.origin + rule * window.origin + frame == wanted
        assert span(gap, window.first, rule)[0] <= wanted <= span(gap, window.end - 1, rule)[1]


@given(requests())
def test_windows_have_seeds_of_their_own_and_the_first_keeps_the_request_s(request: Request) -> None:
    made = plan(request)
    seeds = [window.seed for window in made.windows]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed <= MAX_SEED for seed in seeds)
    if not request.takes:
        assert seeds[0] == request.seed


def test_seeds_next_to_each_other_share_no_window() -> None:
    seeds = [window.seed for seed in range(50) for window in plan(replace(PLAIN, seconds=20, seed=seed)).windows]
    assert len(set(seeds)) == len(seeds)


@given(requests())
def test_prompts_give_way_to_each_other_by_degrees_and_only_within_a_cut(request: Request) -> None:
    made = plan(request)
    for window in made.windows:
        assert sum(weight for _, weight in window.weights) == pytest.approx(1)
        assert all(0 <= weight <= 1 for _, weight in window.weights)
        numbers = [number for number, _ in window.weights]
        assert numbers in ([numbers[0]], [numbers[0], numbers[0] + 1])
    cuts = {later.at for earlier, later in pairwise(request.cues) if earlier.until == later.at}
    for gap in made.gaps:
        assert not any(gap.first < cut <= gap.last for cut in cuts)
        if gap.first in cuts:
            assert gap.given_before == 0


def test_where_prompts_touch_nothing_is_handed_on() -> None:
    cues = (Cue(0, 16, "a"), Cue(16, 32, "b"), Cue(32, 40, "c"))
    film = (Take(FILM, 0, 16, 0), Take(FILM, 0, 8, 32))
    (gap,) = plan(replace(PLAIN, takes=film, cues=cues)).gaps
    assert (gap.first, gap.last, gap.given_before, gap.given_behind) == (16, 31, 0, 0)
    (gap,) = plan(replace(PLAIN, takes=film)).gaps
    assert (gap.given_before, gap.given_behind) == (2, 1)
    assert [(gap.first, gap.given_before) for gap in plan(replace(PLAIN, cues=cues)).gaps] == [(0, 0), (16, 0), (32, 0)]


@given(requests())
def test_a_loop_comes_back_to_its_first_frame(request: Request) -> None:
    made = plan(replace(request, loop=True, takes=(), cues=(), seconds=max(1.0, request.seconds)))
    first, *_, last = made.windows
    assert first is not last, "the beginning must be there before the end"
    gap = made.gaps[0]
    home = next(each for each in last.pictures if each.picture == Frame(None, 0))
    assert made.model.frame_rule * last.origin + home.frame == made.frames == gap.last + 1


@given(requests())
def test_what_leads_to_a_film_is_made_from_back_to_front_and_all_else_is_shown_as_it_comes(request: Request) -> None:
    made = plan(request)
    for index, gap in enumerate(made.gaps):
        steps = [step for step in made.steps if not isinstance(step, Kept) and step.gap == index]
        firsts = [step.first for step in steps if isinstance(step, Window)]
        assert firsts == sorted(firsts, reverse=gap.backwards)
        assert isinstance(steps[-1], Shown)
        if not gap.backwards:
            later = steps[steps.index(next(step for step in steps if isinstance(step, Shown))) :]
            assert all(isinstance(step, Shown) is (number % 2 == 0) for number, step in enumerate(later))


@pytest.mark.parametrize(
    ("strength", "values"), [((1.0,), [1, 1, 1]), ((0.0, 1.0), [0, 0.5, 1]), ((0.2, 1.0, 0.0), [0.2, 1, 0])]
)
def test_a_take_s_strength_runs_straight_between_its_values(strength: tuple[float, ...], values: list[float]) -> None:
    take = Take(FILM, 0, 11, 4, strength)
    assert [take.strength_at(frame) for frame in (4, 9, 14)] == pytest.approx(values)
    assert take.strength_at(3) == take.strength_at(15) == 0


def test_a_remix_starts_every_latent_from_the_film() -> None:
    made = plan(replace(PLAIN, takes=(Take(FILM, 8, 40, 0, (0.5,)),)))
    for window in made.windows:
        (guide,) = window.guides
        first = span(made.gaps[0], window.first, 8)[0]
        assert (guide.at, guide.start, guide.strengths) == (window.lead, 8 + first, (0.5,) * window.new)


def test_a_blend_starts_from_one_film_and_then_from_the_other_never_from_both() -> None:
    takes = (Take(Path("a"), 0, 40, 0, (0.9, 0.0, 0.0)), Take(Path("b"), 0, 40, 0, (0.0, 0.0, 0.9)))
    made = plan(replace(PLAIN, takes=takes))
    films = [
        (window.origin + guide.at + past, guide.film, strength)
        for window in made.windows
        for guide in window.guides
        for past, strength in enumerate(guide.strengths)
    ]
    assert [str(film) for _, film, _ in films] == sorted(str(film) for _, film, _ in films)
    assert len({latent for latent, _, _ in films}) == len(films) == made.gaps[0].latents
    assert films[0][2] == 0.9
    assert films[-1][2] > 0.7


@pytest.mark.parametrize(("seconds", "frames"), [(1, 24), (5, 120), (20, 480), (2.5, 60), (0, 1)])
def test_the_length_is_exact(seconds: float, frames: int) -> None:
    made = plan(Request("ltx-video-2b", "x", 768, 512, seconds, 1))
    assert made.frames == frames
    assert made.seconds == frames / 24


@pytest.mark.parametrize("model", [model.name for model in LONG])
def test_four_times_the_length_costs_at_most_four_and_a_half_times_as_much(model: str) -> None:
    short, long = (
        sum(window.latents for window in plan(Request(model, "x", 768, 512, seconds, 1)).windows) for seconds in (5, 20)
    )
    assert long <= 4.5 * short


@given(st.sampled_from(WHOLE), st.floats(1, 20))
def test_a_whole_clip_is_one_window_and_shown_in_stretches_that_a_causal_decoder_allows(
    model: Model, seconds: float
) -> None:
    made = plan(Request(model.name, "x", *model.default_size, min(seconds, model.max_seconds), 1))
    (window,) = made.windows
    pieces = [step for step in made.steps if isinstance(step, Shown)]
    assert [frame for piece in pieces for frame in range(piece.first, piece.last + 1)] == list(range(made.frames))
    assert [piece.decode_from for piece in pieces] == [0, *(piece.decode_to for piece in pieces[:-1])]
    assert pieces[-1].decode_to == window.latents
    assert not window.pictures
    assert not window.guides
    if model.causal_decoder:
        assert all(piece.last - piece.first < SHORT * model.fps for piece in pieces)
    else:
        assert len(pieces) == 1


def test_a_loop_returns_to_no_more_of_its_beginning_than_there_is_before_a_cut() -> None:
    """A first scene of two frames: the last one leads to those, and not to frames that no scene has."""
    cues = (Cue(0, 2, "a"), Cue(2, 104, "b"))
    made = plan(replace(PLAIN, seconds=13, cues=cues, loop=True))
    *_, last = made.windows
    assert last.behind == "beginning"
    assert last.trail == 0
    longer = plan(replace(PLAIN, seconds=13, cues=(Cue(0, 40, "a"), Cue(40, 104, "b")), loop=True))
    assert longer.windows[-1].trail == MODELS["kinora-mini"].context_latents


def test_what_no_window_can_go_on_with_is_refused_and_not_tried_for_ever() -> None:
    stills = MODELS["z-image-turbo"]
    with pytest.raises(ValueError, match="z-image-turbo has no windows for frames 0 to 23"):
        plan(Request(stills.name, "x", 1024, 1024, 1, 1))
