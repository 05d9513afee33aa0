"""The renditions of a finished video."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from api import ids
from api.schemas.videos import Variant
from api.sql import media
from api.sql.connection import Pool
from api.videos.availability import not_ready_error, rendition_error, require_owner

SUFFIXES: dict[Variant, str] = {"video": "mp4", "thumbnail": "webp", "spritesheet": "jpg", "poster": "jpg"}
TYPES: dict[Variant, str] = {
    "video": "video/mp4",
    "thumbnail": "image/webp",
    "spritesheet": "image/jpeg",
    "poster": "image/jpeg",
}


class Rendition(NamedTuple):
    """A rendition that may be served: its storage key, size in bytes and strong validator in quotes."""

    video_id: str
    variant: Variant
    key: str
    bytes: int
    etag: str
    modified: datetime

    @property
    def filename(self) -> str:
        """The name under which a browser saves the file."""
        suffix = "" if self.variant == "video" else f"-{self.variant}"
        return f"{self.video_id}{suffix}.{SUFFIXES[self.variant]}"


async def find_rendition(pool: Pool, video_id: str, variant: Variant, user_id: str | None) -> Rendition:
    """The rendition, for its owner or (None) for the bearer of a signed URL. Raises NotFound, Expired, Conflict."""
    async with pool.acquire() as db:
        row = await media.find_rendition(db, video_id, variant) if ids.is_valid_id(video_id, ids.VIDEO) else None
    row = require_owner(row, video_id, user_id)
    if error := rendition_error(row):
        raise error
    if row.key is None or row.bytes is None or row.etag is None or row.completed_at is None:
        raise not_ready_error(row)
    return Rendition(video_id, variant, row.key, row.bytes, f'"{row.etag[:32]}"', row.completed_at)
