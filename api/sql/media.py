"""The media table: the renditions of finished videos."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from api.schemas.videos import Status, Variant
from api.sql.connection import Database, row


class RenditionRow(Struct, frozen=True, kw_only=True):
    """One rendition: its storage key, size in bytes and strong validator."""

    variant: Variant
    key: str
    content_type: str
    bytes: int
    etag: str


class RenditionLookup(Struct, frozen=True, kw_only=True):
    """The state of a video and, once it is there, one of its renditions."""

    user_id: str
    state: Status
    failure: str | None
    expires_at: datetime | None
    purged_at: datetime | None
    completed_at: datetime | None
    key: str | None
    content_type: str | None
    bytes: int | None
    etag: str | None


async def add_renditions(db: Database, generation_id: str, renditions: list[RenditionRow]) -> None:
    """Record a video's renditions."""
    await db.executemany(
        """
        INSERT INTO media (generation_id, variant, key, content_type, bytes, etag)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        [(generation_id, item.variant, item.key, item.content_type, item.bytes, item.etag) for item in renditions],
    )


async def find_rendition(db: Database, generation_id: str, variant: Variant) -> RenditionLookup | None:
    """The rendition of a video that is not deleted."""
    record = await db.fetchrow(
        """
        SELECT g.user_id, g.state, g.failure, g.expires_at, g.purged_at, g.completed_at,
               m.key, m.content_type, m.bytes, m.etag
        FROM generations g
        LEFT JOIN media m ON m.generation_id = g.id AND m.variant = $2
        WHERE g.id = $1
          AND g.deleted_at IS NULL
        """,
        generation_id,
        variant,
    )
    return row(record, RenditionLookup)
