"""PostgreSQL's advisory locks: names that one connection holds, across transactions."""

from __future__ import annotations

import asyncpg

from api.sql.connection import Database


async def acquire_lock(db: Database, name: str, wait: float) -> bool:
    """Lock a name for this connection; False if another holds it for longer than `wait` seconds."""
    try:
        async with db.transaction():
            await db.execute("SELECT set_config('lock_timeout', $1, true)", f"{wait * 1000:.0f}ms")
            await db.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", name)
    except asyncpg.LockNotAvailableError:
        return False
    return True


async def release_locks(db: Database) -> None:
    """Release every lock that this connection holds."""
    await db.execute("SELECT pg_advisory_unlock_all()")
