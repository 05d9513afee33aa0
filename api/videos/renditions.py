"""A finished video's renditions: who may have which, and under what name. How its bytes are sent is in `files`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from api import ids
from api.errors import Conflict, Expired, HasFailed, Internal, Invalid, NotFound, NotReady, Unauthorized, WasCancelled
from api.http import file_response
from api.http.file_response import Asked, File, FileBody
from api.keyring import Keyring
from api.schemas.videos import Variant
from api.sql import media
from api.sql.connection import Pool
from api.sql.media import Served
from api.videos.failures import REASONS

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


async def find_rendition(pool: Pool, video_id: str, variant: Variant, user_id: str | None) -> Rendition:
    """The rendition, for its owner or (None) for the bearer of a signature. Raises NotFound, Expired, Conflict."""
    async with pool.acquire() as db:
        served = await media.find(db, video_id, variant) if ids.valid(video_id, ids.VIDEO) else None
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


def respond(rendition: Rendition, path: Path, asked: Asked) -> FileBody:
    """The answer to a GET or HEAD: 200, 206 or 304. Raises RangeNotSatisfiable, and Internal where the file is lost."""
    if not path.is_file():
        raise Internal("The file of this video is missing from the storage; whoever runs this server must look.")
    part = "" if rendition.variant == "video" else f"-{rendition.variant}"
    name = f"{rendition.video_id}{part}.{SUFFIXES[rendition.variant]}"
    file = File(path, TYPES[rendition.variant], rendition.bytes, rendition.etag, rendition.modified)
    return file_response.respond(file, asked, {"Content-Disposition": f'inline; filename="{name}"'})
