"""Finds the caller behind a credential, in the one statement that every request needs."""

from __future__ import annotations

from msgspec import Struct

from api.sql.connection import Database, row

_USER_COLUMNS = "u.id AS user_id, u.email, u.plan, u.plan_version, u.locale, u.suspended_at IS NOT NULL AS suspended"


class Caller(Struct, frozen=True, kw_only=True):
    """The user on whose behalf a request is made, by a session or by an API key.

    `scopes` is None for a session, which has all of them. `stale` is set if the use of the credential was last recorded
    over a minute ago.
    """

    user_id: str
    email: str
    plan: str
    plan_version: int | None
    locale: str
    suspended: bool
    stale: bool
    session_id: str | None = None
    key_id: str | None = None
    scopes: list[str] | None = None


async def find_by_session(db: Database, session_id: str, user_id: str) -> Caller | None:
    """The caller, if the session is open."""
    record = await db.fetchrow(
        f"""
        SELECT {_USER_COLUMNS},
               s.id AS session_id,
               s.used_at < now() - interval '1 minute' AS stale
        FROM sessions s
        JOIN users u ON u.id = s.user_id
        WHERE s.id = $1
          AND s.user_id = $2
          AND s.revoked_at IS NULL
          AND s.expires_at > now()
        """,
        session_id,
        user_id,
    )
    return row(record, Caller)


async def find_by_api_key(db: Database, hash: bytes) -> Caller | None:
    """The caller, if the key has not been revoked."""
    record = await db.fetchrow(
        f"""
        SELECT {_USER_COLUMNS},
               k.id AS key_id,
               k.scopes,
               coalesce(k.used_at < now() - interval '1 minute', true) AS stale
        FROM api_keys k
        JOIN users u ON u.id = k.user_id
        WHERE k.hash = $1
          AND k.revoked_at IS NULL
        """,
        hash,
    )
    return row(record, Caller)


async def record_use(db: Database, caller: Caller) -> None:
    """Record that the credential is in use, at most once a minute."""
    table = "api_keys" if caller.key_id else "sessions"
    await db.execute(
        f"""
        UPDATE {table}
        SET used_at = now()
        WHERE id = $1
          AND (used_at IS NULL OR used_at < now() - interval '1 minute')
        """,
        caller.key_id or caller.session_id,
    )
