"""Changes of operations that break released clients are found, and only those; the changelog has to name them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from sdk import breaking_changes
from sdk.breaking_changes import BreakingChange, find_breaking_changes, named_in_changelog
from tests.support.openapi_document import PRESENT, Alter, altered, json_content, operation, schema

BREAKING: dict[str, tuple[Alter, BreakingChange]] = {
    "an operation removed": (
        lambda d: d["paths"]["/v1/me"].pop("get"),
        BreakingChange("get_me", "was removed: GET /v1/me"),
    ),
    "a path moved": (
        lambda d: d["paths"].update({"/v1/self": {"get": d["paths"]["/v1/me"].pop("get")}}),
        BreakingChange("get_me", "was removed: GET /v1/me"),
    ),
    "an operation renamed": (
        lambda d: operation(d, "me").update(operationId="read_me"),
        BreakingChange("get_me", "was renamed to `read_me`"),
    ),
    "an operation closed": (
        lambda d: operation(d, "billing/plans").update(security=[{"bearer": []}]),
        BreakingChange("list_plans", "now requires credentials"),
    ),
    "a way in closed": (
        lambda d: operation(d, "videos/{video_id}/content").update(security=[{"bearer": []}]),
        BreakingChange("get_video_content", "no longer accepts signature"),
    ),
    "a parameter removed": (
        lambda d: operation(d, "videos")["parameters"].pop(0),
        BreakingChange("list_videos", "no longer accepts the parameter `after`"),
    ),
    "a parameter newly required": (
        lambda d: operation(d, "videos")["parameters"][0].update(required=True),
        BreakingChange("list_videos", "now requires the parameter `after`"),
    ),
    "a required parameter added": (
        lambda d: operation(d, "videos")["parameters"].append(
            {"name": "year", "in": "query", "required": True, "schema": {"type": "integer"}}
        ),
        BreakingChange("list_videos", "now requires the parameter `year`"),
    ),
    "a parameter's limit tightened": (
        lambda d: operation(d, "videos")["parameters"][1]["schema"].update(maximum=50),
        BreakingChange("list_videos", "has a parameter `limit` that now has a maximum of 50"),
    ),
    "a parameter's value removed": (
        lambda d: schema(d, "ListOrder")["enum"].remove("asc"),
        BreakingChange("ListOrder", "no longer accepts `asc`"),
    ),
    "a body newly needed": (
        lambda d: operation(d, "me").update(requestBody=operation(d, "me", "patch")["requestBody"]),
        BreakingChange("get_me", "now requires a body"),
    ),
    "another body": (
        lambda d: json_content(operation(d, "me", "patch")["requestBody"])["schema"].update(
            {"$ref": "#/components/schemas/SignUp"}
        ),
        BreakingChange("update_me", "has a body that is now `SignUp` and was `ProfileUpdate`"),
    ),
    "a form refused": (
        lambda d: operation(d, "videos", "post")["requestBody"]["content"].pop("multipart/form-data"),
        BreakingChange("create_video", "no longer accepts multipart/form-data"),
    ),
    "a status removed": (
        lambda d: operation(d, "auth/signup", "post")["responses"].pop("201"),
        BreakingChange("sign_up", "no longer returns 201"),
    ),
    "a status added": (
        lambda d: operation(d, "me")["responses"].update({"202": {"description": "Later."}}),
        BreakingChange("get_me", "may now return 202"),
    ),
    "another answer": (
        lambda d: json_content(operation(d, "me")["responses"]["200"])["schema"].update(
            {"$ref": "#/components/schemas/Session"}
        ),
        BreakingChange("get_me", "has a response that is now `Session` and was `User`"),
    ),
    "an answer in no known form": (
        lambda d: operation(d, "videos/{video_id}/content")["responses"]["200"]["content"].pop("video/mp4"),
        BreakingChange("get_video_content", "no longer returns video/mp4"),
    ),
    "a schema removed": (
        lambda d: d["components"]["schemas"].pop("Cost"),
        BreakingChange("Cost", "was removed, and with it the clients' type of that name"),
    ),
}


@pytest.mark.parametrize("case", BREAKING.values(), ids=BREAKING.keys())
def test_a_breaking_change_is_found(case: tuple[Alter, BreakingChange]) -> None:
    alter, change = case
    assert change in find_breaking_changes(PRESENT, altered(alter))


COMPATIBLE: dict[str, Alter] = {
    "nothing": lambda _: None,
    "an operation added": lambda d: d["paths"].update({"/v1/more": {"get": {"operationId": "more", "responses": {}}}}),
    "a parameter added": lambda d: operation(d, "videos")["parameters"].append(
        {"name": "year", "in": "query", "required": False, "schema": {"type": "integer"}}
    ),
    "an operation opened": lambda d: operation(d, "me").update(security=[]),
    "a part given to who asks for it": lambda d: operation(d, "me")["responses"].update({"206": {"description": "."}}),
    "another example": lambda d: json_content(operation(d, "me")["responses"]["200"]).update(example={}),
}


@pytest.mark.parametrize("alter", COMPATIBLE.values(), ids=COMPATIBLE.keys())
def test_a_compatible_change_is_not_reported(alter: Alter) -> None:
    assert find_breaking_changes(PRESENT, altered(alter)) == []


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


def test_only_names_under_breaking_in_the_unreleased_section_count() -> None:
    assert named_in_changelog(LOG) == {"Video.seed", "list_plans"}
    assert named_in_changelog(LOG.replace("## Unreleased", "## 1.1.0, unreleased")) == {"Video.seed", "list_plans"}
    assert named_in_changelog("# Changelog\n") == set()


def exit_status(folder: Path, log: str) -> int:
    """The exit status if a field has been removed since the last release."""
    old = altered(lambda d: schema(d, "Video")["properties"].update(mood={"type": "string"}))
    released, changelog = folder / "released.json", folder / "CHANGELOG.md"
    released.write_bytes(msgspec.json.encode(old))
    changelog.write_text(log)
    return breaking_changes.main(["--released", str(released), "--changelog", str(changelog)])


def test_a_breaking_change_missing_from_the_changelog_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(tmp_path, LOG) == 1
    assert "`Video.mood` was removed\n" in capsys.readouterr().err
    assert exit_status(tmp_path, LOG.replace("`Video.seed`", "`Video.mood`")) == 0
    assert "`Video.mood` was removed (named in CHANGELOG.md)" in capsys.readouterr().err


def test_the_present_document_breaks_no_released_client_unannounced() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "sdk.breaking_changes"],
        cwd=breaking_changes.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stderr.count("named in CHANGELOG.md")) == (
        0,
        process.stderr.count("\n"),
    ), process.stderr
