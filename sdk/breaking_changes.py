"""What of the OpenAPI document would break a client made for the last release, and whether CHANGELOG.md says so.

Compares `openapi/openapi.json` with `openapi/released.json` and knows nothing of Python, routes or Structs. A body may
come to take more and an answer to give more; the reverse breaks a client, and so does another name for what it calls.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

Document = dict[str, Any]
Schema = dict[str, Any]

ROOT = Path(__file__).parent.parent
RELEASED = ROOT / "openapi" / "released.json"
PRESENT = ROOT / "openapi" / "openapi.json"
CHANGELOG = ROOT / "CHANGELOG.md"

SCHEMAS = "#/components/schemas/"
PARTIAL = "206"  # comes only to those who ask for a part
MOST = ("maximum", "maxLength", "maxItems", "maxProperties")
LEAST = ("minimum", "minLength", "minItems", "minProperties")


class Change(NamedTuple):
    """Something that breaks a client: where, by an operation's id, a schema or a schema's field, and what."""

    name: str
    what: str


def main(arguments: list[str] | None = None) -> int:
    """List what breaks; fail if the changelog does not name all of it."""
    parser = argparse.ArgumentParser(
        prog="python -m sdk.breaking_changes", description="List what breaks released clients."
    )
    parser.add_argument("--released", type=Path, default=RELEASED, help="the document of the last release")
    parser.add_argument("--changelog", type=Path, default=CHANGELOG, help="where what breaks has to be named")
    options = parser.parse_args(arguments)
    changes = breaking(msgspec.json.decode(options.released.read_bytes()), msgspec.json.decode(PRESENT.read_bytes()))
    named = admitted(options.changelog.read_text())
    for name, what in changes:
        sys.stderr.write(f"`{name}` {what}{' (CHANGELOG.md says so)' if name in named else ''}\n")
    if {change.name for change in changes} <= named:
        return 0
    sys.stderr.write(
        "Clients of the last release would break. Change it so that they do not, or name what is in backticks above in"
        " CHANGELOG.md, in its unreleased section under the heading `### Breaking`, and say there what to do.\n"
    )
    return 1


def admitted(changelog: str) -> set[str]:
    """What the unreleased section names in backticks under its heading `Breaking`."""
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)
    unreleased = "".join(text for text in sections[1:] if "unreleased" in text.partition("\n")[0].lower())
    parts = re.split(r"^### ", unreleased, flags=re.MULTILINE)
    return {name for part in parts[1:] if part.startswith("Breaking") for name in re.findall(r"`([^`]+)`", part)}


def breaking(old: Document, new: Document) -> list[Change]:
    """Everything that works with the old document and not with the new one, each once."""
    return list(dict.fromkeys([*_operations(old, new), *_schemas(old, new)]))


def _operations(old: Document, new: Document) -> Iterator[Change]:
    present = dict(_listed(new))
    for place, was in _listed(old):
        name = was["operationId"]
        if place not in present:
            yield Change(name, f"is gone: {place}")
            continue
        now = present[place]
        if now["operationId"] != name:
            yield Change(name, f"is called `{now['operationId']}` now")
        for part in (_security, _parameters, _body, _answers):
            yield from (Change(name, what) for what in part(was, now))


def _listed(document: Document) -> Iterator[tuple[str, Document]]:
    """The operations by verb and path, with their parameters and answers written out."""
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            parameters = [_resolved(document, one) for one in operation.get("parameters", ())]
            responses = {status: _resolved(document, one) for status, one in operation["responses"].items()}
            yield f"{verb.upper()} {path}", {**operation, "parameters": parameters, "responses": responses}


def _resolved(document: Document, thing: Document) -> Document:
    if "$ref" not in thing:
        return thing
    _, _, kind, name = thing["$ref"].split("/")
    found: Document = document["components"][kind][name]
    return found


def _security(was: Document, now: Document) -> Iterator[str]:
    if not was.get("security") and now.get("security"):
        yield "needs credentials now"
    for way in was.get("security", ()):
        if now.get("security") and way not in now["security"]:
            yield f"takes {' and '.join(way)} no longer"


def _parameters(was: Document, now: Document) -> Iterator[str]:
    before, after = ({(one["in"], one["name"]): one for one in side["parameters"]} for side in (was, now))
    for (place, name), one in before.items():
        if (place, name) not in after:
            yield f"takes no parameter `{name}` any more"
        else:
            changed = _shape(one["schema"], after[place, name]["schema"], asked=True)
            yield from (f"has a parameter `{name}` that {what}" for what in changed)
    for key, one in after.items():
        if one.get("required") and not before.get(key, {}).get("required"):
            yield f"needs the parameter `{key[1]}` now"


def _body(was: Document, now: Document) -> Iterator[str]:
    before, after = was.get("requestBody", {}), now.get("requestBody", {})
    if after.get("required") and not before.get("required"):
        yield "needs a body now"
    yield from _contents(before, after, asked=True)


def _answers(was: Document, now: Document) -> Iterator[str]:
    before, after = was["responses"], now["responses"]
    yield from (f"does not answer {status} any more" for status in before if status not in after)
    come = [status for status in after if status not in before and status[0] == "2"]
    yield from (f"may answer {status} now" for status in come if status != PARTIAL)
    for status in before.keys() & after.keys():
        yield from _contents(before[status], after[status], asked=False)


def _contents(was: Document, now: Document, *, asked: bool) -> Iterator[str]:
    before, after = was.get("content", {}), now.get("content", {})
    for kind, media in before.items():
        if kind not in after:
            yield f"{'takes' if asked else 'answers'} no {kind} any more"
        else:
            changed = _shape(media.get("schema", {}), after[kind].get("schema", {}), asked=asked)
            yield from (f"has {'a body' if asked else 'an answer'} that {what}" for what in changed)


def _schemas(old: Document, new: Document) -> Iterator[Change]:
    bodies = [operation.get("requestBody", {}) for _, operation in _listed(old)]
    parameters = [operation["parameters"] for _, operation in _listed(old)]
    answers = [operation["responses"] for _, operation in _listed(old)]
    present = new["components"]["schemas"]
    for asked, uses in ((True, [bodies, parameters]), (False, answers)):
        for name in sorted(_reached(old, uses)):
            if name not in present:
                yield Change(name, "is gone, and with it the type that clients call so")
            else:
                yield from _schema(name, old["components"]["schemas"][name], present[name], asked=asked)


def _reached(document: Document, uses: Any) -> set[str]:
    """The names of the schemas that are referred to, and of those that these refer to."""
    found: set[str] = set()
    waiting = [uses]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            name = str(one.get("$ref", "")).removeprefix(SCHEMAS)
            waiting += [value for key, value in one.items() if key not in {"example", "examples"}]
            if name in document["components"]["schemas"] and name not in found:
                found.add(name)
                waiting.append(document["components"]["schemas"][name])
    return found


def _schema(name: str, was: Schema, now: Schema, *, asked: bool) -> Iterator[Change]:
    yield from (Change(name, what) for what in _shape(was, now, asked=asked))
    before, after = was.get("properties", {}), now.get("properties", {})
    for field, schema in before.items():
        if field not in after:
            yield Change(f"{name}.{field}", "is gone")
        else:
            changed = _shape(schema, after[field], asked=asked)
            yield from (Change(f"{name}.{field}", what) for what in changed)
    needed, given = set(now.get("required", ())), set(was.get("required", ()))
    if asked:
        yield from (Change(f"{name}.{field}", "must be sent now") for field in sorted(needed - given))
    else:
        yield from (
            Change(f"{name}.{field}", "may be missing now") for field in sorted((given & after.keys()) - needed)
        )


def _shape(was: Schema, now: Schema, *, asked: bool) -> Iterator[str]:
    """How one value is another now, as far as that breaks whoever sends it (`asked`) or reads it."""
    before, after = _kind(was), _kind(now)
    if before != after:
        yield f"is {after} now and was {before}"
        return
    if asked and _null(was) and not _null(now):
        yield "may not be null any more"
    if not asked and _null(now) and not _null(was):
        yield "may be null now"
    yield from _choices(was, now, asked=asked)
    yield from _inside(was, now, asked=asked)
    if asked:
        yield from _limits(was, now)


def _kind(schema: Schema) -> str:
    """What a generator would call its type."""
    if "$ref" in schema:
        return f"`{schema['$ref'].removeprefix(SCHEMAS)}`"
    if "const" in schema:
        return f"always `{schema['const']}`"
    types = schema.get("type", "a union" if "oneOf" in schema or "anyOf" in schema else "anything")
    plain = [one for one in (types if isinstance(types, list) else [types]) if one != "null"]
    return " ".join(filter(None, [*plain, schema.get("format"), schema.get("contentEncoding")]))


def _null(schema: Schema) -> bool:
    types = schema.get("type", ())
    return "null" in types if isinstance(types, list) else {"type": "null"} in schema.get("anyOf", ())


def _choices(was: Schema, now: Schema, *, asked: bool) -> Iterator[str]:
    """Values and members of a union. A body may come to take more; an answer too, but for the members of a union."""
    if asked and "enum" in now:
        gone = [one for one in was.get("enum", ()) if one not in now["enum"]]
        yield from (f"does not take `{one}` any more" for one in gone)
        if "enum" not in was:
            yield "takes only some values now"
    before, after = ([_kind(one) for one in side.get("oneOf") or side.get("anyOf") or ()] for side in (was, now))
    gone, come = [one for one in before if one not in after], [one for one in after if one not in before]
    yield from (f"is never {one} any more" for one in (gone if asked else ()))
    yield from (f"may be {one} now" for one in (() if asked else come))


def _inside(was: Schema, now: Schema, *, asked: bool) -> Iterator[str]:
    for key, each in (("items", "has items each of which"), ("additionalProperties", "has values each of which")):
        before, after = was.get(key, True), now.get(key, True)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from (f"{each} {what}" for what in _shape(before, after, asked=asked))
        elif asked and before is not False and after is not True:
            yield "takes less inside it"


def _limits(was: Schema, now: Schema) -> Iterator[str]:
    yield from (
        f"has a {key} of {now[key]} now" for key in MOST if key in now and now[key] < was.get(key, float("inf"))
    )
    yield from (
        f"has a {key} of {now[key]} now" for key in LEAST if key in now and now[key] > was.get(key, float("-inf"))
    )
    if now.get("pattern", was.get("pattern")) != was.get("pattern"):
        yield "takes another pattern now"


if __name__ == "__main__":
    sys.exit(main())
