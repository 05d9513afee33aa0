"""The statements that move a generation from state to state.

Every write of a worker carries id, attempt and state, so a stalled one writes nothing.
"""

from __future__ import annotations

from msgspec import Struct

from api.schemas.operations import Operation
from api.schemas.videos import Lora, Quality
from api.sql.connection import Database, changed_one_row, row, rows

CLAIM_LOCK = 0x636C6169  # "clai": claims of one pool take turns, so that concurrency limits hold
PUBLISHED_PERCENT = (  # of a clip; it stays whatever becomes of its attempt
    "CASE WHEN generated_seconds > 0 THEN least(99, 100 * published_generated / generated_seconds) ELSE 0 END"
)
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


class CancelledRow(Struct, frozen=True):
    """A row that was cancelled; the share of `generated_seconds` that is published decides what is charged."""

    id: str
    user_id: str
    attempt: int
    generated_seconds: float
    published_generated: float
    credits: int


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


async def report_progress(
    db: Database, generation_id: str, attempt: int, lease: float, progress: float, eta_seconds: float | None
) -> bool:
    """Write progress (0–100, never backwards within an attempt) and renew the lease; False if it was lost.

    An attempt that has measured nothing yet leaves the estimate of the one before it.
    """
    tag = await db.execute(
        """
        UPDATE generations
        SET lease_until = now() + make_interval(secs => $3),
            progress = greatest(progress, $4),
            eta_seconds = coalesce($5, eta_seconds),
            updated_at = clock_timestamp()
        WHERE id = $1
          AND attempt = $2
          AND state = 'in_progress'
        """,
        generation_id,
        attempt,
        lease,
        progress,
        eta_seconds,
    )
    return changed_one_row(tag)


async def complete_attempt(db: Database, generation_id: str, attempt: int) -> bool:
    """In_progress → completed; False if the attempt has lost its lease."""
    tag = await db.execute(
        """
        UPDATE generations
        SET state = 'completed',
            progress = 100,
            eta_seconds = NULL,
            lease_until = NULL,
            completed_at = now(),
            updated_at = clock_timestamp(),
            expires_at = now() + make_interval(days => retention_days)
        WHERE id = $1
          AND attempt = $2
          AND state = 'in_progress'
        """,
        generation_id,
        attempt,
    )
    return changed_one_row(tag)


async def is_completed_by(db: Database, generation_id: str, attempt: int) -> bool:
    """Whether it was this attempt that completed the row."""
    value: bool = await db.fetchval(
        """
        SELECT EXISTS (
            SELECT 1
            FROM generations
            WHERE id = $1 AND attempt = $2 AND state = 'completed'
        )
        """,
        generation_id,
        attempt,
    )
    return value


async def fail_attempt(db: Database, generation_id: str, attempt: int, failure: str) -> bool:
    """In_progress → failed; False if the attempt has lost its lease."""
    tag = await db.execute(
        """
        UPDATE generations
        SET state = 'failed',
            failure = $3,
            eta_seconds = NULL,
            lease_until = NULL,
            completed_at = now(),
            updated_at = clock_timestamp()
        WHERE id = $1
          AND attempt = $2
          AND state = 'in_progress'
        """,
        generation_id,
        attempt,
        failure,
    )
    return changed_one_row(tag)


async def requeue_attempt(
    db: Database, generation_id: str, attempt: int, *, tries: int, losses: int, wait: float
) -> bool:
    """In_progress → queued again, counting a failed try or a lost worker, not before `wait` seconds.

    What is published stays, and that much of the progress. The time left, over the part left, is what the whole takes:
    of that the next attempt needs what is not published.
    """
    tag = await db.execute(
        f"""
        UPDATE generations
        SET state = 'queued',
            lease_until = NULL,
            worker = NULL,
            eta_seconds = eta_seconds * (100 - {PUBLISHED_PERCENT}) / (100 - least(99, progress)),
            progress = {PUBLISHED_PERCENT},
            tries = tries + $3,
            losses = losses + $4,
            updated_at = clock_timestamp(),
            not_before = now() + make_interval(secs => $5)
        WHERE id = $1
          AND attempt = $2
          AND state = 'in_progress'
        """,
        generation_id,
        attempt,
        tries,
        losses,
        wait,
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


async def cancel_generation(db: Database, generation_id: str, user_id: str) -> CancelledRow | None:
    """Queued or in_progress → cancelled, whichever worker has it; None if it is terminal already."""
    record = await db.fetchrow(
        """
        UPDATE generations g
        SET state = 'cancelled',
            lease_until = NULL,
            eta_seconds = NULL,
            completed_at = now(),
            updated_at = clock_timestamp()
        FROM holds h
        WHERE g.id = $1
          AND g.user_id = $2
          AND g.state IN ('queued', 'in_progress')
          AND h.generation_id = g.id
        RETURNING g.id, g.user_id, g.attempt, g.generated_seconds, g.published_generated, h.credits
        """,
        generation_id,
        user_id,
    )
    return row(record, CancelledRow)


async def hide_generation(db: Database, generation_id: str, user_id: str) -> bool:
    """Hide a row from its owner; the sweeper removes its files."""
    tag = await db.execute(
        """
        UPDATE generations
        SET deleted_at = now(),
            updated_at = clock_timestamp()
        WHERE id = $1
          AND user_id = $2
          AND deleted_at IS NULL
        """,
        generation_id,
        user_id,
    )
    return changed_one_row(tag)
