"""Stripe's form encoding: names with brackets become nested values.

Lists and maps look alike there (`items[0][price]`, `metadata[0]`), so everything stays a map of text here and whoever
reads a parameter says which of the two it is.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)$")
PART = re.compile(r"\[([^\[\]]*)\]")


def decode(text: str) -> dict[str, Any]:
    """The pairs of a query or a form, nested by their brackets. `name[]` counts up from 0."""
    values: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        _put(values, _path(name), value)
    return values


def _path(name: str) -> list[str]:
    match = NAME.match(name)
    if match is None:
        return [name]
    return [match[1], *PART.findall(match[2])]


def _put(values: dict[str, Any], path: list[str], value: str) -> None:
    for part in path[:-1]:
        inner = values.setdefault(_counted(part, values, last=False), {})
        if not isinstance(inner, dict):
            return  # `a=1&a[b]=2`: the first word stands
        values = inner
    values[_counted(path[-1], values, last=True)] = value


def _counted(part: str, values: dict[str, Any], *, last: bool) -> str:
    if part:
        return part
    return str(len(values)) if last else str(max(0, len(values) - 1))
