"""What Stripe told us: each event once, under its id, until it is applied. And the chores that one worker does for all.

Of an event only its name, the object it is about and two times are kept. What happened is read from Stripe.
"""

from __future__ import annotations

from datetime import datetime

import asyncpg
from msgspec import Struct

from api.sql.connection import Database, row


class InboxEvent(Struct, frozen=True):
    """An event in hand: what to look at. `tries` counts this one."""

    id: str
    type: str
    object_type: str
    object_id: str
    tries: int


class InboxStatus(Struct, frozen=True):
    """What has not been applied: `waiting` will be tried again, `parked` only when somebody asks. Age in seconds."""

    waiting: int
    parked: int
    oldest: float
    error: str | None


async def insert_event(
    db: Database, *, id: str, type: str, object_type: str, object_id: str, occurred_at: datetime, done: bool = False
) -> bool:
    """Keep an event; False if it is here already. One that asks for nothing is `done` from the start."""
    tag = await db.execute(
        "INSERT INTO stripe_events (id, type, object_type, object_id, occurred_at, applied_at)"
        " VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 THEN now() END) ON CONFLICT (id) DO NOTHING",
        id,
        type,
        object_type,
        object_id,
        occurred_at,
        done,
    )
    return tag.endswith(" 1")


async def claim_event(db: Database, lease: float) -> InboxEvent | None:
    """Take the event that is due longest, for so many seconds; None if none is. A worker that dies costs a try."""
    return row(
        await db.fetchrow(
            "UPDATE stripe_events SET tries = tries + 1, lease_until = now() + make_interval(secs => $1)"
            " WHERE id = (SELECT id FROM stripe_events WHERE applied_at IS NULL AND not_before <= now()"
            "   AND (lease_until IS NULL OR lease_until < now())"
            "   ORDER BY not_before, id LIMIT 1 FOR UPDATE SKIP LOCKED)"
            " RETURNING id, type, object_type, object_id, tries",
            lease,
        ),
        InboxEvent,
    )


async def mark_applied(db: Database, event: InboxEvent, looked_at: datetime) -> None:
    """Mark an event applied, and with it every one about the same object that came before the object was looked at:
    what they tell of was seen.
    """
    await db.execute(
        "UPDATE stripe_events SET applied_at = now(), lease_until = NULL, error = NULL WHERE applied_at IS NULL"
        " AND (id = $1 OR (object_type = $2 AND object_id = $3 AND received_at <= $4))",
        event.id,
        event.object_type,
        event.object_id,
        looked_at,
    )


async def postpone_event(db: Database, event: InboxEvent, seconds: float) -> None:
    """Give an event back untried, for later: somebody else has its object in hand."""
    await db.execute(
        "UPDATE stripe_events SET tries = tries - 1, lease_until = NULL, not_before = now() + make_interval(secs => $2)"
        " WHERE id = $1 AND applied_at IS NULL",
        event.id,
        seconds,
    )


async def retry_later(db: Database, event: InboxEvent, seconds: float, error: str, *, tries: int, days: float) -> bool:
    """Give an event back for another try after so many seconds; True if it is parked instead, which it is after so
    many days and tries.
    """
    parked: bool | None = await db.fetchval(
        "UPDATE stripe_events SET lease_until = NULL, error = $3, not_before ="
        " CASE WHEN tries >= $4 AND received_at < now() - make_interval(secs => $5::float8 * 86400) THEN 'infinity'"
        " ELSE now() + make_interval(secs => $2) END"
        " WHERE id = $1 AND applied_at IS NULL RETURNING not_before = 'infinity'",
        event.id,
        seconds,
        error,
        tries,
        days,
    )
    return bool(parked)


async def make_all_due(db: Database) -> int:
    """Make every event that has not been applied due now; return how many there are."""
    tag: str = await db.execute("UPDATE stripe_events SET not_before = now() WHERE applied_at IS NULL")
    return int(tag.rsplit(maxsplit=1)[-1])


async def read_inbox_status(db: Database) -> InboxStatus:
    """What has been tried in vain or waits for the first time, and why the oldest does."""
    record = await db.fetchrow(
        "SELECT count(*) FILTER (WHERE not_before < 'infinity') AS waiting,"
        " count(*) FILTER (WHERE not_before = 'infinity') AS parked,"
        " coalesce(extract(epoch FROM now() - min(received_at)), 0)::float8 AS oldest,"
        " (array_agg(error ORDER BY received_at) FILTER (WHERE error IS NOT NULL))[1] AS error"
        " FROM stripe_events WHERE applied_at IS NULL"
    )
    return row(record, InboxStatus) or InboxStatus(0, 0, 0.0, None)


async def acquire_lock(db: Database, name: str, patience: float) -> bool:
    """Take a name for this connection, across transactions; False if it is not to be had in so many seconds."""
    try:
        async with db.transaction():
            await db.execute("SELECT set_config('lock_timeout', $1, true)", f"{patience * 1000:.0f}ms")
            await db.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", name)
    except asyncpg.LockNotAvailableError:
        return False
    return True


async def release_locks(db: Database) -> None:
    """Let go of whatever this connection holds."""
    await db.execute("SELECT pg_advisory_unlock_all()")


async def delete_applied_events(db: Database, days: int) -> None:
    """Drop events that were applied so long ago that Stripe will not tell of them again."""
    await db.execute("DELETE FROM stripe_events WHERE applied_at < now() - make_interval(days => $1)", days)


async def begin_chore(db: Database, name: str, every: float, within: float) -> bool:
    """Whether a chore was last done so many seconds ago. Whoever is told so has it `within` so many; if it is not done
    by then, it is due again.
    """
    begun: bool | None = await db.fetchval(
        "INSERT INTO chores (name, done_at) VALUES ($1, now() - make_interval(secs => $2::float8 - $3))"
        " ON CONFLICT (name) DO UPDATE SET done_at = excluded.done_at"
        " WHERE chores.done_at <= now() - make_interval(secs => $2::float8) RETURNING true",
        name,
        every,
        within,
    )
    return bool(begun)


async def end_chore(db: Database, name: str) -> None:
    """The chore is done."""
    await db.execute(
        "INSERT INTO chores (name, done_at) VALUES ($1, now()) ON CONFLICT (name) DO UPDATE SET done_at = now()", name
    )
