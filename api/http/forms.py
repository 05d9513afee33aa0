"""Parses multipart and URL-encoded forms into the nested values that JSON would have.

Supports the names of nested fields that OpenAI's clients send (`video[id]`, `storyboard[][at]`), without knowledge of
the fields. Scalars remain strings; a file becomes its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from multipart import MultipartSegment, ParserError, ParserLimitReached, PushMultipartParser

from api.errors import Malformed, PayloadTooLarge

MAX_PARTS = 200
MAX_DEPTH = 8
MAX_NAME_LENGTH = 200
MALFORMED = "The body is not well-formed multipart/form-data in UTF-8."

Field = tuple[str, str | bytes]


class FilePart(NamedTuple):
    """A part of a form, read as a file. `name` is its file name, empty for a part that is not a file."""

    field: str
    name: str
    content: bytes


_FIELD_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_BRACKET = re.compile(r"\[([^\[\]]*)\]")
_LIST = ""  # the key between the brackets of `storyboard[]`


def parse_multipart(body: bytes, boundary: str) -> list[Field]:
    """Parse a multipart/form-data body into its fields, in order. Raises Malformed or PayloadTooLarge."""
    return [field for segment, content in _parse_segments(body, boundary) if (field := _read_field(segment, content))]


def parse_files(body: bytes, boundary: str) -> list[FilePart]:
    """Parse a multipart/form-data body into files, without empty parts. Raises what `parse_multipart` raises."""
    parts = _parse_segments(body, boundary)
    return [
        FilePart(segment.name, segment.filename or "", content)
        for segment, content in parts
        if segment.filename or content
    ]


def _parse_segments(body: bytes, boundary: str) -> list[tuple[MultipartSegment, bytes]]:
    try:
        with PushMultipartParser(boundary, max_segment_count=MAX_PARTS) as parser:
            return list(_join_segments(parser.parse(body)))
    except ParserLimitReached as error:
        raise PayloadTooLarge(f"A form may have {MAX_PARTS} parts, each with a head of 4 KiB.") from error
    except (ParserError, UnicodeDecodeError) as error:
        raise Malformed(MALFORMED) from error


def _join_segments(events: Iterable[MultipartSegment | bytes | None]) -> Iterator[tuple[MultipartSegment, bytes]]:
    """Join the events of the parser: the head of a segment, its bytes, and None at its end."""
    segment: MultipartSegment | None = None
    content: list[bytes] = []
    for event in events:
        if isinstance(event, MultipartSegment):
            segment, content = event, []
        elif event is not None:
            content.append(event)
        elif segment is not None:
            yield segment, b"".join(content)


def _read_field(segment: MultipartSegment, content: bytes) -> Field | None:
    """A part with a file name is a file; browsers send an empty one if no file was chosen."""
    if segment.filename is None:
        return segment.name, _decode_text(content)
    return (segment.name, content) if segment.filename or content else None


def _decode_text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Malformed(MALFORMED) from error


def parse_urlencoded(body: bytes) -> list[Field]:
    """Parse a URL-encoded body into its fields, in order. Raises Malformed or PayloadTooLarge."""
    if body.count(b"&") >= MAX_PARTS:
        raise PayloadTooLarge(f"A form may have {MAX_PARTS} fields.")
    try:
        return list(parse_qsl(body.decode(), keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError as error:
        raise Malformed("The form is not UTF-8.") from error


def nest_fields(fields: Iterable[Field]) -> dict[str, Any]:
    """Nest the fields by the brackets in their names. Raises Malformed if names contradict each other."""
    root: dict[str, Any] = {}
    for name, value in fields:
        _insert_value(root, _split_name(name), value, name)
    return root


def _split_name(name: str) -> list[str]:
    match = _FIELD_NAME.fullmatch(name) if len(name) <= MAX_NAME_LENGTH else None
    path = [match[1], *_BRACKET.findall(match[2])] if match else []
    if not path or len(path) > MAX_DEPTH:
        reason = f"a form's fields are named `a`, `a[b]` or `a[]`, at most {MAX_DEPTH} deep."
        raise Malformed(f"`{name[:80]}` cannot be read: {reason}")
    return path


def _insert_value(root: dict[str, Any], path: list[str], value: str | bytes, name: str) -> None:
    """Insert a value at its path. `a[][b]` goes into the last element of `a` unless that already has a `b`."""
    here: Any = root
    for depth, key in enumerate(path):
        last = depth == len(path) - 1
        fresh: Any = value if last else [] if path[depth + 1] == _LIST else {}
        if key == _LIST and isinstance(here, list):
            if last or not here or _has_value(here[-1], path[depth + 1 :]):
                here.append(fresh)
            here = here[-1]
        elif key != _LIST and isinstance(here, dict):
            if last and key in here:
                raise Malformed(f"The form names `{name[:80]}` twice; a list is written `{name[:80]}[]`.")
            here = here.setdefault(key, fresh)
        else:
            raise Malformed(f"The form gives `{name[:80]}` in two shapes.")


def _has_value(element: Any, path: list[str]) -> bool:
    """Whether the element already has a value at the path, so that the next value starts a new element."""
    for key in path:
        if key == _LIST or not isinstance(element, dict) or key not in element:
            return False
        element = element[key]
    return True
