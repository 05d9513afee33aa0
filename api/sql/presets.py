"""The presets table: styles that people keep."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from api.sql.connection import Database, row, rows

_COLUMNS = "id, user_id, name, prompt, negative_prompt, pictured, shared, created_at, updated_at"


class Kept(Struct, frozen=True, kw_only=True):
    """A preset as it is kept; `pictured` says that storage holds a picture for it."""

    id: str
    user_id: str
    name: str
    prompt: str
    negative_prompt: str
    pictured: bool
    shared: bool
    created_at: datetime
    updated_at: datetime


async def add(
    db: Database, *, id: str, user_id: str, name: str, prompt: str, negative_prompt: str, pictured: bool, shared: bool
) -> Kept:
    """Keep a new preset."""
    record = await db.fetchrow(
        "INSERT INTO presets (id, user_id, name, prompt, negative_prompt, pictured, shared)"
        f" VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {_COLUMNS}",
        id,
        user_id,
        name,
        prompt,
        negative_prompt,
        pictured,
        shared,
    )
    [kept] = rows([record] if record else [], Kept)
    return kept


async def find(db: Database, preset_id: str, user_id: str) -> Kept | None:
    """A preset that the user may use: their own, or one that is shared."""
    query = f"SELECT {_COLUMNS} FROM presets WHERE id = $1 AND (user_id = $2 OR shared)"
    return row(await db.fetchrow(query, preset_id, user_id), Kept)


async def page(db: Database, user_id: str, after: str | None, limit: int, *, descending: bool) -> list[Kept]:
    """A page of the user's own presets, by id."""
    order, sign = ("DESC", "<") if descending else ("ASC", ">")
    query = (
        f"SELECT {_COLUMNS} FROM presets WHERE user_id = $1 AND ($2::text IS NULL OR id {sign} $2)"
        f" ORDER BY id {order} LIMIT $3"
    )
    return rows(await db.fetch(query, user_id, after, limit), Kept)


async def count(db: Database, user_id: str) -> int:
    """How many presets the user keeps."""
    value: int = await db.fetchval("SELECT count(*) FROM presets WHERE user_id = $1", user_id)
    return value


async def change(
    db: Database,
    preset_id: str,
    user_id: str,
    *,
    name: str | None,
    prompt: str | None,
    negative_prompt: str | None,
    shared: bool | None,
) -> Kept | None:
    """Change what is not None of the user's own preset; None if it is not theirs."""
    record = await db.fetchrow(
        "UPDATE presets SET name = coalesce($3, name), prompt = coalesce($4, prompt),"
        " negative_prompt = coalesce($5, negative_prompt), shared = coalesce($6, shared), updated_at = now()"
        f" WHERE id = $1 AND user_id = $2 RETURNING {_COLUMNS}",
        preset_id,
        user_id,
        name,
        prompt,
        negative_prompt,
        shared,
    )
    return row(record, Kept)


async def remove(db: Database, preset_id: str, user_id: str) -> bool:
    """Remove the user's own preset."""
    tag = await db.execute("DELETE FROM presets WHERE id = $1 AND user_id = $2", preset_id, user_id)
    return tag == "DELETE 1"


async def present(db: Database, ids: list[str]) -> set[str]:
    """Which of these presets there are."""
    return {record["id"] for record in await db.fetch("SELECT id FROM presets WHERE id = ANY($1)", ids)}
