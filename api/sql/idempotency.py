"""The idempotency table: first answers kept for replay."""

from __future__ import annotations

from msgspec import Struct

from api.sql.connection import Database, row


class StoredAnswer(Struct, frozen=True, kw_only=True):
    """What was answered the first time, and the fingerprint of the request."""

    fingerprint: bytes
    status: int
    headers: dict[str, str]
    body: bytes


async def try_lock(db: Database, user_id: str, name: str) -> bool:
    """Lock a name until the end of the transaction; False if another transaction of the user has it."""
    value: bool = await db.fetchval("SELECT pg_try_advisory_xact_lock(hashtextextended($1 || $2, 0))", user_id, name)
    return value


async def wait_for_lock(db: Database, user_id: str, name: str) -> None:
    """Lock a name until the end of the transaction, once any other that has it ends."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended($1 || $2, 0))", user_id, name)


async def find_answer(db: Database, user_id: str, key: str) -> StoredAnswer | None:
    """The answer kept under the user's key, if it is younger than a day."""
    record = await db.fetchrow(
        """
        SELECT fingerprint, status, headers, body
        FROM idempotency
        WHERE user_id = $1
          AND key = $2
          AND created_at > now() - interval '24 hours'
        """,
        user_id,
        key,
    )
    return row(record, StoredAnswer)


async def keep_answer(db: Database, user_id: str, key: str, answer: StoredAnswer) -> None:
    """Keep an answer, in place of one that is older than a day."""
    await db.execute(
        """
        INSERT INTO idempotency (user_id, key, fingerprint, status, headers, body)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (user_id, key) DO UPDATE
        SET fingerprint = excluded.fingerprint,
            status = excluded.status,
            headers = excluded.headers,
            body = excluded.body,
            created_at = now()
        WHERE idempotency.created_at <= now() - interval '24 hours'
        """,
        user_id,
        key,
        answer.fingerprint,
        answer.status,
        answer.headers,
        answer.body,
    )
