"""Finds changes of the OpenAPI document that break clients of the last release, and whether CHANGELOG.md names them.

Compares `openapi/openapi.json` with `openapi/released.json` and knows nothing of Python, routes or Structs. A request
may accept more and a response may hold more; the reverse breaks clients, and so do renamed operations.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from sdk.schema_changes import SCHEMAS, Document, Schema, compare_values

ROOT = Path(__file__).parent.parent
RELEASED = ROOT / "openapi" / "released.json"
PRESENT = ROOT / "openapi" / "openapi.json"
CHANGELOG = ROOT / "CHANGELOG.md"

PARTIAL_CONTENT = "206"  # returned only to clients that request a range


class BreakingChange(NamedTuple):
    """A change that breaks clients. `name` is an operation's id, a schema, or a schema's field."""

    name: str
    description: str


def main(arguments: list[str] | None = None) -> int:
    """List the breaking changes; exit status 1 if the changelog does not name all of them."""
    parser = argparse.ArgumentParser(
        prog="python -m sdk.breaking_changes", description="List changes that break released clients."
    )
    parser.add_argument("--released", type=Path, default=RELEASED, help="OpenAPI document of the last release")
    parser.add_argument("--changelog", type=Path, default=CHANGELOG, help="changelog that must name the changes")
    options = parser.parse_args(arguments)
    changes = find_breaking_changes(
        msgspec.json.decode(options.released.read_bytes()), msgspec.json.decode(PRESENT.read_bytes())
    )
    named = named_in_changelog(options.changelog.read_text())
    for name, description in changes:
        sys.stderr.write(f"`{name}` {description}{' (named in CHANGELOG.md)' if name in named else ''}\n")
    if {change.name for change in changes} <= named:
        return 0
    sys.stderr.write(
        "These changes break clients of the last release. Undo them, or name each (in backticks, as above) in the"
        " unreleased section of CHANGELOG.md under the heading `### Breaking`, and say there what clients have to do.\n"
    )
    return 1


def named_in_changelog(changelog: str) -> set[str]:
    """The names in backticks under the heading `Breaking` of the unreleased section."""
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)
    unreleased = "".join(text for text in sections[1:] if "unreleased" in text.partition("\n")[0].lower())
    parts = re.split(r"^### ", unreleased, flags=re.MULTILINE)
    return {name for part in parts[1:] if part.startswith("Breaking") for name in re.findall(r"`([^`]+)`", part)}


def find_breaking_changes(old: Document, new: Document) -> list[BreakingChange]:
    """The changes that break clients of the old document, without duplicates."""
    return list(dict.fromkeys([*_compare_operations(old, new), *_compare_schemas(old, new)]))


def _compare_operations(old: Document, new: Document) -> Iterator[BreakingChange]:
    present = dict(_list_operations(new))
    for endpoint, before in _list_operations(old):
        name = before["operationId"]
        if endpoint not in present:
            yield BreakingChange(name, f"was removed: {endpoint}")
            continue
        after = present[endpoint]
        if after["operationId"] != name:
            yield BreakingChange(name, f"was renamed to `{after['operationId']}`")
        for compare in (_compare_security, _compare_parameters, _compare_request_body, _compare_responses):
            yield from (BreakingChange(name, description) for description in compare(before, after))


def _list_operations(document: Document) -> Iterator[tuple[str, Document]]:
    """The operations by verb and path, with the references of their parameters and responses resolved."""
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            parameters = [_resolve_reference(document, parameter) for parameter in operation.get("parameters", ())]
            responses = {
                status: _resolve_reference(document, response) for status, response in operation["responses"].items()
            }
            yield f"{verb.upper()} {path}", {**operation, "parameters": parameters, "responses": responses}


def _resolve_reference(document: Document, component: Document) -> Document:
    if "$ref" not in component:
        return component
    _, _, kind, name = component["$ref"].split("/")
    resolved: Document = document["components"][kind][name]
    return resolved


def _compare_security(old: Document, new: Document) -> Iterator[str]:
    if not old.get("security") and new.get("security"):
        yield "now requires credentials"
    for scheme in old.get("security", ()):
        if new.get("security") and scheme not in new["security"]:
            yield f"no longer accepts {' and '.join(scheme)}"


def _compare_parameters(old: Document, new: Document) -> Iterator[str]:
    before, after = (
        {(parameter["in"], parameter["name"]): parameter for parameter in side["parameters"]} for side in (old, new)
    )
    for (location, name), parameter in before.items():
        if (location, name) not in after:
            yield f"no longer accepts the parameter `{name}`"
        else:
            changes = compare_values(parameter["schema"], after[location, name]["schema"], is_input=True)
            yield from (f"has a parameter `{name}` that {change}" for change in changes)
    for key, parameter in after.items():
        if parameter.get("required") and not before.get(key, {}).get("required"):
            yield f"now requires the parameter `{key[1]}`"


def _compare_request_body(old: Document, new: Document) -> Iterator[str]:
    before, after = old.get("requestBody", {}), new.get("requestBody", {})
    if after.get("required") and not before.get("required"):
        yield "now requires a body"
    yield from _compare_contents(before, after, is_input=True)


def _compare_responses(old: Document, new: Document) -> Iterator[str]:
    before, after = old["responses"], new["responses"]
    yield from (f"no longer returns {status}" for status in before if status not in after)
    added = [status for status in after if status not in before and status[0] == "2"]
    yield from (f"may now return {status}" for status in added if status != PARTIAL_CONTENT)
    for status in before.keys() & after.keys():
        yield from _compare_contents(before[status], after[status], is_input=False)


def _compare_contents(old: Document, new: Document, *, is_input: bool) -> Iterator[str]:
    before, after = old.get("content", {}), new.get("content", {})
    for media_type, media in before.items():
        if media_type not in after:
            yield f"no longer {'accepts' if is_input else 'returns'} {media_type}"
        else:
            changes = compare_values(media.get("schema", {}), after[media_type].get("schema", {}), is_input=is_input)
            yield from (f"has {'a body' if is_input else 'a response'} that {change}" for change in changes)


def _compare_schemas(old: Document, new: Document) -> Iterator[BreakingChange]:
    bodies = [operation.get("requestBody", {}) for _, operation in _list_operations(old)]
    parameters = [operation["parameters"] for _, operation in _list_operations(old)]
    responses = [operation["responses"] for _, operation in _list_operations(old)]
    present = new["components"]["schemas"]
    for is_input, uses in ((True, [bodies, parameters]), (False, responses)):
        for name in sorted(_reachable_schemas(old, uses)):
            if name not in present:
                yield BreakingChange(name, "was removed, and with it the clients' type of that name")
            else:
                yield from _compare_schema(name, old["components"]["schemas"][name], present[name], is_input=is_input)


def _reachable_schemas(document: Document, uses: Any) -> set[str]:
    """The names of the schemas that are referred to, directly or through others."""
    reached: set[str] = set()
    pending = [uses]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict):
            name = str(node.get("$ref", "")).removeprefix(SCHEMAS)
            pending += [value for key, value in node.items() if key not in {"example", "examples"}]
            if name in document["components"]["schemas"] and name not in reached:
                reached.add(name)
                pending.append(document["components"]["schemas"][name])
    return reached


def _compare_schema(name: str, old: Schema, new: Schema, *, is_input: bool) -> Iterator[BreakingChange]:
    yield from (BreakingChange(name, change) for change in compare_values(old, new, is_input=is_input))
    before, after = old.get("properties", {}), new.get("properties", {})
    for field, schema in before.items():
        if field not in after:
            yield BreakingChange(f"{name}.{field}", "was removed")
        else:
            changes = compare_values(schema, after[field], is_input=is_input)
            yield from (BreakingChange(f"{name}.{field}", change) for change in changes)
    required, required_before = set(new.get("required", ())), set(old.get("required", ()))
    if is_input:
        yield from (
            BreakingChange(f"{name}.{field}", "is now required") for field in sorted(required - required_before)
        )
    else:
        yield from (
            BreakingChange(f"{name}.{field}", "may now be missing")
            for field in sorted((required_before & after.keys()) - required)
        )


if __name__ == "__main__":
    sys.exit(main())
