"""Structs as OpenAPI schemas: shared components under plain names, none inline. Knows no routes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from litestar.params import ParameterKwarg
from msgspec import Meta, Struct

from api.body import FILE

Schema = dict[str, Any]

PREFIX = "#/components/schemas/"

_GENERIC = re.compile(r"(\w+?)_(\w+)_")


def is_struct(kind: Any) -> bool:
    origin = get_origin(kind) or kind
    return isinstance(origin, type) and issubclass(origin, Struct)


def ref(kind: Any) -> str:
    """Where the schema of this Struct stands: `Page[Video]` is called `VideoPage`."""
    arguments = get_args(kind)
    return PREFIX + (f"{arguments[0].__name__}{get_origin(kind).__name__}" if arguments else kind.__name__)


def components(inputs: Iterable[Any], outputs: Iterable[Any]) -> dict[str, Schema]:
    """The schemas of these Structs and of all they contain. An output always has every field."""
    asked, answered = _schemas(inputs), _schemas(outputs)
    for schema in answered.values():
        schema["required"] = list(schema.get("properties", ()))
    forms = {form_name(kind): form for kind in inputs if (form := _form(asked[kind.__name__], asked))}
    return dict(sorted((answered | asked | forms).items()))


def form_name(kind: type[Any]) -> str:
    """The schema of the Struct when it is sent as a form: another one only if it takes files."""
    return f"{kind.__name__}Form" if _form(_schemas([kind])[kind.__name__], _schemas([kind])) else kind.__name__


def _form(schema: Schema, known: dict[str, Schema]) -> Schema | None:
    """The schema with a file allowed wherever a Struct has a field for one; None if it has none."""
    files = [
        name
        for name, member in schema["properties"].items()
        if any(FILE in known[target].get("properties", ()) for target in _targets(member))
    ]
    if not files:
        return None
    binary = {"type": "string", "format": "binary"}
    members = {
        name: {"anyOf": [binary, *({"$ref": PREFIX + target} for target in _targets(member))]}
        if name in files
        else member
        for name, member in schema["properties"].items()
    }
    return {**schema, "title": f"{schema['title']}Form", "properties": members}


def _targets(member: Schema) -> list[str]:
    found = [member, *member.get("anyOf", ())]
    return [alternative["$ref"].removeprefix(PREFIX) for alternative in found if "$ref" in alternative]


def _schemas(kinds: Iterable[Any]) -> dict[str, Schema]:
    _, found = msgspec.json.schema_components(sorted(kinds, key=str), ref_template=PREFIX + "{name}")
    return {_plain(name): _polished(schema) for name, schema in found.items()}


def _plain(name: str) -> str:
    match = _GENERIC.fullmatch(name)
    return f"{match[2]}{match[1]}" if match else name


def _polished(value: Any) -> Any:
    """The schemas of msgspec, with the type of an enumeration said, one value as a constant, and plain names."""
    if isinstance(value, list):
        return [_polished(item) for item in value]
    if not isinstance(value, dict):
        return value
    schema = {name: _polished(item) for name, item in value.items()}
    if isinstance(schema.get("$ref"), str):
        schema["$ref"] = PREFIX + _plain(schema["$ref"].removeprefix(PREFIX))
    if isinstance(schema.get("title"), str):
        schema["title"] = re.sub(r"(\w+)\[(\w+)\]", r"\2\1", schema["title"])
    if isinstance(choices := schema.get("enum"), list):
        schema = {"type": "string", **schema}
        if len(choices) == 1:
            schema["const"] = schema.pop("enum")[0]
    return schema


def of_parameter(kind: Any, kwarg: ParameterKwarg) -> Schema:
    """The schema of a path, query or header parameter. One that may be None may be left out; null is never sent."""
    if get_origin(kind) in (Union, UnionType):
        kind = Union[tuple(alternative for alternative in get_args(kind) if alternative is not NoneType)]  # noqa: UP007
    limits = {
        name: limit
        for name in ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern")
        if (limit := getattr(kwarg, name)) is not None
    }
    (schema,), _ = msgspec.json.schema_components([Annotated[kind, Meta(**limits)] if limits else kind])
    polished: Schema = _polished(schema)
    return polished
