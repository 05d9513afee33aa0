"""What the sweeper asks of the database: leases that ran out, work nobody was told of, things past their time."""

from __future__ import annotations

from msgspec import Struct

from api.db import Database, rows

LOCK = 0x73776565  # "swee": one sweep at a time, whichever worker does it


class Lost(Struct, frozen=True):
    """A lease that ran out under its worker."""

    id: str
    user_id: str
    attempt: int
    losses: int
    pool: str


class Purge(Struct, frozen=True):
    """A generation whose files are to go."""

    id: str


class Pace(Struct, frozen=True):
    """Seconds of work per pixel-second of clip."""

    model: str
    quality: str
    pace: float


class Load(Struct, frozen=True):
    """How fast work goes and how much of it is under way."""

    paces: list[Pace]
    running: int


async def lock(db: Database) -> bool:
    """Become the one that sweeps, until the transaction ends."""
    value: bool = await db.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK)
    return value


async def lost(db: Database) -> list[Lost]:
    """Running rows whose lease has run out."""
    return rows(
        await db.fetch(
            "SELECT id, user_id, attempt, losses, pool FROM generations"
            " WHERE state = 'in_progress' AND lease_until < now() ORDER BY lease_until LIMIT 100"
        ),
        Lost,
    )


async def waiting_pools(db: Database, longer_than: float) -> list[str]:
    """Pools with a row that could be claimed and has waited so many seconds."""
    records = await db.fetch(
        "WITH running AS (SELECT user_id, count(*) AS n FROM generations WHERE state = 'in_progress' GROUP BY 1)"
        " SELECT DISTINCT g.pool FROM generations g LEFT JOIN running r USING (user_id) WHERE g.state = 'queued'"
        " AND coalesce(r.n, 0) < g.concurrency AND g.not_before < now() - make_interval(secs => $1)",
        longer_than,
    )
    return [record["pool"] for record in records]


async def purgeable(db: Database, limit: int = 100) -> list[Purge]:
    """Deleted, expired or ended without a result: generations whose files are not needed any more."""
    return rows(
        await db.fetch(
            "SELECT id FROM generations WHERE purged_at IS NULL AND (deleted_at IS NOT NULL OR expires_at < now())"
            " AND state NOT IN ('queued', 'in_progress') LIMIT $1",
            limit,
        ),
        Purge,
    )


async def purged(db: Database, generation_id: str) -> None:
    """Note that a generation's files are gone."""
    await db.execute("DELETE FROM media WHERE generation_id = $1", generation_id)
    await db.execute("UPDATE generations SET purged_at = now() WHERE id = $1", generation_id)


async def known(db: Database, ids: list[str]) -> set[str]:
    """Which of these generations have a row."""
    records = await db.fetch("SELECT id FROM generations WHERE id = ANY($1)", ids)
    return {record["id"] for record in records}


async def forget(db: Database) -> None:
    """Drop kept answers after their day; sessions that have ended and refresh tokens spent a month ago."""
    await db.execute("DELETE FROM idempotency WHERE created_at < now() - interval '24 hours'")
    await db.execute(
        "DELETE FROM sessions WHERE least(expires_at, coalesce(revoked_at, expires_at)) < now() - interval '30 days'"
    )
    await db.execute("DELETE FROM refresh_tokens WHERE used_at < now() - interval '30 days'")


async def load(db: Database) -> Load:
    """How fast the last hundred videos were made, and how many are being made now."""
    paces = await db.fetch(
        "SELECT served_by AS model, quality, (sum(extract(epoch FROM completed_at - claimed_at))"
        " / sum(seconds::float8 * width * height))::float8 AS pace"
        " FROM (SELECT * FROM generations WHERE state = 'completed' ORDER BY completed_at DESC LIMIT 100) AS recent"
        " GROUP BY served_by, quality"
    )
    running: int = await db.fetchval("SELECT count(*) FROM generations WHERE state = 'in_progress'")
    return Load(paces=rows(paces, Pace), running=running)
