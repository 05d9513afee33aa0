"""Serving a rendition: who may have it, which part was asked for, and its bytes. Range and validators as RFC 9110."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from api import ids
from api.db import Pool
from api.errors import (
    Conflict,
    Expired,
    HasFailed,
    Internal,
    Invalid,
    NotFound,
    NotReady,
    RangeNotSatisfiable,
    Unauthorized,
    WasCancelled,
)
from api.failures import REASONS
from api.models import Variant
from api.sql import media
from api.sql.media import Served
from api.tokens import Keyring

if TYPE_CHECKING:
    from litestar.types import HTTPResponseStartEvent, Receive, Scope, Send

CHUNK = 1 << 20
LONGEST_NUMBER = 1000  # digits; Python reads no more than a few thousand, and no file has so many bytes
SUFFIXES: dict[Variant, str] = {"video": "mp4", "thumbnail": "webp", "spritesheet": "jpg", "poster": "jpg"}
TYPES: dict[Variant, str] = {
    "video": "video/mp4",
    "thumbnail": "image/webp",
    "spritesheet": "image/jpeg",
    "poster": "image/jpeg",
}


class Rendition(NamedTuple):
    """A rendition that may be served."""

    video_id: str
    variant: Variant
    key: str
    bytes: int
    etag: str
    modified: datetime


class Span(NamedTuple):
    """Bytes `first` to `last`, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many bytes."""
        return self.last - self.first + 1


async def find(pool: Pool, video_id: str, variant: Variant, user_id: str | None) -> Rendition:
    """The rendition, for its owner or (None) for the bearer of a signature. Raises NotFound, Expired, Conflict."""
    async with pool.acquire() as db:
        served = await media.find(db, video_id, variant) if ids.valid(video_id, "video") else None
    if served is None or (user_id is not None and served.user_id != user_id):
        detail = "There is no such video of yours."
        raise NotFound(detail, param="video_id")
    if served.state in ("failed", "cancelled"):
        raise _fruitless(served)
    if served.purged_at or (served.expires_at and served.expires_at < datetime.now(UTC)):
        detail = "The media of this video is past its retention and no longer kept."
        raise Expired(detail)
    if served.key is None or served.bytes is None or served.etag is None or served.completed_at is None:
        detail = "This video is still being made; its status is on GET /v1/videos/{id}."
        raise NotReady(detail, state=served.state)
    return Rendition(video_id, variant, served.key, served.bytes, f'"{served.etag[:32]}"', served.completed_at)


def _fruitless(served: Served) -> Conflict:
    if served.failure is None:
        return WasCancelled("This video was cancelled; there is nothing to download.", state=served.state)
    why = REASONS[served.failure].en
    return HasFailed(f"This video failed ({served.failure}): {why}", state=served.state, reason=served.failure)


def reader(user_id: str | None, path: str, expires: int | None, signature: str | None, keyring: Keyring) -> str | None:
    """The user who reads, or None for whoever holds a URL that was signed for `path`. Raises Invalid, Unauthorized."""
    if user_id is not None:
        return user_id
    if expires is None or signature is None:
        raise Invalid("A signed URL has both `expires` and `signature`.", param="expires")
    if not keyring.check_media(path, expires, signature):
        raise Unauthorized("This URL has expired or is not one of ours; read the video again for a fresh one.")
    return None


def headers(rendition: Rendition) -> dict[str, str]:
    """What every answer about this rendition carries."""
    part = "" if rendition.variant == "video" else f"-{rendition.variant}"
    name = f"{rendition.video_id}{part}.{SUFFIXES[rendition.variant]}"
    return {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=86400, immutable",
        "Content-Disposition": f'inline; filename="{name}"',
        "Content-Type": TYPES[rendition.variant],
        "ETag": rendition.etag,
        "Last-Modified": format_datetime(rendition.modified.astimezone(UTC), usegmt=True),
        "X-Content-Type-Options": "nosniff",
    }


def unchanged(rendition: Rendition, if_none_match: str | None) -> bool:
    """Whether the reader already has these bytes."""
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return rendition.etag in tags or "*" in tags


def span(rendition: Rendition, range_header: str | None, if_range: str | None) -> Span | None:
    """The part asked for; None for all of it. One range is served; a list of them gets the whole file.

    Raises RangeNotSatisfiable for a range that begins behind the end. A malformed one is ignored, as RFC 9110 asks.
    """
    if range_header is None or not _applies(rendition, if_range):
        return None
    unit, _, wanted = range_header.partition("=")
    first, dash, last = wanted.strip().partition("-")
    if unit.strip().lower() != "bytes" or not dash or not _digits(first) or not _digits(last) or first == last == "":
        return None
    if first == "":
        return _tail(rendition, int(last))
    if last and int(last) < int(first):
        return None
    if int(first) >= rendition.bytes:
        raise _outside(rendition)
    return Span(int(first), min(int(last) if last else rendition.bytes, rendition.bytes - 1))


def _digits(text: str) -> bool:
    return text == "" or (text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER)


def _tail(rendition: Rendition, length: int) -> Span:
    if length == 0:
        raise _outside(rendition)
    return Span(max(0, rendition.bytes - length), rendition.bytes - 1)


def _applies(rendition: Rendition, if_range: str | None) -> bool:
    """If-Range takes a strong tag or the exact date; anything else means: send all of it."""
    return if_range is None or if_range.strip() in (rendition.etag, headers(rendition)["Last-Modified"])


def _outside(rendition: Rendition) -> RangeNotSatisfiable:
    detail = f"The file has {rendition.bytes} bytes, and the range begins behind them."
    return RangeNotSatisfiable(detail, headers={"Content-Range": f"bytes */{rendition.bytes}"})


class FileBody:
    """An ASGI answer that sends a file, or a part of it, without holding it in memory."""

    def __init__(self, path: Path, status: int, headers: dict[str, str], part: Span | None) -> None:
        self._path = path
        self._status = status
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self._part = part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI)
        """Send the head, then the bytes unless only the head was asked for."""
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
            await _send_part(file.fileno(), self._part, send)


async def _send_part(descriptor: int, part: Span, send: Send) -> None:
    """Read a chunk in a thread while the one before is on its way, so the disk and the socket both keep busy."""
    position, end = part.first, part.last + 1
    while position < end:
        chunk = await asyncio.to_thread(os.pread, descriptor, min(CHUNK, end - position), position)
        if not chunk:
            message = "the file became shorter while it was being sent"
            raise OSError(message)
        position += len(chunk)
        await send({"type": "http.response.body", "body": chunk, "more_body": position < end})


def respond(rendition: Rendition, path: Path, *, range_header: str | None, if_range: str | None,
            if_none_match: str | None) -> FileBody:  # fmt: skip
    """The answer to a GET or HEAD: 200, 206, 304, or a 416 problem."""
    head = headers(rendition)
    if not path.is_file():
        raise Internal("The file of this video is missing from the storage; whoever runs this server must look.")
    if unchanged(rendition, if_none_match):
        return FileBody(path, 304, head, None)
    part = span(rendition, range_header, if_range)
    if part is None:
        return FileBody(path, 200, head | {"Content-Length": str(rendition.bytes)}, Span(0, rendition.bytes - 1))
    content_range = f"bytes {part.first}-{part.last}/{rendition.bytes}"
    return FileBody(path, 206, head | {"Content-Length": str(part.length), "Content-Range": content_range}, part)
