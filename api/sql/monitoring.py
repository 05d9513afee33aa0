"""Queries for the operator: queues, held credits, stored bytes, missing migrations."""

from __future__ import annotations

from msgspec import Struct

from api.sql.connection import Database, rows
from api.sql.migrate import MIGRATIONS


class Queue(Struct, frozen=True):
    """The unfinished jobs of one pool in one state. `oldest` is an age in seconds; `lapsed` counts expired leases."""

    pool: str
    state: str
    jobs: int
    oldest: float
    lapsed: int
    losses: int


async def list_queues(db: Database) -> list[Queue]:
    """All pools with unfinished jobs. Uses the partial indexes, so that the length of the history does not matter."""
    return rows(
        await db.fetch(
            """
            SELECT pool,
                   state,
                   count(*) AS jobs,
                   sum(losses)::bigint AS losses,
                   extract(epoch FROM now() - min(created_at))::float8 AS oldest,
                   count(*) FILTER (WHERE lease_until < now()) AS lapsed
            FROM generations
            WHERE state = 'queued' OR state = 'in_progress'
            GROUP BY pool, state
            """
        ),
        Queue,
    )


async def sum_held_credits(db: Database) -> int:
    """Credits held for all users together."""
    return int(await db.fetchval("SELECT coalesce(sum(credits), 0)::bigint FROM holds WHERE state = 'held'"))


async def sum_media_bytes(db: Database) -> dict[str, int]:
    """Stored bytes by variant. Reads the whole table."""
    records = await db.fetch("SELECT variant, sum(bytes)::bigint AS bytes FROM media GROUP BY variant")
    return {record["variant"]: record["bytes"] for record in records}


async def list_missing_migrations(db: Database) -> list[str]:
    """Migrations of this release that have not been applied to the database."""
    if await db.fetchval("SELECT to_regclass('migrations')") is None:
        applied = set()
    else:
        applied = {record["name"] for record in await db.fetch("SELECT name FROM migrations")}
    return sorted({path.name for path in MIGRATIONS.glob("[0-9]*.sql")} - applied)
