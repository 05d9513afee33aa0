"""The meter_events table: an outbox of overage that was charged, until Stripe has counted it once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from api.sql.connection import Database, row


class OverageUsage(Struct, frozen=True):
    """A claimed entry: credits charged as overage `age` seconds ago. `customer` is the user's id at Stripe."""

    entry_id: str
    user_id: str
    customer: str | None
    credits: int
    occurred_at: datetime
    age: float
    tries: int


class HourUsage(Struct, frozen=True):
    """A user's overage of one hour: `reported` credits that Stripe certainly has, `doubtful` ones by entry id, and how
    many entries are `under_way`, so that Stripe's count may still change.
    """

    reported: int
    doubtful: dict[str, int]
    under_way: int


class OutboxStatus(Struct, frozen=True):
    """How many entries are not counted, by state. `oldest` is the age in seconds of the oldest that waits."""

    waiting: int
    refused: int
    unclear: int
    oldest: float
    error: str | None


async def insert_meter_events(db: Database, entry_ids: list[str]) -> None:
    """Queue one meter event for each of these entries, which booked overage as revenue."""
    query = """
        INSERT INTO meter_events (entry_id, user_id, credits)
        SELECT id, user_id, amount
        FROM ledger_entries
        WHERE id = ANY($1)
    """
    await db.execute(query, entry_ids)


# -- claiming -----------------------------------------------------------------------------------------------


async def claim_sendable(db: Database, lease: float, window: float) -> OverageUsage | None:
    """Claim an entry for `lease` seconds that may be sent: one never sent, or first sent within the last `window`
    seconds, so that Stripe would recognise it. It counts as sent from now on.
    """
    query = """
        UPDATE meter_events
        SET tries = meter_events.tries + 1,
            not_before = now() + make_interval(secs => $1),
            first_sent_at = coalesce(meter_events.first_sent_at, now())
        FROM users
        WHERE users.id = meter_events.user_id
            AND meter_events.entry_id = (
                SELECT entry_id
                FROM meter_events
                WHERE state = 'waiting'
                    AND not_before <= now()
                    AND (first_sent_at IS NULL OR first_sent_at > now() - make_interval(secs => $2))
                ORDER BY not_before, entry_id
                LIMIT 1
                FOR UPDATE SKIP LOCKED
            )
        RETURNING
            meter_events.entry_id, meter_events.user_id, users.stripe_customer AS customer, meter_events.credits,
            meter_events.occurred_at, meter_events.tries,
            extract(epoch FROM now() - meter_events.occurred_at)::float8 AS age
    """
    return row(await db.fetchrow(query, lease, window), OverageUsage)


async def claim_doubtful(db: Database, lease: float, window: float) -> OverageUsage | None:
    """Claim an entry for `lease` seconds that was first sent more than `window` seconds ago: Stripe may have it but
    would not recognise it any more.
    """
    query = """
        UPDATE meter_events
        SET tries = meter_events.tries + 1,
            not_before = now() + make_interval(secs => $1)
        FROM users
        WHERE users.id = meter_events.user_id
            AND meter_events.entry_id = (
                SELECT entry_id
                FROM meter_events
                WHERE state = 'waiting'
                    AND not_before <= now()
                    AND first_sent_at <= now() - make_interval(secs => $2)
                ORDER BY not_before, entry_id
                LIMIT 1
                FOR UPDATE SKIP LOCKED
            )
        RETURNING
            meter_events.entry_id, meter_events.user_id, users.stripe_customer AS customer, meter_events.credits,
            meter_events.occurred_at, meter_events.tries,
            extract(epoch FROM now() - meter_events.occurred_at)::float8 AS age
    """
    return row(await db.fetchrow(query, lease, window), OverageUsage)


# -- outcomes -----------------------------------------------------------------------------------------------


async def mark_sent(db: Database, entry_ids: list[str]) -> None:
    """Stripe has these entries. A refusal that was reported meanwhile stands."""
    query = """
        UPDATE meter_events
        SET state = 'sent', sent_at = now(), error = NULL
        WHERE entry_id = ANY($1) AND state IN ('waiting', 'unclear')
    """
    await db.execute(query, entry_ids)


async def retry_later(db: Database, entry_id: str, seconds: float, error: str) -> None:
    """Try an entry again after so many seconds."""
    query = """
        UPDATE meter_events
        SET not_before = now() + make_interval(secs => $2), error = $3
        WHERE entry_id = $1 AND state = 'waiting'
    """
    await db.execute(query, entry_id, seconds, error)


async def mark_refused(db: Database, entry_ids: list[str], error: str) -> list[str]:
    """Stripe has not counted these entries and will not; return those that were not refused before."""
    query = """
        UPDATE meter_events
        SET state = 'refused', error = $2
        WHERE entry_id = ANY($1) AND state <> 'refused'
        RETURNING entry_id
    """
    return [record["entry_id"] for record in await db.fetch(query, entry_ids, error)]


async def mark_unclear(db: Database, entry_ids: list[str], error: str) -> None:
    """It cannot be inferred which of these entries Stripe has; an operator must look."""
    query = """
        UPDATE meter_events
        SET state = 'unclear', error = $2
        WHERE entry_id = ANY($1) AND state = 'waiting'
    """
    await db.execute(query, entry_ids, error)


async def mark_unsent(db: Database, entry_ids: list[str]) -> None:
    """Stripe certainly does not have these entries: they start over."""
    query = """
        UPDATE meter_events
        SET state = 'waiting', first_sent_at = NULL, not_before = now(), error = NULL
        WHERE entry_id = ANY($1) AND state IN ('waiting', 'unclear')
    """
    await db.execute(query, entry_ids)


async def requeue_refused(db: Database, codes: Sequence[str], older_than: float) -> int:
    """Start over with entries that were refused with one of these codes and first sent more than `older_than` seconds
    ago; return how many.
    """
    query = """
        UPDATE meter_events
        SET state = 'waiting', first_sent_at = NULL, not_before = now()
        WHERE state = 'refused'
            AND split_part(error, ':', 1) = ANY($1)
            AND first_sent_at < now() - make_interval(secs => $2)
    """
    tag: str = await db.execute(query, list(codes), older_than)
    return int(tag.rsplit(maxsplit=1)[-1])


# -- reading ------------------------------------------------------------------------------------------------


async def lock_hour_usage(
    db: Database, user_id: str, start: datetime, end: datetime, window: float, counted_after: float
) -> HourUsage:
    """A user's entries from `start` until before `end`, locked. Those first sent less than `window` seconds ago, or
    taken by Stripe less than `counted_after` seconds ago, are under way.
    """
    query = """
        SELECT
            entry_id,
            credits,
            CASE
                WHEN state = 'sent' AND sent_at > now() - make_interval(secs => $5) THEN 'under way'
                WHEN state <> 'waiting' THEN state
                WHEN first_sent_at IS NULL THEN 'new'
                WHEN first_sent_at > now() - make_interval(secs => $4) THEN 'under way'
                ELSE 'doubtful'
            END AS state
        FROM meter_events
        WHERE user_id = $1 AND occurred_at >= $2 AND occurred_at < $3
        ORDER BY entry_id
        FOR UPDATE
    """
    records = await db.fetch(query, user_id, start, end, window, counted_after)
    return HourUsage(
        reported=sum(record["credits"] for record in records if record["state"] == "sent"),
        doubtful={
            record["entry_id"]: record["credits"] for record in records if record["state"] in ("doubtful", "unclear")
        },
        under_way=sum(record["state"] == "under way" for record in records),
    )


async def read_outbox_status(db: Database) -> OutboxStatus:
    """How many entries wait, were refused or are unclear, and since when the oldest waits."""
    query = """
        SELECT
            count(*) FILTER (WHERE state = 'waiting') AS waiting,
            count(*) FILTER (WHERE state = 'refused') AS refused,
            count(*) FILTER (WHERE state = 'unclear') AS unclear,
            coalesce(extract(epoch FROM now() - min(occurred_at) FILTER (WHERE state = 'waiting')), 0)::float8
                AS oldest,
            (array_agg(error ORDER BY occurred_at) FILTER (WHERE error IS NOT NULL))[1] AS error
        FROM meter_events
        WHERE state <> 'sent'
    """
    return row(await db.fetchrow(query), OutboxStatus) or OutboxStatus(0, 0, 0, 0.0, None)
