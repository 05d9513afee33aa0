"""Sends immutable files, with byte ranges and validators (RFC 9110). Does not check who may read a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from api.errors import RangeNotSatisfiable

if TYPE_CHECKING:
    from litestar.types import HTTPResponseStartEvent, Receive, Scope, Send

CHUNK = 1 << 20
MAX_DIGITS = 1000  # int() rejects strings of more than a few thousand digits


class ServedFile(NamedTuple):
    """A file to send. `bytes` is its size; `etag` is a strong validator in quotes."""

    path: Path
    content_type: str
    bytes: int
    etag: str
    modified: datetime


class FileRequestHeaders(NamedTuple):
    """The Range, If-Range, If-None-Match and If-Modified-Since headers of a request."""

    range: str | None
    if_range: str | None
    if_none_match: str | None
    if_modified_since: str | None = None

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> FileRequestHeaders:
        """Read them from headers with lower-case names."""
        names = ("range", "if-range", "if-none-match", "if-modified-since")
        return cls(*(headers.get(name) for name in names))


class ByteRange(NamedTuple):
    """Bytes `first` to `last`, inclusive."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def respond_with_file(
    file: ServedFile, request_headers: FileRequestHeaders, extra_headers: Mapping[str, str] | None = None
) -> FileBody:
    """The response to a GET or HEAD: 200, 206 or 304. Raises RangeNotSatisfiable."""
    head = _file_headers(file) | dict(extra_headers or {})
    if _is_unchanged(file, request_headers):
        return FileBody(file.path, 304, head, None)
    part = parse_range_header(file, request_headers)
    if part is None:
        return FileBody(file.path, 200, head | {"Content-Length": str(file.bytes)}, ByteRange(0, file.bytes - 1))
    content_range = f"bytes {part.first}-{part.last}/{file.bytes}"
    return FileBody(file.path, 206, head | {"Content-Length": str(part.length), "Content-Range": content_range}, part)


def _file_headers(file: ServedFile) -> dict[str, str]:
    """Headers of every response with this file."""
    return {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=86400, immutable",
        "Content-Type": file.content_type,
        "ETag": file.etag,
        "Last-Modified": _last_modified(file),
        "X-Content-Type-Options": "nosniff",
    }


def _last_modified(file: ServedFile) -> str:
    return format_datetime(file.modified.astimezone(UTC), usegmt=True)


def _is_unchanged(file: ServedFile, request_headers: FileRequestHeaders) -> bool:
    """Whether the client already has the file, by its tag or, where it sends none, by its date."""
    if request_headers.if_none_match is None:
        return _is_not_newer(file, request_headers.if_modified_since)
    tags = [tag.strip().removeprefix("W/") for tag in request_headers.if_none_match.split(",")]
    return file.etag in tags or "*" in tags


def _is_not_newer(file: ServedFile, since: str | None) -> bool:
    """Whether the file has not changed since an HTTP date, in whole seconds. Another text is ignored (RFC 9110)."""
    try:
        seen = parsedate_to_datetime(since or "")
    except ValueError:
        return False
    return file.modified.replace(microsecond=0) <= (seen if seen.tzinfo else seen.replace(tzinfo=UTC))


def parse_range_header(file: ServedFile, request_headers: FileRequestHeaders) -> ByteRange | None:
    """The requested range; None for the whole file, which is also sent for a list of ranges.

    Raises RangeNotSatisfiable for a range that starts after the end. RFC 9110 requires malformed ones to be ignored.
    """
    if request_headers.range is None or not _range_applies(file, request_headers.if_range):
        return None
    unit, _, bounds = request_headers.range.partition("=")
    first, dash, last = bounds.strip().partition("-")
    if (
        unit.strip().lower() != "bytes"
        or not dash
        or not _is_number(first)
        or not _is_number(last)
        or first == last == ""
    ):
        return None
    if first == "":
        return _suffix_range(file, int(last))
    if last and int(last) < int(first):
        return None
    if int(first) >= file.bytes:
        raise _unsatisfiable_range(file)
    return ByteRange(int(first), min(int(last) if last else file.bytes, file.bytes - 1))


def _is_number(text: str) -> bool:
    return text == "" or (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS)


def _suffix_range(file: ServedFile, length: int) -> ByteRange:
    if length == 0:
        raise _unsatisfiable_range(file)
    return ByteRange(max(0, file.bytes - length), file.bytes - 1)


def _range_applies(file: ServedFile, if_range: str | None) -> bool:
    """If-Range must equal the strong tag or the exact date; otherwise the whole file is sent."""
    return if_range is None or if_range.strip() in (file.etag, _last_modified(file))


def _unsatisfiable_range(file: ServedFile) -> RangeNotSatisfiable:
    detail = f"The range starts after the end of the file, which has {file.bytes} bytes."
    return RangeNotSatisfiable(detail, headers={"Content-Range": f"bytes */{file.bytes}"})


class FileBody:
    """An ASGI response that streams a file, or a range of it."""

    def __init__(self, path: Path, status: int, headers: dict[str, str], part: ByteRange | None) -> None:
        self._path = path
        self._status = status
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self._part = part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI)
        """Send the headers, then the bytes unless the request is HEAD."""
        head: HTTPResponseStartEvent = {
            "type": "http.response.start",
            "status": self._status,
            "headers": self._headers,
        }
        if self._part is None or scope["method"] == "HEAD":  # type: ignore[typeddict-item]
            await send(head)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        with self._path.open("rb") as file:
            await send(head)
            await _send_bytes(file.fileno(), self._part, send)


async def _send_bytes(descriptor: int, part: ByteRange, send: Send) -> None:
    """Read each chunk in a thread, so that the disk does not block the event loop."""
    position, end = part.first, part.last + 1
    while position < end:
        chunk = await asyncio.to_thread(os.pread, descriptor, min(CHUNK, end - position), position)
        if not chunk:
            message = "the file became shorter while it was being sent"
            raise OSError(message)
        position += len(chunk)
        await send({"type": "http.response.body", "body": chunk, "more_body": position < end})
