"""What the sweeper asks of the database: leases that ran out, work nobody was told of, things past their time."""

from __future__ import annotations

from msgspec import Struct

from api.sql.connection import Database, rows


class MeasuredPace(Struct, frozen=True):
    """Seconds of work per pixel-second of clip."""

    model: str
    quality: str
    pace: float


class QueueLoad(Struct, frozen=True):
    """How fast work goes and how much of it is under way."""

    paces: list[MeasuredPace]
    running: int


async def waiting(db: Database, pool: str, longer_than: float) -> bool:
    """Whether a row of the pool could be claimed and has waited so many seconds."""
    value: bool = await db.fetchval(
        "WITH running AS (SELECT user_id, count(*) AS n FROM generations WHERE state = 'in_progress' GROUP BY 1)"
        " SELECT EXISTS (SELECT 1 FROM generations g LEFT JOIN running r USING (user_id)"
        " WHERE g.state = 'queued' AND g.pool = $1 AND coalesce(r.n, 0) < g.concurrency"
        " AND g.not_before < now() - make_interval(secs => $2))",
        pool,
        longer_than,
    )
    return value


async def purgeable(db: Database, after: float, limit: int = 100) -> list[str]:
    """Generations whose files are not needed: deleted, expired, or ended without a result `after` seconds ago."""
    records = await db.fetch(
        "SELECT id FROM generations WHERE purged_at IS NULL AND state NOT IN ('queued', 'in_progress')"
        " AND (deleted_at IS NOT NULL OR expires_at < now() OR"
        " (state IN ('failed', 'cancelled') AND completed_at < now() - make_interval(secs => $1))) LIMIT $2",
        after,
        limit,
    )
    return [record["id"] for record in records]


async def purged(db: Database, generation_id: str) -> None:
    """Note that a generation's files are gone."""
    await db.execute("DELETE FROM media WHERE generation_id = $1", generation_id)
    await db.execute("UPDATE generations SET purged_at = now() WHERE id = $1", generation_id)


async def unpurged(db: Database, ids: list[str]) -> set[str]:
    """Which of these generations have a row and still need their files."""
    records = await db.fetch("SELECT id FROM generations WHERE id = ANY($1) AND purged_at IS NULL", ids)
    return {record["id"] for record in records}


async def unfinished(db: Database, ids: list[str]) -> set[str]:
    """Which of these generations are still to be made."""
    records = await db.fetch(
        "SELECT id FROM generations WHERE id = ANY($1) AND state IN ('queued', 'in_progress')", ids
    )
    return {record["id"] for record in records}


async def counting_attempts(db: Database, generation_ids: list[str]) -> dict[str, int]:
    """The attempt whose files count, by generation: the one that runs, or the one that was completed and is kept."""
    records = await db.fetch(
        """
        SELECT id, attempt
        FROM generations
        WHERE id = ANY($1)
          AND purged_at IS NULL
          AND state IN ('in_progress', 'completed')
        """,
        generation_ids,
    )
    return {record["id"]: record["attempt"] for record in records}


async def forget(db: Database) -> None:
    """Drop kept answers after their day; sessions that have ended and refresh tokens spent a month ago."""
    await db.execute("DELETE FROM idempotency WHERE created_at < now() - interval '24 hours'")
    await db.execute(
        "DELETE FROM sessions WHERE least(expires_at, coalesce(revoked_at, expires_at)) < now() - interval '30 days'"
    )
    await db.execute("DELETE FROM refresh_tokens WHERE used_at < now() - interval '30 days'")


async def measure_load(db: Database) -> QueueLoad:
    """How fast the last hundred videos were made, and how many are being made now."""
    paces = await db.fetch(
        "SELECT served_by AS model, quality, (sum(extract(epoch FROM completed_at - claimed_at))"
        " / sum(generated_seconds * width * height))::float8 AS pace"
        " FROM (SELECT * FROM generations WHERE state = 'completed' ORDER BY completed_at DESC LIMIT 100) AS recent"
        " GROUP BY served_by, quality HAVING sum(generated_seconds) > 0"
    )
    running: int = await db.fetchval("SELECT count(*) FROM generations WHERE state = 'in_progress'")
    return QueueLoad(paces=rows(paces, MeasuredPace), running=running)
