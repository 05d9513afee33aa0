"""The stripe_events table: each event of Stripe's once, under its id, until it is applied.

Of an event only its id, type, object and two times are kept. What has happened is read from Stripe.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from api.sql.connection import Database, row


class InboxEvent(Struct, frozen=True):
    """A claimed event. `tries` counts this one."""

    id: str
    type: str
    object_type: str
    object_id: str
    tries: int


class InboxStatus(Struct, frozen=True):
    """Events that are not applied: `waiting` ones are tried again, `parked` ones only when a person asks. `oldest` is
    an age in seconds, `error` the oldest event's.
    """

    waiting: int
    parked: int
    oldest: float
    error: str | None


async def insert_event(
    db: Database, *, id: str, type: str, object_type: str, object_id: str, occurred_at: datetime, done: bool = False
) -> bool:
    """Store an event; False if it is here already. One that is `done` counts as applied from the start."""
    query = """
        INSERT INTO stripe_events (id, type, object_type, object_id, occurred_at, applied_at)
        VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 THEN now() END)
        ON CONFLICT (id) DO NOTHING
    """
    tag = await db.execute(query, id, type, object_type, object_id, occurred_at, done)
    return tag.endswith(" 1")


async def claim_event(db: Database, lease: float) -> InboxEvent | None:
    """Claim the event that is due longest, for `lease` seconds; None if none is due. A worker that dies costs a try."""
    query = """
        UPDATE stripe_events
        SET tries = tries + 1, lease_until = now() + make_interval(secs => $1)
        WHERE id = (
            SELECT id
            FROM stripe_events
            WHERE applied_at IS NULL
                AND not_before <= now()
                AND (lease_until IS NULL OR lease_until < now())
            ORDER BY not_before, id
            LIMIT 1
            FOR UPDATE SKIP LOCKED
        )
        RETURNING id, type, object_type, object_id, tries
    """
    return row(await db.fetchrow(query, lease), InboxEvent)


async def mark_applied(db: Database, event: InboxEvent, read_at: datetime) -> None:
    """Mark an event applied, and with it every event about the same object that came before the object was read."""
    query = """
        UPDATE stripe_events
        SET applied_at = now(), lease_until = NULL, error = NULL
        WHERE applied_at IS NULL
            AND (id = $1 OR (object_type = $2 AND object_id = $3 AND received_at <= $4))
    """
    await db.execute(query, event.id, event.object_type, event.object_id, read_at)


async def postpone_event(db: Database, event: InboxEvent, seconds: float) -> None:
    """Give an event back without counting the try: its object was locked."""
    query = """
        UPDATE stripe_events
        SET tries = tries - 1, lease_until = NULL, not_before = now() + make_interval(secs => $2)
        WHERE id = $1 AND applied_at IS NULL
    """
    await db.execute(query, event.id, seconds)


async def retry_later(db: Database, event: InboxEvent, seconds: float, error: str, *, tries: int, days: float) -> bool:
    """Give an event back for another try in so many seconds; True if it is parked instead, which happens after that
    many `tries` and `days`.
    """
    query = """
        UPDATE stripe_events
        SET lease_until = NULL,
            error = $3,
            not_before = CASE
                WHEN tries >= $4 AND received_at < now() - make_interval(secs => $5::float8 * 86400) THEN 'infinity'
                ELSE now() + make_interval(secs => $2)
            END
        WHERE id = $1 AND applied_at IS NULL
        RETURNING not_before = 'infinity'
    """
    is_parked: bool | None = await db.fetchval(query, event.id, seconds, error, tries, days)
    return bool(is_parked)


async def make_all_due(db: Database) -> int:
    """Make every event that has not been applied due now; return how many there are."""
    query = """
        UPDATE stripe_events
        SET not_before = now()
        WHERE applied_at IS NULL
    """
    tag: str = await db.execute(query)
    return int(tag.rsplit(maxsplit=1)[-1])


async def read_inbox_status(db: Database) -> InboxStatus:
    """How many events wait or are parked, and why the oldest does."""
    query = """
        SELECT
            count(*) FILTER (WHERE not_before < 'infinity') AS waiting,
            count(*) FILTER (WHERE not_before = 'infinity') AS parked,
            coalesce(extract(epoch FROM now() - min(received_at)), 0)::float8 AS oldest,
            (array_agg(error ORDER BY received_at) FILTER (WHERE error IS NOT NULL))[1] AS error
        FROM stripe_events
        WHERE applied_at IS NULL
    """
    return row(await db.fetchrow(query), InboxStatus) or InboxStatus(0, 0, 0.0, None)


async def delete_applied_events(db: Database, days: int) -> None:
    """Delete events that were applied so many days ago that Stripe will not deliver them again."""
    query = """
        DELETE FROM stripe_events
        WHERE applied_at < now() - make_interval(days => $1)
    """
    await db.execute(query, days)
