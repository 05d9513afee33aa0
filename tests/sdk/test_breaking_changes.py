"""What breaks clients of the last release is found, and only that."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sdk import breaking_changes
from sdk.breaking_changes import Change, admitted, breaking

Document = dict[str, Any]
Alter = Callable[[Document], Any]

PRESENT: Document = msgspec.json.decode(breaking_changes.PRESENT.read_bytes())


def altered(*alterations: Alter) -> Document:
    """The document as it is, with something otherwise."""
    document: Document = msgspec.json.decode(msgspec.json.encode(PRESENT))
    for alter in alterations:
        alter(document)
    return document


def found(alter: Alter) -> list[Change]:
    return breaking(PRESENT, altered(alter))


def schema(document: Document, name: str) -> Document:
    one: Document = document["components"]["schemas"][name]
    return one


def field(document: Document, name: str, field: str) -> Document:
    one: Document = schema(document, name)["properties"][field]
    return one


def operation(document: Document, path: str, verb: str = "get") -> Document:
    one: Document = document["paths"][f"/v1/{path}"][verb]
    return one


def json_of(thing: Document) -> Document:
    one: Document = thing["content"]["application/json"]
    return one


BREAKS: dict[str, tuple[Alter, Change]] = {
    "an operation removed": (
        lambda d: d["paths"]["/v1/me"].pop("get"),
        Change("get_me", "is gone: GET /v1/me"),
    ),
    "a path moved": (
        lambda d: d["paths"].update({"/v1/self": {"get": d["paths"]["/v1/me"].pop("get")}}),
        Change("get_me", "is gone: GET /v1/me"),
    ),
    "an operation renamed": (
        lambda d: operation(d, "me").update(operationId="read_me"),
        Change("get_me", "is called `read_me` now"),
    ),
    "an operation closed": (
        lambda d: operation(d, "billing/plans").update(security=[{"bearer": []}]),
        Change("list_plans", "needs credentials now"),
    ),
    "a way in closed": (
        lambda d: operation(d, "videos/{video_id}/content").update(security=[{"bearer": []}]),
        Change("get_video_content", "takes signature no longer"),
    ),
    "a parameter removed": (
        lambda d: operation(d, "videos")["parameters"].pop(0),
        Change("list_videos", "takes no parameter `after` any more"),
    ),
    "a parameter newly required": (
        lambda d: operation(d, "videos")["parameters"][0].update(required=True),
        Change("list_videos", "needs the parameter `after` now"),
    ),
    "a required parameter added": (
        lambda d: operation(d, "videos")["parameters"].append(
            {"name": "year", "in": "query", "required": True, "schema": {"type": "integer"}}
        ),
        Change("list_videos", "needs the parameter `year` now"),
    ),
    "a parameter's limit tightened": (
        lambda d: operation(d, "videos")["parameters"][1]["schema"].update(maximum=50),
        Change("list_videos", "has a parameter `limit` that has a maximum of 50 now"),
    ),
    "a parameter's value removed": (
        lambda d: schema(d, "ListOrder")["enum"].remove("asc"),
        Change("ListOrder", "does not take `asc` any more"),
    ),
    "a body newly needed": (
        lambda d: operation(d, "me").update(requestBody=operation(d, "me", "patch")["requestBody"]),
        Change("get_me", "needs a body now"),
    ),
    "another body": (
        lambda d: json_of(operation(d, "me", "patch")["requestBody"])["schema"].update(
            {"$ref": "#/components/schemas/SignUp"}
        ),
        Change("update_me", "has a body that is `SignUp` now and was `ProfileUpdate`"),
    ),
    "a form refused": (
        lambda d: operation(d, "videos", "post")["requestBody"]["content"].pop("multipart/form-data"),
        Change("create_video", "takes no multipart/form-data any more"),
    ),
    "a status removed": (
        lambda d: operation(d, "auth/signup", "post")["responses"].pop("201"),
        Change("sign_up", "does not answer 201 any more"),
    ),
    "a status added": (
        lambda d: operation(d, "me")["responses"].update({"202": {"description": "Later."}}),
        Change("get_me", "may answer 202 now"),
    ),
    "another answer": (
        lambda d: json_of(operation(d, "me")["responses"]["200"])["schema"].update(
            {"$ref": "#/components/schemas/Session"}
        ),
        Change("get_me", "has an answer that is `Session` now and was `User`"),
    ),
    "an answer in no known form": (
        lambda d: operation(d, "videos/{video_id}/content")["responses"]["200"]["content"].pop("video/mp4"),
        Change("get_video_content", "answers no video/mp4 any more"),
    ),
    "a schema removed": (
        lambda d: d["components"]["schemas"].pop("Cost"),
        Change("Cost", "is gone, and with it the type that clients call so"),
    ),
    "an answer's field removed": (
        lambda d: schema(d, "Video")["properties"].pop("seed"),
        Change("Video.seed", "is gone"),
    ),
    "a body's field removed": (
        lambda d: schema(d, "VideoCreate")["properties"].pop("seed"),
        Change("VideoCreate.seed", "is gone"),
    ),
    "a field's type changed": (
        lambda d: field(d, "Video", "seed").update(type="string"),
        Change("Video.seed", "is string int64 now and was integer int64"),
    ),
    "a field's width changed": (
        lambda d: field(d, "Video", "seed").pop("format"),
        Change("Video.seed", "is integer now and was integer int64"),
    ),
    "an item's type changed": (
        lambda d: field(d, "Video", "parents")["items"].update(type="integer"),
        Change("Video.parents", "has items each of which is integer now and was string"),
    ),
    "a constant changed": (
        lambda d: field(d, "Video", "object").update(const="film"),
        Change("Video.object", "is always `film` now and was always `video`"),
    ),
    "an answer that may be null": (
        lambda d: field(d, "Video", "seed").update(type=["integer", "null"]),
        Change("Video.seed", "may be null now"),
    ),
    "an object that may be null": (
        lambda d: schema(d, "Cost").update(type=["object", "null"]),
        Change("Cost", "may be null now"),
    ),
    "an answer that may lack a field": (
        lambda d: schema(d, "Video")["required"].remove("seed"),
        Change("Video.seed", "may be missing now"),
    ),
    "a field newly needed": (
        lambda d: schema(d, "VideoCreate")["required"].append("seed"),
        Change("VideoCreate.seed", "must be sent now"),
    ),
    "a needed field added": (
        lambda d: (
            schema(d, "VideoCreate")["properties"].update(mood={"type": "string"}),
            schema(d, "VideoCreate")["required"].append("mood"),
        ),
        Change("VideoCreate.mood", "must be sent now"),
    ),
    "a value removed from a body": (
        lambda d: schema(d, "Strength")["enum"].remove("mild"),
        Change("Strength", "does not take `mild` any more"),
    ),
    "a text with only some values left": (
        lambda d: field(d, "VideoCreate", "model").update(enum=["kinora-mini"]),
        Change("VideoCreate.model", "takes only some values now"),
    ),
    "a union that takes less": (
        lambda d: schema(d, "VideoSource")["oneOf"].pop(0),
        Change("VideoSource", "is never string any more"),
    ),
    "a limit tightened": (
        lambda d: field(d, "VideoCreate", "prompt").update(maxLength=10),
        Change("VideoCreate.prompt", "has a maxLength of 10 now"),
    ),
    "a least limit raised": (
        lambda d: field(d, "VideoCreate", "seconds").update(minimum=2),
        Change("VideoCreate.seconds", "has a minimum of 2 now"),
    ),
    "another pattern": (
        lambda d: field(d, "VideoCreate", "size").update(pattern="^1x1$"),
        Change("VideoCreate.size", "takes another pattern now"),
    ),
    "a map that takes less": (
        lambda d: field(d, "VideoCreate", "metadata").update(additionalProperties={"type": "string"}),
        Change("VideoCreate.metadata", "takes less inside it"),
    ),
}


@pytest.mark.parametrize("case", BREAKS.values(), ids=BREAKS.keys())
def test_what_breaks_is_found(case: tuple[Alter, Change]) -> None:
    alter, change = case
    assert change in found(alter)


def test_a_null_that_is_no_longer_taken_breaks() -> None:
    optional = altered(lambda d: field(d, "VideoCreate", "seed").update(type=["integer", "null"]))
    assert Change("VideoCreate.seed", "may not be null any more") in breaking(optional, PRESENT)


def test_a_union_that_gives_more_breaks() -> None:
    union = {"oneOf": [{"type": "string"}]}
    old = altered(lambda d: schema(d, "Video")["properties"].update(mood=union))
    new = altered(
        lambda d: schema(d, "Video")["properties"].update(mood={"oneOf": [*union["oneOf"], {"type": "integer"}]})
    )
    assert breaking(old, new) == [Change("Video.mood", "may be integer now")]


FITS: dict[str, Alter] = {
    "nothing": lambda _: None,
    "an operation added": lambda d: d["paths"].update({"/v1/more": {"get": {"operationId": "more", "responses": {}}}}),
    "a parameter added": lambda d: operation(d, "videos")["parameters"].append(
        {"name": "year", "in": "query", "required": False, "schema": {"type": "integer"}}
    ),
    "an operation opened": lambda d: operation(d, "me").update(security=[]),
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
    "a part given to who asks for it": lambda d: operation(d, "me")["responses"].update({"206": {"description": "."}}),
    "other words": lambda d: field(d, "Video", "seed").update(description="Otherwise said."),
    "another example": lambda d: json_of(operation(d, "me")["responses"]["200"]).update(example={}),
}


@pytest.mark.parametrize("alter", FITS.values(), ids=FITS.keys())
def test_what_breaks_nothing_is_let_through(alter: Alter) -> None:
    assert found(alter) == []


LOG = """# Changelog

## Unreleased
`get_me` is mentioned here only.

### Breaking
- `Video.seed` is a string: read it as one.
- `list_plans` needs a key.

### Added
- `log_in`

## 1.0.0
### Breaking
- `log_out`
"""


def test_only_the_unreleased_section_can_admit_a_break_and_only_as_breaking() -> None:
    assert admitted(LOG) == {"Video.seed", "list_plans"}
    assert admitted(LOG.replace("## Unreleased", "## 1.1.0, unreleased")) == {"Video.seed", "list_plans"}
    assert admitted("# Changelog\n") == set()


def checked(folder: Path, log: str) -> int:
    """The exit status where the last release had one field more than there is now."""
    old = altered(lambda d: schema(d, "Video")["properties"].update(mood={"type": "string"}))
    released, changelog = folder / "released.json", folder / "CHANGELOG.md"
    released.write_bytes(msgspec.json.encode(old))
    changelog.write_text(log)
    return breaking_changes.main(["--released", str(released), "--changelog", str(changelog)])


def test_a_break_that_the_changelog_does_not_name_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(tmp_path, LOG) == 1
    assert "`Video.mood` is gone\n" in capsys.readouterr().err
    assert checked(tmp_path, LOG.replace("`Video.seed`", "`Video.mood`")) == 0
    assert "`Video.mood` is gone (CHANGELOG.md says so)" in capsys.readouterr().err


def test_the_document_keeps_what_the_last_release_promised() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "sdk.breaking_changes"],
        cwd=breaking_changes.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr.count("CHANGELOG.md says so")) == (0, ran.stderr.count("\n")), ran.stderr
