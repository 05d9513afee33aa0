"""The uploads table: files that are sent in before they are used, and how much of each is there."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from api.sql.connection import Database, row, rows

Kind = Literal["image", "video"]
Status = Literal["receiving", "ready", "refused"]

_COLUMNS = (
    "id, user_id, filename, metadata, bytes, received, status, kind, width, height, seconds, code, reason,"
    " created_at, expires_at"
)


class Arrival(Struct, frozen=True, kw_only=True):
    """A file as it is kept. Of its `bytes`, `received` are durable; `code` and `reason` say why it was refused."""

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


class Held(Struct, frozen=True):
    """How many files a user has here, and how many bytes they are or will be."""

    files: int
    bytes: int


async def held(db: Database, user_id: str) -> Held:
    """What counts against the user's limits, which nobody changes until the transaction ends."""
    await db.execute("SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE", user_id)
    record = await db.fetchrow(
        "SELECT count(*) AS files, coalesce(sum(bytes), 0)::bigint AS bytes FROM uploads"
        " WHERE user_id = $1 AND status <> 'refused' AND expires_at > now()",
        user_id,
    )
    [found] = rows([record] if record else [], Held)
    return found


async def add(db: Database, *, id: str, user_id: str, filename: str, metadata: str, bytes: int, kept: float) -> Arrival:
    """A file of which nothing has arrived yet, to be kept for so many seconds."""
    record = await db.fetchrow(
        "INSERT INTO uploads (id, user_id, filename, metadata, bytes, expires_at)"
        f" VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6)) RETURNING {_COLUMNS}",
        id,
        user_id,
        filename,
        metadata,
        bytes,
        kept,
    )
    [added] = rows([record] if record else [], Arrival)
    return added


async def find(db: Database, upload_id: str, user_id: str) -> Arrival | None:
    """One of the user's own."""
    query = f"SELECT {_COLUMNS} FROM uploads WHERE id = $1 AND user_id = $2"
    return row(await db.fetchrow(query, upload_id, user_id), Arrival)


async def page(db: Database, user_id: str, after: str | None, limit: int, *, descending: bool) -> list[Arrival]:
    """A page of the user's own that have not expired, by id."""
    order, sign = ("DESC", "<") if descending else ("ASC", ">")
    query = (
        f"SELECT {_COLUMNS} FROM uploads WHERE user_id = $1 AND ($2::text IS NULL OR id {sign} $2)"
        f" AND expires_at > now() ORDER BY id {order} LIMIT $3"
    )
    return rows(await db.fetch(query, user_id, after, limit), Arrival)


async def move(db: Database, upload_id: str, before: int, after: int) -> Arrival | None:
    """Note that the bytes from `before` to `after` are durable; None if something else has happened meanwhile."""
    record = await db.fetchrow(
        "UPDATE uploads SET received = $3 WHERE id = $1 AND received = $2 AND status = 'receiving'"
        f" RETURNING {_COLUMNS}",
        upload_id,
        before,
        after,
    )
    return row(record, Arrival)


async def ready(
    db: Database, upload_id: str, *, kind: Kind, width: int, height: int, seconds: float | None
) -> Arrival | None:
    """Note what a file that is whole was found to be; None if it is gone."""
    record = await db.fetchrow(
        "UPDATE uploads SET status = 'ready', received = bytes, kind = $2, width = $3, height = $4, seconds = $5"
        f" WHERE id = $1 AND status = 'receiving' RETURNING {_COLUMNS}",
        upload_id,
        kind,
        width,
        height,
        seconds,
    )
    return row(record, Arrival)


async def refuse(db: Database, upload_id: str, *, code: str, reason: str) -> Arrival | None:
    """Note why a file that is whole cannot be used; None if it is gone."""
    record = await db.fetchrow(
        "UPDATE uploads SET status = 'refused', code = $2, reason = $3"
        f" WHERE id = $1 AND status = 'receiving' RETURNING {_COLUMNS}",
        upload_id,
        code,
        reason,
    )
    return row(record, Arrival)


async def remove(db: Database, upload_id: str, user_id: str) -> bool:
    """Remove one of the user's own."""
    return await db.execute("DELETE FROM uploads WHERE id = $1 AND user_id = $2", upload_id, user_id) == "DELETE 1"


async def expired(db: Database, limit: int = 1000) -> list[str]:
    """Files whose day is over."""
    records = await db.fetch("SELECT id FROM uploads WHERE expires_at < now() LIMIT $1", limit)
    return [record["id"] for record in records]


async def forget(db: Database, upload_id: str) -> None:
    """Drop the row of a file that is gone."""
    await db.execute("DELETE FROM uploads WHERE id = $1", upload_id)


async def present(db: Database, ids: list[str]) -> set[str]:
    """Which of these files have a row."""
    return {record["id"] for record in await db.fetch("SELECT id FROM uploads WHERE id = ANY($1)", ids)}
