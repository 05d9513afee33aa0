"""The api_keys table."""

from __future__ import annotations

from api.schemas.accounts import ApiKey
from api.sql.connection import Database, changed_one_row, page_order, returned_row, rows

_COLUMNS = """
    id, name, scopes, hint,
    floor(extract(epoch FROM created_at))::bigint AS created_at,
    floor(extract(epoch FROM used_at))::bigint AS used_at
"""


async def insert_api_key(
    db: Database, *, id: str, user_id: str, name: str, hash: bytes, hint: str, scopes: list[str]
) -> ApiKey:
    """Insert a key."""
    record = await db.fetchrow(
        f"""
        INSERT INTO api_keys (id, user_id, name, hash, hint, scopes)
        VALUES ($1, $2, $3, $4, $5, $6)
        RETURNING {_COLUMNS}
        """,
        id,
        user_id,
        name,
        hash,
        hint,
        scopes,
    )
    return returned_row(record, ApiKey)


async def list_api_keys(db: Database, user_id: str, after: str | None, limit: int, *, descending: bool) -> list[ApiKey]:
    """A page of the user's keys that are not revoked, by id."""
    order, sign = page_order(descending=descending)
    records = await db.fetch(
        f"""
        SELECT {_COLUMNS}
        FROM api_keys
        WHERE user_id = $1
          AND revoked_at IS NULL
          AND ($2::text IS NULL OR id {sign} $2)
        ORDER BY id {order}
        LIMIT $3
        """,
        user_id,
        after,
        limit,
    )
    return rows(records, ApiKey)


async def revoke_api_key(db: Database, key_id: str, user_id: str) -> bool:
    """Revoke a key; False if the user has no such key."""
    tag = await db.execute(
        """
        UPDATE api_keys
        SET revoked_at = now()
        WHERE id = $1
          AND user_id = $2
          AND revoked_at IS NULL
        """,
        key_id,
        user_id,
    )
    return changed_one_row(tag)
