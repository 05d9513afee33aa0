"""Parses multipart and URL-encoded forms into a list of named values, without knowledge of the fields.

Scalars remain strings; a file becomes its bytes. `nested_fields` nests them by their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import parse_qsl

from multipart import MultipartSegment, ParserError, ParserLimitReached, PushMultipartParser

from api.errors import Malformed, PayloadTooLarge

MAX_PARTS = 200
JSON_TYPE = "application/json"
MALFORMED = "The body is not well-formed multipart/form-data in UTF-8."

Field = tuple[str, str | bytes]


class FilePart(NamedTuple):
    """A part of a form, read as a file. `name` is its file name, empty for a part that is not a file."""

    field: str
    name: str
    content: bytes


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
    """A part as text or as a file; browsers send an empty file if none was chosen."""
    if _is_text(segment, content):
        return segment.name, _decode_text(content, segment.charset)
    return (segment.name, content) if segment.filename or content else None


def _is_text(segment: MultipartSegment, content: bytes) -> bool:
    """Whether a part is text, as its type and file name tell; without either, whether it can be read as such.

    Some clients name no file, and browsers name every `Blob`, one of JSON too.
    """
    media_type = segment.content_type or ""
    if media_type == JSON_TYPE:
        return True
    if segment.filename is not None:
        return False
    return media_type.startswith("text/") or (not media_type and _is_utf8(content))


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decode_text(content: bytes, charset: str | None) -> str:
    try:
        return content.decode(charset or "utf-8")
    except (UnicodeDecodeError, LookupError) as error:
        raise Malformed(MALFORMED) from error


def parse_urlencoded(body: bytes) -> list[Field]:
    """Parse a URL-encoded body into its fields, in order. Raises Malformed or PayloadTooLarge."""
    if body.count(b"&") >= MAX_PARTS:
        raise PayloadTooLarge(f"A form may have {MAX_PARTS} fields.")
    try:
        return list(parse_qsl(body.decode(), keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError as error:
        raise Malformed("The form is not UTF-8.") from error
