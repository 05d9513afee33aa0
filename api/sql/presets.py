"""The presets table: the styles that users keep."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from api.sql.connection import Database, changed_one_row, page_order, returned_row, row, rows


class PresetRow(Struct, frozen=True, kw_only=True):
    """A preset; `pictured` says that storage holds an image for it."""

    id: str
    user_id: str
    name: str
    prompt: str
    negative_prompt: str
    pictured: bool
    shared: bool
    created_at: datetime
    updated_at: datetime


COLUMNS = ", ".join(PresetRow.__struct_fields__)


async def add_preset(
    db: Database, *, id: str, user_id: str, name: str, prompt: str, negative_prompt: str, pictured: bool, shared: bool
) -> PresetRow:
    """Add a preset."""
    record = await db.fetchrow(
        f"""
        INSERT INTO presets (id, user_id, name, prompt, negative_prompt, pictured, shared)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        RETURNING {COLUMNS}
        """,
        id,
        user_id,
        name,
        prompt,
        negative_prompt,
        pictured,
        shared,
    )
    return returned_row(record, PresetRow)


async def find_usable_preset(db: Database, preset_id: str, user_id: str) -> PresetRow | None:
    """A preset that the user may use: their own, or one that is shared."""
    record = await db.fetchrow(
        f"""
        SELECT {COLUMNS}
        FROM presets
        WHERE id = $1
          AND (user_id = $2 OR shared)
        """,
        preset_id,
        user_id,
    )
    return row(record, PresetRow)


async def list_page(db: Database, user_id: str, after: str | None, limit: int, *, descending: bool) -> list[PresetRow]:
    """A page of the user's own presets, by id."""
    order, sign = page_order(descending=descending)
    records = await db.fetch(
        f"""
        SELECT {COLUMNS}
        FROM presets
        WHERE user_id = $1
          AND ($2::text IS NULL OR id {sign} $2)
        ORDER BY id {order}
        LIMIT $3
        """,
        user_id,
        after,
        limit,
    )
    return rows(records, PresetRow)


async def count_presets(db: Database, user_id: str) -> int:
    """How many presets the user has."""
    value: int = await db.fetchval("SELECT count(*) FROM presets WHERE user_id = $1", user_id)
    return value


async def update_preset(
    db: Database,
    preset_id: str,
    user_id: str,
    *,
    name: str | None,
    prompt: str | None,
    negative_prompt: str | None,
    shared: bool | None,
) -> PresetRow | None:
    """Change what is not None of the user's own preset; None if it is not theirs."""
    record = await db.fetchrow(
        f"""
        UPDATE presets
        SET name = coalesce($3, name),
            prompt = coalesce($4, prompt),
            negative_prompt = coalesce($5, negative_prompt),
            shared = coalesce($6, shared),
            updated_at = now()
        WHERE id = $1
          AND user_id = $2
        RETURNING {COLUMNS}
        """,
        preset_id,
        user_id,
        name,
        prompt,
        negative_prompt,
        shared,
    )
    return row(record, PresetRow)


async def delete_preset(db: Database, preset_id: str, user_id: str) -> bool:
    """Delete the user's own preset."""
    tag = await db.execute("DELETE FROM presets WHERE id = $1 AND user_id = $2", preset_id, user_id)
    return changed_one_row(tag)


async def filter_existing(db: Database, ids: list[str]) -> set[str]:
    """Those of these ids that have a preset."""
    return {record["id"] for record in await db.fetch("SELECT id FROM presets WHERE id = ANY($1)", ids)}
