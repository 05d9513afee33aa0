"""Forms as trees: reads multipart and URL-encoded bodies into the nesting that JSON would have.

Knows how OpenAI's clients write nested fields (`video[id]`, `storyboard[][at]`) and nothing of what a field
means. A scalar stays the string it was; a file becomes its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from multipart import MultipartSegment, ParserError, ParserLimitReached, PushMultipartParser

from api.errors import Malformed, PayloadTooLarge

PARTS = 200
DEPTH = 8
NAME = 200
NOT_READ = "The body is not well-formed multipart/form-data in UTF-8."

Field = tuple[str, str | bytes]


class Sent(NamedTuple):
    """A part of a form as a file: in which field, under which name. A part that is no file has no name."""

    field: str
    name: str
    content: bytes


_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_BRACKET = re.compile(r"\[([^\[\]]*)\]")
_LIST = ""  # what stands between the brackets of `storyboard[]`


def multipart(body: bytes, boundary: str) -> list[Field]:
    """The fields of a multipart/form-data body in order. Raises Malformed or PayloadTooLarge."""
    return [field for segment, content in _parsed(body, boundary) if (field := _field(segment, content))]


def files(body: bytes, boundary: str) -> list[Sent]:
    """The parts of such a body as files, but for those that are empty in every respect. Raises as `multipart` does."""
    parts = _parsed(body, boundary)
    return [
        Sent(segment.name, segment.filename or "", content) for segment, content in parts if segment.filename or content
    ]


def _parsed(body: bytes, boundary: str) -> list[tuple[MultipartSegment, bytes]]:
    try:
        with PushMultipartParser(boundary, max_segment_count=PARTS) as parser:
            return list(_segments(parser.parse(body)))
    except ParserLimitReached as error:
        raise PayloadTooLarge(f"A form may have {PARTS} parts, each with a head of 4 KiB.") from error
    except (ParserError, UnicodeDecodeError) as error:
        raise Malformed(NOT_READ) from error


def _segments(events: Iterable[MultipartSegment | bytes | None]) -> Iterator[tuple[MultipartSegment, bytes]]:
    """A segment comes as its head, its bytes, and None at its end."""
    segment: MultipartSegment | None = None
    content: list[bytes] = []
    for event in events:
        if isinstance(event, MultipartSegment):
            segment, content = event, []
        elif event is not None:
            content.append(event)
        elif segment is not None:
            yield segment, b"".join(content)


def _field(segment: MultipartSegment, content: bytes) -> Field | None:
    """A part with a file name is a file; browsers send an empty one for a file nobody chose."""
    if segment.filename is None:
        return segment.name, _text(content)
    return (segment.name, content) if segment.filename or content else None


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Malformed(NOT_READ) from error


def urlencoded(body: bytes) -> list[Field]:
    """The fields of a URL-encoded body in order. Raises Malformed or PayloadTooLarge."""
    if body.count(b"&") >= PARTS:
        raise PayloadTooLarge(f"A form may have {PARTS} fields.")
    try:
        return list(parse_qsl(body.decode(), keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError as error:
        raise Malformed("The form is not UTF-8.") from error


def tree(fields: Iterable[Field]) -> dict[str, Any]:
    """Nest the fields by the brackets in their names. Raises Malformed where names contradict each other."""
    root: dict[str, Any] = {}
    for name, value in fields:
        _place(root, _path(name), value, name)
    return root


def _path(name: str) -> list[str]:
    match = _NAME.fullmatch(name) if len(name) <= NAME else None
    path = [match[1], *_BRACKET.findall(match[2])] if match else []
    if not path or len(path) > DEPTH:
        reason = f"a form's fields are named `a`, `a[b]` or `a[]`, at most {DEPTH} deep."
        raise Malformed(f"`{name[:80]}` cannot be read: {reason}")
    return path


def _place(root: dict[str, Any], path: list[str], value: str | bytes, name: str) -> None:
    """Walk to the field's place, making what lacks. `a[][b]` joins the last element until that has a `b`."""
    here: Any = root
    for depth, key in enumerate(path):
        last = depth == len(path) - 1
        fresh: Any = value if last else [] if path[depth + 1] == _LIST else {}
        if key == _LIST and isinstance(here, list):
            if last or not here or _taken(here[-1], path[depth + 1 :]):
                here.append(fresh)
            here = here[-1]
        elif key != _LIST and isinstance(here, dict):
            if last and key in here:
                raise Malformed(f"The form names `{name[:80]}` twice; a list is written `{name[:80]}[]`.")
            here = here.setdefault(key, fresh)
        else:
            raise Malformed(f"The form gives `{name[:80]}` in two shapes.")


def _taken(element: Any, path: list[str]) -> bool:
    """Whether the element has a value where the path leads, so that the next one begins a new element."""
    for key in path:
        if key == _LIST or not isinstance(element, dict) or key not in element:
            return False
        element = element[key]
    return True
