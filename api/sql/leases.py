"""The leases of generations: claiming the next queued row, renewing, and finding leases that ran out.

What else moves a generation from state to state is in `transitions`.
"""

from __future__ import annotations

from msgspec import Struct

from api.schemas.operations import Operation
from api.schemas.videos import Lora, Quality
from api.sql.connection import Database, changed_one_row, row, rows

CLAIM_LOCK = 0x636C6169  # "clai": claims of one pool take turns, so that concurrency limits hold
FAIRNESS_HORIZON = 500  # rows at the head of the queue among which the user with fewest running is served first


class ClaimedGeneration(Struct, frozen=True, kw_only=True):
    """What a worker needs of the row it has claimed."""

    id: str
    user_id: str
    attempt: int
    tries: int
    served_by: str
    prompt: str
    negative_prompt: str
    loras: list[Lora]
    seconds: float
    operation: Operation | None
    width: int
    height: int
    seed: int
    quality: Quality
    marked: bool


class LostLease(Struct, frozen=True):
    """A row whose lease ran out under its worker."""

    id: str
    user_id: str
    attempt: int
    losses: int
    pool: str


async def claim_next(db: Database, pool: str, worker: str, lease: float) -> ClaimedGeneration | None:
    """Lease the best queued row for `lease` seconds: by plan priority, then the user with fewest running, then age.

    Claims of a pool wait for each other, so two workers never take a user above the plan's concurrency. Fairness
    is judged among the first of the queue only, so that a long queue costs no more than a short one.
    """
    await db.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", CLAIM_LOCK, pool)
    record = await db.fetchrow(
        f"""
        WITH running AS (
            SELECT user_id, count(*) AS n
            FROM generations
            WHERE state = 'in_progress'
            GROUP BY 1
        ),
        first AS (
            SELECT g.id, coalesce(r.n, 0) AS n
            FROM generations g
            LEFT JOIN running r USING (user_id)
            WHERE g.state = 'queued'
              AND g.pool = $1
              AND g.not_before <= now()
              AND coalesce(r.n, 0) < g.concurrency
            ORDER BY g.priority DESC, g.id
            LIMIT {FAIRNESS_HORIZON}
        ),
        best AS (
            SELECT g.id
            FROM generations g
            JOIN first USING (id)
            WHERE g.state = 'queued'
            ORDER BY g.priority DESC, first.n, g.id
            LIMIT 1
            FOR UPDATE OF g SKIP LOCKED
        )
        UPDATE generations g
        SET state = 'in_progress',
            attempt = attempt + 1,
            worker = $2,
            lease_until = now() + make_interval(secs => $3),
            claimed_at = now(),
            started_at = coalesce(started_at, now()),
            updated_at = clock_timestamp()
        FROM best
        WHERE g.id = best.id
        RETURNING g.id, g.user_id, g.attempt, g.tries, g.served_by, coalesce(g.revised_prompt, g.prompt) AS prompt,
                  g.negative_prompt, g.loras, g.seconds, g.operation, g.width, g.height, g.seed, g.quality, g.marked
        """,
        pool,
        worker,
        lease,
    )
    return row(record, ClaimedGeneration)


async def renew_lease(db: Database, generation_id: str, attempt: int, lease: float) -> bool:
    """Renew a lease for `lease` seconds; False if another attempt has it by now."""
    tag = await db.execute(
        """
        UPDATE generations
        SET lease_until = now() + make_interval(secs => $3)
        WHERE id = $1
          AND attempt = $2
          AND state = 'in_progress'
        """,
        generation_id,
        attempt,
        lease,
    )
    return changed_one_row(tag)


async def lock_lost_leases(db: Database, lease: float) -> list[LostLease]:
    """Running rows whose lease has run out, locked so that a late renewal waits for what becomes of them.

    While PostgreSQL was away nobody could renew, so after its start every lease gets its time once more.
    """
    records = await db.fetch(
        """
        SELECT id, user_id, attempt, losses, pool
        FROM generations
        WHERE state = 'in_progress'
          AND lease_until < now()
          AND pg_postmaster_start_time() + make_interval(secs => $1) < now()
        ORDER BY lease_until
        LIMIT 100
        FOR UPDATE SKIP LOCKED
        """,
        lease,
    )
    return rows(records, LostLease)
