from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog import registry
from engine.catalog.registry import MODELS, Model, Size
from engine.types import Condition, Cue, Request, Take

mini = registry.find("kinora-mini")
sides = st.integers(32, 960).map(lambda half: 2 * half)
models = st.sampled_from(list(MODELS.values()))


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_an_entry_agrees_with_itself(model: Model) -> None:
    assert (model.window_frames - 1) % model.frame_rule == 0
    longest = 1 + (model.window_frames - 1) // model.frame_rule
    assert not model.films or longest > 1 + 2 * model.context_latents, "no room for anything new between two films"
    assert not model.whole or registry.frames(model, model.max_seconds) <= model.window_frames
    assert not any(registry.check(model, *size, model.max_seconds) for size in model.sizes)
    assert bool(model.native_sizes) != bool(model.native_pixels)
    assert all(side % model.native_multiple == 0 for size in model.native_sizes for side in size)
    assert set(model.sampling) == {"turbo", "full"}
    for how in model.sampling.values():
        assert not how.sigmas or len(how.sigmas) == how.steps
        assert bool(how.adapter) == (how.plain is not None), "weights may come without the adapter"
        assert how.plain is None or not how.plain.adapter


def test_the_default_exists_and_is_bundled() -> None:
    assert registry.find(registry.DEFAULT).bundled


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(registry.UnknownModelError, match="kinora-mini"):
        registry.find("sora-3")


@pytest.mark.parametrize(
    ("width", "height", "seconds", "field", "limit"),
    [
        (62, 192, 5, "size", "64..1920"),
        (320, 1922, 5, "size", "64..1920"),
        (321, 192, 5, "size", "multiple of 2"),
        (320, 192, 0.5, "seconds", "1..20"),
        (320, 192, 20.5, "seconds", "1..20"),
        (320, 192, -1, "seconds", "1..20"),
        (320, 192, math.nan, "seconds", "1..20"),
    ],
)
def test_a_problem_names_the_field_and_the_limit(
    width: int, height: int, seconds: float, field: str, limit: str
) -> None:
    (problem,) = registry.check(mini, width, height, seconds)
    assert (problem.field, problem.limit) == (field, limit)
    assert problem.message.endswith(".")


def test_a_still_and_the_longest_clip_are_fine() -> None:
    assert registry.check(mini, 320, 192, 0) == ()
    assert registry.check(mini, 320, 192, 20) == ()


@pytest.mark.parametrize(
    ("frame", "strength", "limit"), [(120, 1.0, "frame -1..119"), (-2, 1.0, "frame -1..119"), (0, 1.5, "strength 0..1")]
)
def test_a_picture_outside_the_clip_is_a_problem(frame: int, strength: float, limit: str) -> None:
    model = registry.find("ltx-video-2b-0.9.5")
    (problem,) = registry.check(model, 768, 512, 5, conditions=(Condition(b"", frame, strength),))
    assert (problem.field, problem.limit) == ("conditions", limit)


def test_a_model_trained_on_first_frames_refuses_others() -> None:
    model = registry.find("ltx-video-2b")
    assert registry.check(model, 768, 512, 5, conditions=(Condition(b"", 0),)) == ()
    (problem,) = registry.check(model, 768, 512, 5, conditions=(Condition(b"", -1),))
    assert problem.limit == "frame 0"


@pytest.mark.parametrize(
    ("name", "seconds", "changes", "field", "limit"),
    [
        ("wan2.1-t2v-1.3b", 6, {}, "seconds", "1..5"),
        ("wan2.1-t2v-1.3b", 4, {"takes": (Take(Path("a"), 0, 8, 0, (0.4,)),)}, "takes", "none"),
        ("wan2.1-t2v-1.3b", 4, {"cues": (Cue(0, 20, "a"), Cue(30, 64, "b"))}, "cues", "none"),
        ("wan2.1-t2v-1.3b", 4, {"loop": True}, "loop", "false"),
        ("wan2.1-t2v-1.3b", 4, {"conditions": (Condition(b"", 0),)}, "conditions", "at most 0"),
        ("wan2.1-i2v-14b-480p", 0, {"conditions": (Condition(b"", 0),)}, "seconds", "films"),
        ("wan2.1-i2v-14b-480p", 4, {}, "conditions", "frame 0"),
        ("wan2.1-i2v-14b-480p", 4, {"conditions": (Condition(b"", 0, 0.5),)}, "conditions", "strength 1"),
        ("wan2.1-flf2v-14b-720p", 4, {"conditions": (Condition(b"", 0),)}, "conditions", "frame -1"),
        ("wan2.2-i2v-a14b", 4, {"conditions": (Condition(b"", 0), Condition(b"", 9))}, "conditions", "frame 0 or -1"),
        ("wan2.2-i2v-a14b", 4, {"conditions": (Condition(b"", -1),)}, "conditions", "frame 0"),
        ("wan2.2-i2v-a14b", 4, {"conditions": (Condition(b"", 0),) * 2}, "conditions", "one picture a frame"),
        ("ltx-2", 4, {"takes": (Take(Path("a"), 0, 8, 0),)}, "takes", "none"),
        ("z-image-turbo", 4, {}, "seconds", "0"),
    ],
)
def test_what_a_family_cannot_do_is_refused_by_name(
    name: str, seconds: float, changes: dict[str, Any], field: str, limit: str
) -> None:
    request = Request(name, "x", *registry.find(name).default_size, seconds, 1, **changes)
    [problem] = registry.check_request(request)
    assert (problem.field, problem.limit) == (field, limit)
    assert name in problem.message


def test_pictures_at_both_ends_are_fine_where_a_model_takes_them() -> None:
    ends = (Condition(b"", 0), Condition(b"", 63))
    for name in ("wan2.1-flf2v-14b-720p", "wan2.2-i2v-a14b"):
        assert registry.check_request(Request(name, "x", 832, 480, 4, 1, conditions=ends)) == ()


def test_too_many_pictures_are_a_problem() -> None:
    (problem,) = registry.check(mini, 320, 192, 5, conditions=(Condition(b"", 0),) * 9)
    assert problem.limit == "at most 8"


def test_a_whole_request_is_checked() -> None:
    request = Request("nope", "x", 320, 192, 5, 1)
    assert [problem.field for problem in registry.check_request(request)] == ["model"]
    request = Request("kinora-mini", "x", 320, 192, 5, 1, steps=0, guidance_scale=0.5)
    assert [problem.field for problem in registry.check_request(request)] == ["steps", "guidance_scale"]
    request = Request("kinora-mini", "x", 320, 192, 5, 2**32)
    assert [problem.field for problem in registry.check_request(request)] == ["seed"]


@given(models, st.floats(1, 20))
def test_a_clip_has_the_frames_its_length_says(model: Model, seconds: float) -> None:
    assert abs(registry.frames(model, seconds) - seconds * model.fps) <= 0.5


@given(models, sides, sides)
def test_what_is_denoised_fits_the_model(model: Model, width: int, height: int) -> None:
    native = registry.native(model, width, height)
    assert all(side % model.native_multiple == 0 for side in native)
    if model.native_sizes:
        assert native in model.native_sizes
    else:
        assert native.width * native.height <= model.native_pixels


def test_a_portrait_is_denoised_upright() -> None:
    assert registry.native(mini, 720, 1280) == Size(96, 160)
    assert registry.native(registry.find("ltx-video-2b"), 720, 1280) == Size(736, 1280)


@given(st.sampled_from(sorted(MODELS)), st.integers(16, 4000), st.integers(16, 4000), st.sampled_from([320, 720, 1080]))
def test_a_film_sent_in_gets_the_offered_size_most_like_it(name: str, width: int, height: int, most: int) -> None:
    model = registry.find(name)
    size = registry.nearest(model, width, height, most)
    assert size in model.sizes
    if any(min(each) <= most for each in model.sizes):
        assert min(size) <= most
        if max(width, height) > 1.5 * min(width, height):
            assert (size.width > size.height) == (width > height)
