"""Nests the fields of a form by the brackets in their names, without knowledge of the fields.

`video[id]` is a member of an object, `tags[]` an element of a list. A list of objects comes in three forms:

    storyboard[0][at], storyboard[0][prompt], storyboard[1][at]     numbered, as browsers' and many other clients write
    storyboard[][at], storyboard[][prompt], storyboard[][at]        row by row, as openai-node writes
    storyboard[][at], storyboard[][at], storyboard[][prompt]        column by column, as openai-python writes

Without numbers it may be impossible to tell which element a value belongs to; such a form is refused, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from api.errors import Malformed
from api.http.forms import Field

MAX_DEPTH = 8
MAX_NAME_LENGTH = 200

_FIELD_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_BRACKET = re.compile(r"\[([^\[\]]*)\]")
_LIST = ""  # the key between the brackets of `storyboard[]`


class RepeatedField(list[Any]):
    """The values of a name without brackets that comes several times, a list if the field is one."""

    def __init__(self, name: str, values: Iterable[Any]) -> None:
        super().__init__(values)
        self.name = name


class _Entry(NamedTuple):
    """A value, the keys that lead to it from here, and its whole name."""

    keys: tuple[str, ...]
    value: str | bytes
    name: str

    def below(self) -> _Entry:
        """The entry as seen from one level deeper."""
        return self._replace(keys=self.keys[1:])


def nest_fields(fields: Iterable[Field]) -> dict[str, Any]:
    """Nest the fields. Raises Malformed if names contradict each other, or leave open what belongs together."""
    return _nest_members([_Entry(_split_name(name), value, name[:80]) for name, value in fields])


def numbered_elements(value: dict[str, Any]) -> list[Any] | None:
    """The elements of a list whose keys are numbers, in the order of the numbers; None for another object."""
    if not value or not all(key.isascii() and key.isdigit() for key in value):
        return None
    return [value[key] for key in sorted(value, key=int)]


def _split_name(name: str) -> tuple[str, ...]:
    match = _FIELD_NAME.fullmatch(name) if len(name) <= MAX_NAME_LENGTH else None
    keys = (match[1], *_BRACKET.findall(match[2])) if match else ()
    if not keys or len(keys) > MAX_DEPTH:
        reason = f"a form's fields are named `a`, `a[b]` or `a[]`, at most {MAX_DEPTH} deep."
        raise Malformed(f"`{name[:80]}` cannot be read: {reason}")
    return keys


def _nest_members(entries: list[_Entry]) -> dict[str, Any]:
    members: dict[str, list[_Entry]] = {}
    for entry in entries:
        members.setdefault(entry.keys[0], []).append(entry.below())
    return {key: _nest_value(below) for key, below in members.items()}


def _nest_value(entries: list[_Entry]) -> Any:
    """The value of a member: plain, an object or a list. Raises Malformed where it is given as two of these."""
    first = entries[0]
    kinds = {None if not entry.keys else entry.keys[0] == _LIST for entry in entries}
    if len(kinds) > 1:
        raise Malformed(f"The form gives `{entries[-1].name}` in two shapes.")
    if not first.keys:
        values = [entry.value for entry in entries]
        return values[0] if len(values) == 1 else RepeatedField(first.name, values)
    if first.keys[0] != _LIST:
        return _nest_members(entries)
    return [_nest_value(element) if element[0].keys else element[0].value for element in _split_list(entries)]


def _split_list(entries: list[_Entry]) -> Iterator[list[_Entry]]:
    """The entries of each element of a list."""
    elements = [entry.below() for entry in entries]
    plain = [entry for entry in elements if not entry.keys]
    if plain and len(plain) < len(elements):
        raise Malformed(f"The form gives `{entries[-1].name}` in two shapes.")
    if plain:
        return ([entry] for entry in plain)
    columns = [list(column) for _, column in groupby(elements, key=lambda entry: entry.keys)]
    if _are_columns(columns):
        return map(list, zip(*columns, strict=True))
    return iter(_split_rows(elements))


def _are_columns(columns: list[list[_Entry]]) -> bool:
    """Whether each field comes with the values of all elements at once. Raises Malformed if some elements lack one."""
    names = [column[0].keys for column in columns]
    longest = max(columns, key=len)
    if len(longest) == 1 or len(set(names)) < len(names) or any(_LIST in keys for keys in names):
        return False
    if short := next((column for column in columns if len(column) < len(longest)), None):
        raise _unclear_element(short[0], f"is given for {len(short)} of {len(longest)} elements")
    return True


def _split_rows(entries: list[_Entry]) -> list[list[_Entry]]:
    """A field that the element already has begins the next one. Raises Malformed unless all begin with the same."""
    rows: list[list[_Entry]] = []
    seen: set[tuple[str, ...]] = set()
    for entry in entries:
        if not rows or (entry.keys in seen and _LIST not in entry.keys):
            if rows and entry.keys != rows[0][0].keys:
                raise _unclear_element(entry, f"begins an element, but `{rows[0][0].name}` began the first")
            rows.append([])
            seen.clear()
        rows[-1].append(entry)
        seen.add(entry.keys)
    return rows


def _unclear_element(entry: _Entry, reason: str) -> Malformed:
    """The problem of a form that leaves open to which element of a list a value belongs."""
    numbered = entry.name.replace("[]", "[0]", 1)
    return Malformed(
        f"`{entry.name}` {reason}, so it is unclear which element it belongs to. Number the elements (`{numbered}`), "
        "give each the same fields in the same order, or send the list as JSON in one field."
    )
