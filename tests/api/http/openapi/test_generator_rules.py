"""What the document promises to generators of clients in other languages, each rule for a reason named beside it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[4] / "openapi" / "openapi.json").read_text())
SCHEMAS: dict[str, dict[str, Any]] = DOCUMENT["components"]["schemas"]
PREFIX = "#/components/schemas/"

# What a file of an app sees without importing it, or with what nearly every file of an app imports. A type of the same
# name would be ambiguous there, or hide the other.
KOTLIN = """
    Annotation Any AutoCloseable Array Boolean Byte Char CharSequence Class Collection Comparable Comparator Deprecated
    Double Enum Error Exception Float Function Grouping Int Integer Iterable Iterator Lazy List Long Map Math Nothing
    Number Object Package Pair Process Record Regex Result Runnable Runtime Sequence Set Short String Suppress System
    Thread Throwable Triple Unit Void
"""
SWIFT = """
    Actor Any AnyObject Array Bool Bundle Calendar Character Codable Collection Comparable Data Date Decimal Decodable
    Dictionary Double Encodable Encoder Equatable Error Float Hashable Hasher Host Identifiable Int Iterator Locale
    Measurement Never Notification Operation Optional Port Process Progress Protocol Range Regex Result Scanner Self
    Sendable Sequence Set SortOrder Stream String Task Thread Timer Type Unit URL UUID Void
    Alignment Animation Angle Axis Binding Button Canvas Circle Color Divider Edge Environment Font Form Gradient Grid
    Group Image Label Layout Link List Material Menu Path Picker Section Shape Slider Spacer State Stepper Tab Table
    Text Toggle Transaction Transition View Visibility Window
"""
TYPESCRIPT = """
    Animation Array Attr Audio BigInt Blob Boolean Cache Client Comment Credential Crypto Date Document Element Error
    Event File Function Headers History Image Intl Iterator JSON Location Lock Map Math MediaStream Navigator Node
    Notification Number Object Omit Option Parameters Partial Permissions Pick Plugin Promise Proxy Range Readonly
    Record Reflect Report Request Required Response Screen Selection Set Storage String Symbol Text Touch URL WeakMap
    Window Worker
"""
TAKEN = {name.casefold() for name in f"{KOTLIN} {SWIFT} {TYPESCRIPT}".split()}


def walked(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every object of the document with its place; examples are data and left out."""
    if isinstance(value, dict):
        yield path, value
        for key, item in value.items():
            if key not in {"example", "examples"}:
                yield from walked(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from walked(item, (*path, str(number)))


EVERYTHING = [("/".join(path), value) for path, value in walked(DOCUMENT)]


def is_component(place: str) -> bool:
    return re.fullmatch(r"components/schemas/\w+", place) is not None


def test_no_object_is_written_inline() -> None:
    """Generators would call it something like `GetVideo200Response`, and otherwise once the document changes."""
    inline = [place for place, value in EVERYTHING if isinstance(value.get("properties"), dict)]
    assert [place for place in inline if not is_component(place)] == []


def test_an_object_without_fields_says_what_it_holds() -> None:
    """Otherwise openapi-generator makes an `Any` of it in Kotlin, and no map."""
    objects = [(place, value) for place, value in EVERYTHING if value.get("type") == "object"]
    assert [place for place, value in objects if not {"properties", "additionalProperties"} & value.keys()] == []


def test_names_are_plain_and_clash_with_nothing() -> None:
    assert [name for name in SCHEMAS if not re.fullmatch(r"([A-Z][a-z0-9]+)+", name)] == []
    assert [name for name in SCHEMAS if name.casefold() in TAKEN] == []
    for kind, components in DOCUMENT["components"].items():
        counts = Counter(re.sub(r"\W|_", "", name).casefold() for name in components)
        assert [name for name, count in counts.items() if count > 1] == [], kind
    operations = Counter(value["operationId"].replace("_", "") for _, value in EVERYTHING if "operationId" in value)
    assert [name for name, count in operations.items() if count > 1] == []


def objects(union: list[dict[str, Any]]) -> int:
    """How many of its members are objects."""
    return sum("properties" in kind(one) for one in union)


def test_a_union_has_a_name_and_its_objects_can_be_told_apart() -> None:
    """`oneOf`, since `anyOf` becomes one type with the fields of all in most languages."""
    assert [place for place, value in EVERYTHING if {"anyOf", "allOf", "not"} & value.keys()] == []
    unions = [(place, value) for place, value in EVERYTHING if "oneOf" in value]
    assert [place for place, _ in unions if not is_component(place)] == []
    untold = [place for place, value in unions if objects(value["oneOf"]) > 1 and "discriminator" not in value]
    assert untold == [], "leave the union out, or tell its members apart by a field"


def test_an_enumeration_has_a_name_and_no_other_has_its_values() -> None:
    """Otherwise every place that has it becomes a type of its own: name it in `api/schemas`."""
    found = [(place, value) for place, value in EVERYTHING if isinstance(value.get("enum"), list)]
    assert [place for place, _ in found if not is_component(place)] == []
    values = Counter(tuple(sorted(value["enum"])) for _, value in found)
    assert [choices for choices, count in values.items() if count > 1] == []
    assert all(value["type"] == "string" for _, value in found)


def test_null_is_said_in_the_type_of_answers_alone() -> None:
    """swift-openapi-generator leaves out every property that is `anyOf` something and null; it knows types that may be
    null, also behind a reference. Whoever leaves out a field of a body need not send a null for it.
    """
    assert [place for place, value in EVERYTHING if value.get("type") == "null"] == [], (
        "an object that is null in one place and never in another needs a Struct for each"
    )
    lists = [(place, value["type"]) for place, value in EVERYTHING if isinstance(value.get("type"), list)]
    assert [place for place, kinds in lists if len(kinds) != 2 or kinds[1] != "null"] == []
    asked = {name for body in bodies() for name in reached(body)}
    assert [place for place, _ in lists if place.split("/")[2] in asked or not place.startswith("components")] == []


def bodies() -> Iterator[dict[str, Any]]:
    for _, value in EVERYTHING:
        if isinstance(value.get("requestBody"), dict):
            yield from (media["schema"] for media in value["requestBody"]["content"].values())


def reached(value: Any, seen: frozenset[str] = frozenset()) -> set[str]:
    """The names of the components that this refers to."""
    names = {one["$ref"].removeprefix(PREFIX) for _, one in walked(value) if isinstance(one.get("$ref"), str)} - seen
    return names.union(*(reached(SCHEMAS[name], seen | names) for name in names))


def test_a_default_is_said_in_words() -> None:
    """openapi-typescript takes a field that has one for one that must be sent; parameters it takes as they are."""
    defaults = [place for place, value in walked(DOCUMENT["components"]) if "default" in value]
    assert defaults == []
    assert SCHEMAS["VideoCreate"]["properties"]["n"]["description"].endswith("Default: `1`.")
    assert SCHEMAS["VideoCreate"]["properties"]["loop"]["description"].endswith("Default: `false`.")


def test_numbers_say_how_wide_they_are() -> None:
    """Without a format Kotlin has 32 bits for an integer, too few for a seed or for a time after 2038."""
    for place, value in EVERYTHING:
        kinds = value["type"] if isinstance(value.get("type"), list) else [value.get("type")]
        if "integer" in kinds:
            assert value.get("format") == "int64" or value.get("maximum", 2**31) < 2**31, place
        if "number" in kinds:
            assert value.get("format") == "double", place


def test_a_pattern_is_one_of_json_schema() -> None:
    patterns = [value["pattern"] for _, value in EVERYTHING if isinstance(value.get("pattern"), str)]
    assert patterns
    assert [pattern for pattern in patterns if re.search(r"\\[AZz]|\(\?[P<#]", pattern)] == []


def contents() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for place, value in EVERYTHING:
        if place.endswith("/content") and all("/" in kind for kind in value):
            yield from ((place, kind, media["schema"]) for kind, media in value.items())


def test_files_are_binary() -> None:
    files = [
        (place, schema) for place, media_type, schema in contents() if re.match("(image|video|audio)/", media_type)
    ]
    assert len(files) > 5
    assert [place for place, schema in files if schema != {"type": "string", "format": "binary"}] == []


def test_a_form_has_files_and_no_unions() -> None:
    """A part of a form is a file or a text to every generator, never one of several things."""
    forms = [kind(schema) for _, media_type, schema in contents() if "form" in media_type]
    targets = [kind(member) for form in forms for member in form["properties"].values() if "$ref" in member]
    assert targets
    assert all("enum" in target for target in targets)


FIELDS = [
    (f"{name}.{wire}", wire, member)
    for name, schema in SCHEMAS.items()
    for wire, member in schema.get("properties", {}).items()
]


def test_every_field_has_a_description() -> None:
    assert [place for place, _, member in FIELDS if not member.get("description", "").endswith(".")] == []
    parameters = [(place, value) for place, value in EVERYTHING if "in" in value and "schema" in value]
    assert [place for place, value in parameters if not value.get("description")] == []


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        (r"\w+_at|created", "unix seconds"),
        (r"\w*seconds|at|until|expires_in", "second"),
        (r"\w+_bytes", "byte"),
        (r"\w+_(pixels|side|multiple)|(native_)?sizes?", "pixel"),
        (r"\w+_gb", "gb"),
        (r"\w+_days", "day"),
        (r"progress", "percent"),
    ],
)
def test_a_field_with_a_unit_names_it(name: str, unit: str) -> None:
    fields = [(place, member) for place, wire, member in FIELDS if re.fullmatch(name, wire)]
    assert fields
    assert [place for place, member in fields if unit not in member["description"].lower()] == []


def kind(member: dict[str, Any]) -> dict[str, Any]:
    """The schema of a field, behind its reference."""
    return SCHEMAS[member["$ref"].removeprefix(PREFIX)] if "$ref" in member else member
