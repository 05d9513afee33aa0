"""Changes of schemas that break released clients are found, and only those."""

from __future__ import annotations

import pytest

from sdk.breaking_changes import BreakingChange, find_breaking_changes
from tests.support.openapi_document import PRESENT, Alter, altered, field, schema

BREAKING: dict[str, tuple[Alter, BreakingChange]] = {
    "an answer's field removed": (
        lambda d: schema(d, "Video")["properties"].pop("seed"),
        BreakingChange("Video.seed", "was removed"),
    ),
    "a body's field removed": (
        lambda d: schema(d, "VideoCreate")["properties"].pop("seed"),
        BreakingChange("VideoCreate.seed", "was removed"),
    ),
    "a field's type changed": (
        lambda d: field(d, "Video", "seed").update(type="string"),
        BreakingChange("Video.seed", "is now string int64 and was integer int64"),
    ),
    "a field's width changed": (
        lambda d: field(d, "Video", "seed").pop("format"),
        BreakingChange("Video.seed", "is now integer and was integer int64"),
    ),
    "an item's type changed": (
        lambda d: field(d, "Video", "parents")["items"].update(type="integer"),
        BreakingChange("Video.parents", "has items each of which is now integer and was string"),
    ),
    "a constant changed": (
        lambda d: field(d, "Video", "object").update(const="film"),
        BreakingChange("Video.object", "is now always `film` and was always `video`"),
    ),
    "an answer that may be null": (
        lambda d: field(d, "Video", "seed").update(type=["integer", "null"]),
        BreakingChange("Video.seed", "may now be null"),
    ),
    "an object that may be null": (
        lambda d: schema(d, "Cost").update(type=["object", "null"]),
        BreakingChange("Cost", "may now be null"),
    ),
    "an answer that may lack a field": (
        lambda d: schema(d, "Video")["required"].remove("seed"),
        BreakingChange("Video.seed", "may now be missing"),
    ),
    "a field newly needed": (
        lambda d: schema(d, "VideoCreate")["required"].append("seed"),
        BreakingChange("VideoCreate.seed", "is now required"),
    ),
    "a needed field added": (
        lambda d: (
            schema(d, "VideoCreate")["properties"].update(mood={"type": "string"}),
            schema(d, "VideoCreate")["required"].append("mood"),
        ),
        BreakingChange("VideoCreate.mood", "is now required"),
    ),
    "a value removed from a body": (
        lambda d: schema(d, "Strength")["enum"].remove("mild"),
        BreakingChange("Strength", "no longer accepts `mild`"),
    ),
    "a text with only some values left": (
        lambda d: field(d, "VideoCreate", "model").update(enum=["kinora-mini"]),
        BreakingChange("VideoCreate.model", "now accepts only some values"),
    ),
    "a union that takes less": (
        lambda d: schema(d, "VideoSource")["oneOf"].pop(0),
        BreakingChange("VideoSource", "no longer accepts string"),
    ),
    "a limit tightened": (
        lambda d: field(d, "VideoCreate", "prompt").update(maxLength=10),
        BreakingChange("VideoCreate.prompt", "now has a maxLength of 10"),
    ),
    "a least limit raised": (
        lambda d: field(d, "VideoCreate", "seconds").update(minimum=2),
        BreakingChange("VideoCreate.seconds", "now has a minimum of 2"),
    ),
    "another pattern": (
        lambda d: field(d, "VideoCreate", "size").update(pattern="^1x1$"),
        BreakingChange("VideoCreate.size", "now has another pattern"),
    ),
    "a map that takes less": (
        lambda d: field(d, "VideoCreate", "metadata").update(additionalProperties={"type": "string"}),
        BreakingChange("VideoCreate.metadata", "now accepts fewer values"),
    ),
}


@pytest.mark.parametrize("case", BREAKING.values(), ids=BREAKING.keys())
def test_a_breaking_change_is_found(case: tuple[Alter, BreakingChange]) -> None:
    alter, change = case
    assert change in find_breaking_changes(PRESENT, altered(alter))


def test_refusing_null_breaks_a_request() -> None:
    optional = altered(lambda d: field(d, "VideoCreate", "seed").update(type=["integer", "null"]))
    assert BreakingChange("VideoCreate.seed", "no longer accepts null") in find_breaking_changes(optional, PRESENT)


def test_a_new_member_of_a_union_breaks_a_response() -> None:
    union = {"oneOf": [{"type": "string"}]}
    old = altered(lambda d: schema(d, "Video")["properties"].update(mood=union))
    new = altered(
        lambda d: schema(d, "Video")["properties"].update(mood={"oneOf": [*union["oneOf"], {"type": "integer"}]})
    )
    assert find_breaking_changes(old, new) == [BreakingChange("Video.mood", "may now be integer")]


COMPATIBLE: dict[str, Alter] = {
    "an answer's field added": lambda d: (
        schema(d, "Video")["properties"].update(mood={"type": "string"}),
        schema(d, "Video")["required"].append("mood"),
    ),
    "a body's field added": lambda d: schema(d, "VideoCreate")["properties"].update(mood={"type": "string"}),
    "a value added to both": lambda d: schema(d, "Quality")["enum"].append("draft"),
    "a value removed from answers": lambda d: schema(d, "Status")["enum"].remove("cancelled"),
    "a limit widened": lambda d: field(d, "VideoCreate", "prompt").update(maxLength=64_000),
    "a limit taken away": lambda d: field(d, "VideoCreate", "prompt").pop("maxLength"),
    "a limit of an answer tightened": lambda d: field(d, "Video", "progress").update(maximum=99),
    "a null taken": lambda d: field(d, "VideoCreate", "model").update(type=["string", "null"]),
    "a null no longer given": lambda d: field(d, "Video", "started_at").update(type="integer"),
    "a union that takes more": lambda d: schema(d, "VideoSource")["oneOf"].append({"type": "integer"}),
    "other words": lambda d: field(d, "Video", "seed").update(description="Otherwise said."),
}


@pytest.mark.parametrize("alter", COMPATIBLE.values(), ids=COMPATIBLE.keys())
def test_a_compatible_change_is_not_reported(alter: Alter) -> None:
    assert find_breaking_changes(PRESENT, altered(alter)) == []
