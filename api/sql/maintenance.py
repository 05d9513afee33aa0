"""Queries of the sweeper and of estimates over all users: waiting jobs, outdated rows and files, measured pace."""

from __future__ import annotations

from msgspec import Struct

from api.sql.connection import Database, rows


class MeasuredPace(Struct, frozen=True):
    """Seconds of work per pixel and second of video."""

    model: str
    quality: str
    pace: float


class QueueLoad(Struct, frozen=True):
    """The measured pace of work and the number of running jobs."""

    paces: list[MeasuredPace]
    running: int


async def has_waiting_job(db: Database, pool: str, longer_than: float) -> bool:
    """Whether a job of the pool could be claimed and has waited for more than so many seconds."""
    value: bool = await db.fetchval(
        """
        WITH running AS (
            SELECT user_id, count(*) AS n
            FROM generations
            WHERE state = 'in_progress'
            GROUP BY user_id
        )
        SELECT EXISTS (
            SELECT 1
            FROM generations g
            LEFT JOIN running r USING (user_id)
            WHERE g.state = 'queued'
              AND g.pool = $1
              AND coalesce(r.n, 0) < g.concurrency
              AND g.not_before < now() - make_interval(secs => $2)
        )
        """,
        pool,
        longer_than,
    )
    return value


async def list_purgeable(db: Database, after: float, limit: int = 100) -> list[str]:
    """Ids of generations whose files are obsolete: deleted, expired, or ended without a result `after` seconds ago."""
    records = await db.fetch(
        """
        SELECT id
        FROM generations
        WHERE purged_at IS NULL
          AND state NOT IN ('queued', 'in_progress')
          AND (
            deleted_at IS NOT NULL
            OR expires_at < now()
            OR (state IN ('failed', 'cancelled') AND completed_at < now() - make_interval(secs => $1))
          )
        LIMIT $2
        """,
        after,
        limit,
    )
    return [record["id"] for record in records]


async def mark_purged(db: Database, generation_id: str) -> None:
    """Record that the files of a generation have been deleted."""
    await db.execute("DELETE FROM media WHERE generation_id = $1", generation_id)
    await db.execute("UPDATE generations SET purged_at = now() WHERE id = $1", generation_id)


async def filter_unpurged(db: Database, ids: list[str]) -> set[str]:
    """Those of these generations that exist and still have files."""
    records = await db.fetch("SELECT id FROM generations WHERE id = ANY($1) AND purged_at IS NULL", ids)
    return {record["id"] for record in records}


async def filter_unfinished(db: Database, ids: list[str]) -> set[str]:
    """Those of these generations that are queued or running."""
    records = await db.fetch(
        "SELECT id FROM generations WHERE id = ANY($1) AND state IN ('queued', 'in_progress')", ids
    )
    return {record["id"] for record in records}


async def find_kept_attempts(db: Database, generation_ids: list[str]) -> dict[str, int]:
    """The attempt whose files are kept, by generation: the running or the completed one."""
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


async def delete_outdated_rows(db: Database) -> None:
    """Delete stored answers after 24 hours, and ended sessions and used refresh tokens after 30 days."""
    await db.execute("DELETE FROM idempotency WHERE created_at < now() - interval '24 hours'")
    await db.execute(
        """
        DELETE FROM sessions
        WHERE least(expires_at, coalesce(revoked_at, expires_at)) < now() - interval '30 days'
        """
    )
    await db.execute("DELETE FROM refresh_tokens WHERE used_at < now() - interval '30 days'")


async def measure_load(db: Database) -> QueueLoad:
    """The pace of the last hundred completed videos, and the number of running jobs."""
    paces = await db.fetch(
        """
        SELECT served_by AS model,
               quality,
               (
                 sum(extract(epoch FROM completed_at - claimed_at)) / sum(generated_seconds * width * height)
               )::float8 AS pace
        FROM (
            SELECT *
            FROM generations
            WHERE state = 'completed'
            ORDER BY completed_at DESC
            LIMIT 100
        ) AS recent
        GROUP BY served_by, quality
        HAVING sum(generated_seconds) > 0
        """
    )
    running: int = await db.fetchval("SELECT count(*) FROM generations WHERE state = 'in_progress'")
    return QueueLoad(paces=rows(paces, MeasuredPace), running=running)
