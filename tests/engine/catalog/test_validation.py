from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from engine.catalog.registry import find_model
from engine.catalog.validation import check_clip, check_request
from engine.types import ImageCondition, PromptSpan, Request, SourceSpan

mini = find_model("kinora-mini")


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
    (problem,) = check_clip(mini, width, height, seconds)
    assert (problem.field, problem.limit) == (field, limit)
    assert problem.message.endswith(".")


def test_a_still_and_the_longest_clip_are_fine() -> None:
    assert check_clip(mini, 320, 192, 0) == ()
    assert check_clip(mini, 320, 192, 20) == ()


@pytest.mark.parametrize(
    ("frame", "strength", "limit"), [(120, 1.0, "frame -1..119"), (-2, 1.0, "frame -1..119"), (0, 1.5, "strength 0..1")]
)
def test_an_image_outside_the_clip_is_a_problem(frame: int, strength: float, limit: str) -> None:
    model = find_model("ltx-video-2b-0.9.5")
    (problem,) = check_clip(model, 768, 512, 5, conditions=(ImageCondition(b"", frame, strength),))
    assert (problem.field, problem.limit) == ("conditions", limit)


def test_a_model_trained_on_first_frames_refuses_others() -> None:
    model = find_model("ltx-video-2b")
    assert check_clip(model, 768, 512, 5, conditions=(ImageCondition(b"", 0),)) == ()
    (problem,) = check_clip(model, 768, 512, 5, conditions=(ImageCondition(b"", -1),))
    assert problem.limit == "frame 0"


@pytest.mark.parametrize(
    ("name", "seconds", "changes", "field", "limit"),
    [
        ("wan2.1-t2v-1.3b", 6, {}, "seconds", "1..5"),
        ("wan2.1-t2v-1.3b", 4, {"source_spans": (SourceSpan(Path("a"), 0, 8, 0, (0.4,)),)}, "source_spans", "none"),
        (
            "wan2.1-t2v-1.3b",
            4,
            {"prompt_spans": (PromptSpan(0, 20, "a"), PromptSpan(30, 64, "b"))},
            "prompt_spans",
            "none",
        ),
        ("wan2.1-t2v-1.3b", 4, {"loop": True}, "loop", "false"),
        ("wan2.1-t2v-1.3b", 4, {"conditions": (ImageCondition(b"", 0),)}, "conditions", "at most 0"),
        ("wan2.1-i2v-14b-480p", 0, {"conditions": (ImageCondition(b"", 0),)}, "seconds", "videos"),
        ("wan2.1-i2v-14b-480p", 4, {}, "conditions", "frame 0"),
        ("wan2.1-i2v-14b-480p", 4, {"conditions": (ImageCondition(b"", 0, 0.5),)}, "conditions", "strength 1"),
        ("wan2.1-flf2v-14b-720p", 4, {"conditions": (ImageCondition(b"", 0),)}, "conditions", "frame -1"),
        (
            "wan2.2-i2v-a14b",
            4,
            {"conditions": (ImageCondition(b"", 0), ImageCondition(b"", 9))},
            "conditions",
            "frame 0 or -1",
        ),
        ("wan2.2-i2v-a14b", 4, {"conditions": (ImageCondition(b"", -1),)}, "conditions", "frame 0"),
        ("wan2.2-i2v-a14b", 4, {"conditions": (ImageCondition(b"", 0),) * 2}, "conditions", "one image a frame"),
        ("ltx-2", 4, {"source_spans": (SourceSpan(Path("a"), 0, 8, 0),)}, "source_spans", "none"),
        ("z-image-turbo", 4, {}, "seconds", "0"),
    ],
)
def test_what_a_family_cannot_do_is_refused_by_name(
    name: str, seconds: float, changes: dict[str, Any], field: str, limit: str
) -> None:
    request = Request(name, "x", *find_model(name).default_size, seconds, 1, **changes)
    [problem] = check_request(request)
    assert (problem.field, problem.limit) == (field, limit)
    assert name in problem.message


def test_images_at_both_ends_are_allowed_where_a_model_takes_them() -> None:
    ends = (ImageCondition(b"", 0), ImageCondition(b"", 63))
    for name in ("wan2.1-flf2v-14b-720p", "wan2.2-i2v-a14b"):
        assert check_request(Request(name, "x", 832, 480, 4, 1, conditions=ends)) == ()


def test_too_many_images_are_a_problem() -> None:
    (problem,) = check_clip(mini, 320, 192, 5, conditions=(ImageCondition(b"", 0),) * 9)
    assert problem.limit == "at most 8"


def test_a_whole_request_is_checked() -> None:
    request = Request("nope", "x", 320, 192, 5, 1)
    assert [problem.field for problem in check_request(request)] == ["model"]
    request = Request("kinora-mini", "x", 320, 192, 5, 1, steps=0, guidance_scale=0.5)
    assert [problem.field for problem in check_request(request)] == ["steps", "guidance_scale"]
    request = Request("kinora-mini", "x", 320, 192, 5, 2**32)
    assert [problem.field for problem in check_request(request)] == ["seed"]
