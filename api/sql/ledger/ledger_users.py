"""The users table as the ledger sees it: the lock that serialises a user's credits, and the overage cap."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from api.sql.connection import Database, row


class LedgerUser(Struct, frozen=True):
    """A user, as far as credits depend on it. `plan_version` is None for the newest version of the plan."""

    id: str
    plan: str
    plan_version: int | None
    created_at: datetime
    full_allowance: bool
    overage_cap: int | None


async def lock_user(db: Database, user_id: str) -> LedgerUser:
    """The user, whose credits no other transaction moves until this one ends. Raises LookupError."""
    query = """
        SELECT id, plan, plan_version, created_at, full_allowance, overage_cap
        FROM users
        WHERE id = $1
        FOR NO KEY UPDATE
    """
    user = row(await db.fetchrow(query, user_id), LedgerUser)
    if user is None:
        raise LookupError(f"There is no user {user_id}.")
    return user


async def lock_users_with_expired_lots(db: Database) -> list[str]:
    """Some users with lots to expire, locked; those whose credits another transaction moves are left for later."""
    query = """
        SELECT id
        FROM users
        WHERE id IN (
            SELECT user_id
            FROM lots
            WHERE expires_at <= now() AND (remaining > 0 OR (bucket = 'overage' AND granted > 0))
            LIMIT 1000
        )
        ORDER BY id
        FOR NO KEY UPDATE SKIP LOCKED
    """
    return [record["id"] for record in await db.fetch(query)]


async def set_overage_cap(db: Database, user_id: str, cap: int | None) -> None:
    """Set how many credits of overage a period may use; None for none."""
    query = """
        UPDATE users
        SET overage_cap = $2
        WHERE id = $1
    """
    await db.execute(query, user_id, cap)
