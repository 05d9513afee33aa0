"""Compares two versions of a JSON schema: the changes that break clients which send or read its values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]
Schema = dict[str, Any]

SCHEMAS = "#/components/schemas/"
UPPER_LIMITS = ("maximum", "maxLength", "maxItems", "maxProperties")
LOWER_LIMITS = ("minimum", "minLength", "minItems", "minProperties")


def compare_values(old: Schema, new: Schema, *, is_input: bool) -> Iterator[str]:
    """The changes of a value's schema that break clients that send it (`is_input`) or read it."""
    before, after = type_name(old), type_name(new)
    if before != after:
        yield f"is now {after} and was {before}"
        return
    if is_input and is_nullable(old) and not is_nullable(new):
        yield "no longer accepts null"
    if not is_input and is_nullable(new) and not is_nullable(old):
        yield "may now be null"
    yield from _compare_choices(old, new, is_input=is_input)
    yield from _compare_contained(old, new, is_input=is_input)
    if is_input:
        yield from _compare_limits(old, new)


def type_name(schema: Schema) -> str:
    """The type, as generators of clients tell types apart."""
    if "$ref" in schema:
        return f"`{schema['$ref'].removeprefix(SCHEMAS)}`"
    if "const" in schema:
        return f"always `{schema['const']}`"
    types = schema.get("type", "a union" if "oneOf" in schema or "anyOf" in schema else "anything")
    names = [name for name in (types if isinstance(types, list) else [types]) if name != "null"]
    return " ".join(filter(None, [*names, schema.get("format"), schema.get("contentEncoding")]))


def is_nullable(schema: Schema) -> bool:
    """Whether null is a value of the schema."""
    types = schema.get("type", ())
    return "null" in types if isinstance(types, list) else {"type": "null"} in schema.get("anyOf", ())


def _compare_choices(old: Schema, new: Schema, *, is_input: bool) -> Iterator[str]:
    """Values of an enumeration, members of a union. Both may grow, but not the members of a union in a response."""
    if is_input and "enum" in new:
        removed = [value for value in old.get("enum", ()) if value not in new["enum"]]
        yield from (f"no longer accepts `{value}`" for value in removed)
        if "enum" not in old:
            yield "now accepts only some values"
    before, after = (
        [type_name(member) for member in side.get("oneOf") or side.get("anyOf") or ()] for side in (old, new)
    )
    if is_input:
        yield from (f"no longer accepts {member}" for member in before if member not in after)
    else:
        yield from (f"may now be {member}" for member in after if member not in before)


def _compare_contained(old: Schema, new: Schema, *, is_input: bool) -> Iterator[str]:
    for key, prefix in (("items", "has items each of which"), ("additionalProperties", "has values each of which")):
        before, after = old.get(key, True), new.get(key, True)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from (f"{prefix} {change}" for change in compare_values(before, after, is_input=is_input))
        elif is_input and before is not False and after is not True:
            yield "now accepts fewer values"


def _compare_limits(old: Schema, new: Schema) -> Iterator[str]:
    yield from (
        f"now has a {key} of {new[key]}" for key in UPPER_LIMITS if key in new and new[key] < old.get(key, float("inf"))
    )
    yield from (
        f"now has a {key} of {new[key]}"
        for key in LOWER_LIMITS
        if key in new and new[key] > old.get(key, float("-inf"))
    )
    if new.get("pattern", old.get("pattern")) != old.get("pattern"):
        yield "now has another pattern"
