"""What whoever runs the server wants to know: the queue, the disk, whether the schema is complete."""

from __future__ import annotations

from msgspec import Struct

from api.sql.connection import MIGRATIONS, Database, rows


class Queue(Struct, frozen=True):
    """The unfinished jobs of one pool in one state. `oldest` is seconds; `lapsed` counts leases that are over."""

    pool: str
    state: str
    jobs: int
    oldest: float
    lapsed: int
    losses: int


async def queues(db: Database) -> list[Queue]:
    """Every pool that has unfinished jobs. Served by the partial indexes, however long the history is."""
    return rows(
        await db.fetch(
            "SELECT pool, state, count(*) AS jobs, sum(losses)::bigint AS losses,"
            " extract(epoch FROM now() - min(created_at))::float8 AS oldest,"
            " count(*) FILTER (WHERE lease_until < now()) AS lapsed"
            " FROM generations WHERE state = 'queued' OR state = 'in_progress' GROUP BY pool, state"
        ),
        Queue,
    )


async def held(db: Database) -> int:
    """Credits set aside by all users together."""
    return int(await db.fetchval("SELECT coalesce(sum(credits), 0)::bigint FROM holds WHERE state = 'held'"))


async def media_bytes(db: Database) -> dict[str, int]:
    """Bytes kept, by kind of file. Reads the whole table."""
    records = await db.fetch("SELECT variant, sum(bytes)::bigint AS bytes FROM media GROUP BY variant")
    return {record["variant"]: record["bytes"] for record in records}


async def missing_migrations(db: Database) -> list[str]:
    """Migrations of this release that the database has not had yet."""
    if await db.fetchval("SELECT to_regclass('migrations')") is None:
        applied = set()
    else:
        applied = {record["name"] for record in await db.fetch("SELECT name FROM migrations")}
    return sorted({path.name for path in MIGRATIONS.glob("[0-9]*.sql")} - applied)
