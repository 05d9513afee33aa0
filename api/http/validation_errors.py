"""Turns msgspec's validation errors into problems that name the field and what it accepts. Never repeats a value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from api.errors import Invalid

_PLACE = re.compile(r"(.*) - at (?:`key` in )?`\$(.*)`", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_FIELD = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)


def invalid_field(error: msgspec.ValidationError, kind: Any) -> Invalid:
    """The problem for an error of `msgspec.convert` to `kind`."""
    match = _PLACE.fullmatch(str(error))
    message, place = match.groups() if match else (str(error), "")
    steps = [name or index for name, index in _STEP.findall(place)]
    shape = _type_at(type_info(kind), steps)
    if field := _FIELD.fullmatch(message):
        param = ".".join([*steps, field[2][:80]])
        known = ", ".join(f"`{name}`" for name in field_names(shape))
        missing = field[1] == "missing required"
        return Invalid(
            f"`{param}` is " + ("required." if missing else f"not a known field; there are {known}."), param=param
        )
    param = ".".join(steps)
    return Invalid(
        f"{f'`{param}`' if param else 'The body'}: {_describe_expected(message, shape)}", param=param or None
    )


def _type_at(shape: inspect.Type, steps: list[str]) -> inspect.Type:
    """The type at the end of the path; any type if the path leaves the known types."""
    for step in steps:
        member: inspect.Type = inspect.AnyType()
        for kind in union_members(shape):
            if isinstance(kind, inspect.StructType):
                member = next((field.type for field in kind.fields if field.encode_name == step), member)
            elif isinstance(kind, inspect.ListType):
                member = kind.item_type
        shape = member
    return shape


def field_names(shape: inspect.Type) -> list[str]:
    """The wire names of the fields of a Struct, or of all Structs of a union."""
    structs = [kind for kind in union_members(shape) if isinstance(kind, inspect.StructType)]
    return [field.encode_name for struct in structs for field in struct.fields]


def _describe_expected(message: str, shape: inspect.Type) -> str:
    if message.startswith("Invalid enum value"):
        literals = [kind for kind in union_members(shape) if isinstance(kind, inspect.LiteralType)]
        return "expected one of " + ", ".join(f"`{value}`" for kind in literals for value in kind.values) + "."
    if "matching regex" in message and (meaning := _type_description(shape)):
        return f"expected another form. {meaning}"
    return f"{message[0].lower()}{message[1:]}."


def _type_description(shape: inspect.Type) -> str:
    """The description in the annotation of a type, also inside an optional one."""
    if isinstance(shape, inspect.UnionType):
        return next(filter(None, map(_type_description, shape.types)), "")
    schema = shape.extra_json_schema if isinstance(shape, inspect.Metadata) else None
    return str((schema or {}).get("description", ""))


@cache
def type_info(kind: Any) -> inspect.Type:
    """Msgspec's description of a type, cached."""
    return inspect.type_info(kind)


def union_members(shape: inspect.Type) -> Iterator[inspect.Type]:
    """The members of a union, without annotations; of another type, the type itself."""
    if isinstance(shape, inspect.Metadata):
        yield from union_members(shape.type)
    elif isinstance(shape, inspect.UnionType):
        for alternative in shape.types:
            yield from union_members(alternative)
    else:
        yield shape
