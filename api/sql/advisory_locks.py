"""PostgreSQL's advisory locks: names that one transaction holds."""

from __future__ import annotations

import asyncpg

from api.sql.connection import Database

MAX_IDLE_TIME = "5min"  # longer than any sequence of calls to Stripe; the session's own limit is seconds


async def lock_name(db: Database, name: str, wait: float) -> bool:
    """Lock a name until the transaction of `db` ends; False if another holds it for longer than `wait` seconds.

    The transaction may then stay idle for minutes. The lock belongs to a transaction and not to a session, because
    behind a pooler in transaction mode each transaction may run in a different session.
    """
    await db.execute("SELECT set_config('idle_in_transaction_session_timeout', $1, true)", MAX_IDLE_TIME)
    try:
        async with db.transaction():
            await db.execute("SELECT set_config('lock_timeout', $1, true)", f"{wait * 1000:.0f}ms")
            await db.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name)
            await db.execute("SET LOCAL lock_timeout TO DEFAULT")
    except asyncpg.LockNotAvailableError:
        return False
    return True
