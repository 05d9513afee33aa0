"""The chores table: work that one worker does for all of them, at most once in an interval."""

from __future__ import annotations

from api.sql.connection import Database


async def begin_chore(db: Database, name: str, every: float, within: float) -> bool:
    """True if a chore was last done `every` seconds ago and is now the caller's, to be done `within` seconds; after
    them it is due again.
    """
    query = """
        INSERT INTO chores (name, done_at)
        VALUES ($1, now() - make_interval(secs => $2::float8 - $3))
        ON CONFLICT (name) DO UPDATE
        SET done_at = excluded.done_at
        WHERE chores.done_at <= now() - make_interval(secs => $2::float8)
        RETURNING true
    """
    begun: bool | None = await db.fetchval(query, name, every, within)
    return bool(begun)


async def end_chore(db: Database, name: str) -> None:
    """Record that the chore is done."""
    query = """
        INSERT INTO chores (name, done_at)
        VALUES ($1, now())
        ON CONFLICT (name) DO UPDATE
        SET done_at = now()
    """
    await db.execute(query, name)
