"""The uploads table: files sent before the request that uses them, and how many bytes of each are durable."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from api.sql.connection import Database, changed_one_row, page_order, returned_row, row, rows

Kind = Literal["image", "video"]
Status = Literal["receiving", "ready", "refused"]

_COLUMNS = """
    id, user_id, filename, metadata, bytes, received, status, kind, width, height, seconds, code, reason,
    created_at, expires_at
"""


class UploadRow(Struct, frozen=True, kw_only=True):
    """A stored upload. Of its `bytes`, `received` are durable; `code` and `reason` say why it was refused."""

    id: str
    user_id: str
    filename: str
    metadata: str
    bytes: int
    received: int
    status: Status
    kind: Kind | None
    width: int | None
    height: int | None
    seconds: float | None
    code: str | None
    reason: str | None
    created_at: datetime
    expires_at: datetime


class UploadUsage(Struct, frozen=True):
    """How many uploads a user has, and how many bytes they have or will have."""

    files: int
    bytes: int


async def lock_usage(db: Database, user_id: str) -> UploadUsage:
    """What counts against the user's limits; nobody else changes it until the transaction ends."""
    await db.execute("SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE", user_id)
    record = await db.fetchrow(
        """
        SELECT count(*) AS files,
               coalesce(sum(bytes), 0)::bigint AS bytes
        FROM uploads
        WHERE user_id = $1
          AND status <> 'refused'
          AND expires_at > now()
        """,
        user_id,
    )
    return returned_row(record, UploadUsage)


async def insert_upload(
    db: Database, *, id: str, user_id: str, filename: str, metadata: str, bytes: int, lifetime: float
) -> UploadRow:
    """Insert an upload of which nothing has arrived yet and which expires after `lifetime` seconds."""
    record = await db.fetchrow(
        f"""
        INSERT INTO uploads (id, user_id, filename, metadata, bytes, expires_at)
        VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
        RETURNING {_COLUMNS}
        """,
        id,
        user_id,
        filename,
        metadata,
        bytes,
        lifetime,
    )
    return returned_row(record, UploadRow)


async def find_upload(db: Database, upload_id: str, user_id: str) -> UploadRow | None:
    """One of the user's uploads."""
    record = await db.fetchrow(
        f"""
        SELECT {_COLUMNS}
        FROM uploads
        WHERE id = $1
          AND user_id = $2
        """,
        upload_id,
        user_id,
    )
    return row(record, UploadRow)


async def list_uploads(
    db: Database, user_id: str, after: str | None, limit: int, *, descending: bool
) -> list[UploadRow]:
    """A page of the user's uploads that have not expired, by id."""
    order, sign = page_order(descending=descending)
    records = await db.fetch(
        f"""
        SELECT {_COLUMNS}
        FROM uploads
        WHERE user_id = $1
          AND ($2::text IS NULL OR id {sign} $2)
          AND expires_at > now()
        ORDER BY id {order}
        LIMIT $3
        """,
        user_id,
        after,
        limit,
    )
    return rows(records, UploadRow)


async def advance_received(db: Database, upload_id: str, before: int, after: int) -> UploadRow | None:
    """Record that the bytes from `before` to `after` are durable; None if the row has changed meanwhile."""
    record = await db.fetchrow(
        f"""
        UPDATE uploads
        SET received = $3
        WHERE id = $1
          AND received = $2
          AND status = 'receiving'
        RETURNING {_COLUMNS}
        """,
        upload_id,
        before,
        after,
    )
    return row(record, UploadRow)


async def mark_ready(
    db: Database, upload_id: str, *, kind: Kind, width: int, height: int, seconds: float | None
) -> UploadRow | None:
    """Record what a complete file was found to be; None if the row is gone."""
    record = await db.fetchrow(
        f"""
        UPDATE uploads
        SET status = 'ready',
            received = bytes,
            kind = $2,
            width = $3,
            height = $4,
            seconds = $5
        WHERE id = $1
          AND status = 'receiving'
        RETURNING {_COLUMNS}
        """,
        upload_id,
        kind,
        width,
        height,
        seconds,
    )
    return row(record, UploadRow)


async def mark_refused(db: Database, upload_id: str, *, code: str, reason: str) -> UploadRow | None:
    """Record why a complete file cannot be used; None if the row is gone."""
    record = await db.fetchrow(
        f"""
        UPDATE uploads
        SET status = 'refused',
            code = $2,
            reason = $3
        WHERE id = $1
          AND status = 'receiving'
        RETURNING {_COLUMNS}
        """,
        upload_id,
        code,
        reason,
    )
    return row(record, UploadRow)


async def delete_upload(db: Database, upload_id: str, user_id: str) -> bool:
    """Delete one of the user's uploads; False if there is none."""
    tag = await db.execute("DELETE FROM uploads WHERE id = $1 AND user_id = $2", upload_id, user_id)
    return changed_one_row(tag)


async def list_expired(db: Database, limit: int = 1000) -> list[str]:
    """Ids of uploads that have expired."""
    records = await db.fetch("SELECT id FROM uploads WHERE expires_at < now() LIMIT $1", limit)
    return [record["id"] for record in records]


async def delete_rows(db: Database, upload_ids: list[str]) -> None:
    """Delete the rows of uploads whose files have been removed."""
    await db.execute("DELETE FROM uploads WHERE id = ANY($1)", upload_ids)


async def filter_existing(db: Database, upload_ids: list[str]) -> set[str]:
    """Those of the ids that have a row."""
    records = await db.fetch("SELECT id FROM uploads WHERE id = ANY($1)", upload_ids)
    return {record["id"] for record in records}
