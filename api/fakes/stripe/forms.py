"""Stripe's form encoding: bracketed names become nested values.

Lists and maps look alike in it (`items[0][price]`, `metadata[0]`), so everything stays a map of strings here; the
reader of a parameter decides which of the two it is.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

PARAMETER_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)$")
BRACKET_KEY = re.compile(r"\[([^\[\]]*)\]")


def decode_form(text: str) -> dict[str, Any]:
    """The pairs of a query or a form, nested by their brackets. `name[]` counts up from 0."""
    values: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        _set_nested(values, _split_name(name), value)
    return values


def _split_name(name: str) -> list[str]:
    match = PARAMETER_NAME.match(name)
    if match is None:
        return [name]
    return [match[1], *BRACKET_KEY.findall(match[2])]


def _set_nested(values: dict[str, Any], path: list[str], value: str) -> None:
    for part in path[:-1]:
        inner = values.setdefault(_list_index(part, values, last=False), {})
        if not isinstance(inner, dict):
            return  # `a=1&a[b]=2`: the first word stands
        values = inner
    values[_list_index(path[-1], values, last=True)] = value


def _list_index(part: str, values: dict[str, Any], *, last: bool) -> str:
    if part:
        return part
    return str(len(values)) if last else str(max(0, len(values) - 1))
