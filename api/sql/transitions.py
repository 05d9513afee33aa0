"""The statements that move a generation from state to state.

Every write of a worker carries id, attempt and state, so a stalled one writes nothing.
"""

from __future__ import annotations

from msgspec import Struct

from api.sql.connection import Database, changed_one_row, row

PUBLISHED_PERCENT = (  # of a clip; it stays whatever becomes of its attempt
    "CASE WHEN generated_seconds > 0 THEN least(99, 100 * published_generated / generated_seconds) ELSE 0 END"
)


class CancelledRow(Struct, frozen=True):
    """A row that was cancelled; the share of `generated_seconds` that is published decides what is charged."""

    id: str
    user_id: str
    attempt: int
    generated_seconds: float
    published_generated: float
    credits: int


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


async def fail_attempt(db: Database, generation_id: str, attempt: int, failure: str, detail: str | None = None) -> bool:
    """In_progress → failed; False if the attempt has lost its lease."""
    tag = await db.execute(
        """
        UPDATE generations
        SET state = 'failed',
            failure = $3,
            failure_detail = $4,
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
        detail,
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
