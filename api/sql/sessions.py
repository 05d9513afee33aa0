"""The sessions and refresh_tokens tables. A session is one signed-in device and one family of refresh tokens."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

from api.schemas.accounts import Session
from api.sql.connection import Database, changed_one_row, page_order, row, rows


class TokenRotation(Struct, frozen=True):
    """A refresh token with its session, locked. `used_ago` is in seconds; None while the token is unused."""

    session_id: str
    user_id: str
    used_ago: float | None
    ended: bool
    suspended: bool


async def insert_session(
    db: Database, *, id: str, user_id: str, user_agent: str, refresh_hash: bytes, lifetime: timedelta
) -> None:
    """Insert a session with its first refresh token."""
    await db.execute(
        """
        WITH session AS (
            INSERT INTO sessions (id, user_id, user_agent, expires_at)
            VALUES ($1, $2, $3, now() + $4)
            RETURNING id
        )
        INSERT INTO refresh_tokens (hash, session_id)
        SELECT $5, id
        FROM session
        """,
        id,
        user_id,
        user_agent,
        lifetime,
        refresh_hash,
    )


async def lock_rotation(db: Database, refresh_hash: bytes) -> TokenRotation | None:
    """The refresh token and its session, locked so that only one request at a time rotates the session's tokens."""
    record = await db.fetchrow(
        """
        SELECT t.session_id,
               s.user_id,
               extract(epoch FROM now() - t.used_at)::float8 AS used_ago,
               s.revoked_at IS NOT NULL OR s.expires_at <= now() AS ended,
               u.suspended_at IS NOT NULL AS suspended
        FROM refresh_tokens t
        JOIN sessions s ON s.id = t.session_id
        JOIN users u ON u.id = s.user_id
        WHERE t.hash = $1
        FOR UPDATE OF t, s
        """,
        refresh_hash,
    )
    return row(record, TokenRotation)


async def rotate_token(db: Database, session_id: str, old: bytes, new: bytes) -> None:
    """Mark a refresh token as used and insert the next."""
    await db.execute("UPDATE refresh_tokens SET used_at = now() WHERE hash = $1", old)
    await db.execute("INSERT INTO refresh_tokens (hash, session_id) VALUES ($1, $2)", new, session_id)
    await db.execute("UPDATE sessions SET used_at = now() WHERE id = $1", session_id)


async def find_unused_token(db: Database, session_id: str, hashes: list[bytes]) -> bytes | None:
    """The one of these refresh tokens that was issued and has not been used."""
    value: bytes | None = await db.fetchval(
        """
        SELECT hash
        FROM refresh_tokens
        WHERE session_id = $1
          AND hash = ANY($2)
          AND used_at IS NULL
        """,
        session_id,
        hashes,
    )
    return value


async def revoke_session(db: Database, session_id: str, user_id: str) -> bool:
    """End a session; False if the user has no such open session."""
    tag = await db.execute(
        """
        UPDATE sessions
        SET revoked_at = now()
        WHERE id = $1
          AND user_id = $2
          AND revoked_at IS NULL
          AND expires_at > now()
        """,
        session_id,
        user_id,
    )
    return changed_one_row(tag)


async def list_sessions(
    db: Database, user_id: str, current: str | None, after: str | None, limit: int, *, descending: bool
) -> list[Session]:
    """A page of the user's open sessions, by id; `current` is the id of the caller's session."""
    order, sign = page_order(descending=descending)
    records = await db.fetch(
        f"""
        SELECT id,
               user_agent,
               coalesce(id = $2, false) AS current,
               floor(extract(epoch FROM created_at))::bigint AS created_at,
               floor(extract(epoch FROM used_at))::bigint AS used_at,
               floor(extract(epoch FROM expires_at))::bigint AS expires_at
        FROM sessions
        WHERE user_id = $1
          AND revoked_at IS NULL
          AND expires_at > now()
          AND ($3::text IS NULL OR id {sign} $3)
        ORDER BY id {order}
        LIMIT $4
        """,
        user_id,
        current,
        after,
        limit,
    )
    return rows(records, Session)
