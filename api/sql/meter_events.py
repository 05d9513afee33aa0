"""The outbox of meter events: what was used above the allowance, until Stripe has heard of it once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from api.sql.connection import Database, row


class OverageUsage(Struct, frozen=True):
    """Credits that were settled as overage, `age` seconds ago, and are to be told. `customer` is Stripe's name for the
    user, None where it has none.
    """

    entry_id: str
    user_id: str
    customer: str | None
    credits: int
    occurred_at: datetime
    age: float
    tries: int


class HourUsage(Struct, frozen=True):
    """What is known of one user's hour: `told` credits that Stripe has for certain, `doubtful` ones by entry, of which
    nobody knows, and how many entries are `under_way` just now, so that what Stripe has may still change.
    """

    told: int
    doubtful: dict[str, int]
    under_way: int


class OutboxStatus(Struct, frozen=True):
    """How the outbox stands. `oldest` is the age in seconds of the oldest that still waits."""

    waiting: int
    refused: int
    unclear: int
    oldest: float
    error: str | None


_DUE = (
    "UPDATE meter_events m SET tries = m.tries + 1, not_before = now() + make_interval(secs => $1){also}"
    " FROM users u WHERE u.id = m.user_id AND m.entry_id = (SELECT entry_id FROM meter_events"
    "   WHERE state = 'waiting' AND not_before <= now() AND {which}"
    "   ORDER BY not_before, entry_id LIMIT 1 FOR UPDATE SKIP LOCKED)"
    " RETURNING m.entry_id, m.user_id, u.stripe_customer AS customer, m.credits, m.occurred_at, m.tries,"
    " extract(epoch FROM now() - m.occurred_at)::float8 AS age"
)
_SURE = "(first_sent_at IS NULL OR first_sent_at > now() - make_interval(secs => $2))"


async def claim_sendable(db: Database, lease: float, window: float) -> OverageUsage | None:
    """Take an entry that may be sent: never sent so far, or first sent within the window, in which Stripe would know it
    again. Whoever claims it has so many seconds; it counts as sent from now on.
    """
    query = _DUE.format(also=", first_sent_at = coalesce(m.first_sent_at, now())", which=_SURE)
    return row(await db.fetchrow(query, lease, window), OverageUsage)


async def claim_doubtful(db: Database, lease: float, window: float) -> OverageUsage | None:
    """Take an entry that may have reached Stripe so long ago that it must not simply be sent again."""
    return row(await db.fetchrow(_DUE.format(also="", which=f"NOT {_SURE}"), lease, window), OverageUsage)


async def mark_sent(db: Database, entries: list[str]) -> None:
    """Stripe has these. A report that refused one meanwhile stands."""
    await db.execute(
        "UPDATE meter_events SET state = 'sent', sent_at = now(), error = NULL"
        " WHERE entry_id = ANY($1) AND state IN ('waiting', 'unclear')",
        entries,
    )


async def retry_later(db: Database, entry_id: str, seconds: float, error: str) -> None:
    """Try this one again after so many seconds."""
    await db.execute(
        "UPDATE meter_events SET not_before = now() + make_interval(secs => $2), error = $3"
        " WHERE entry_id = $1 AND state = 'waiting'",
        entry_id,
        seconds,
        error,
    )


async def mark_refused(db: Database, entries: list[str], error: str) -> list[str]:
    """Stripe has not counted these and will not; return those that were not refused before."""
    records = await db.fetch(
        "UPDATE meter_events SET state = 'refused', error = $2 WHERE entry_id = ANY($1) AND state <> 'refused'"
        " RETURNING entry_id",
        entries,
        error,
    )
    return [record["entry_id"] for record in records]


async def requeue_refused(db: Database, codes: Sequence[str], older_than: float) -> int:
    """Let what was refused for one of these reasons wait again, if it was first sent so many seconds ago."""
    tag: str = await db.execute(
        "UPDATE meter_events SET state = 'waiting', first_sent_at = NULL, not_before = now()"
        " WHERE state = 'refused' AND split_part(error, ':', 1) = ANY($1)"
        " AND first_sent_at < now() - make_interval(secs => $2)",
        list(codes),
        older_than,
    )
    return int(tag.rsplit(maxsplit=1)[-1])


async def mark_unclear(db: Database, entries: list[str], error: str) -> None:
    """Whether Stripe has these cannot be told; a person must look."""
    await db.execute(
        "UPDATE meter_events SET state = 'unclear', error = $2 WHERE entry_id = ANY($1) AND state = 'waiting'",
        entries,
        error,
    )


async def mark_unsent(db: Database, entries: list[str]) -> None:
    """Stripe is known not to have these: they begin anew."""
    await db.execute(
        "UPDATE meter_events SET state = 'waiting', first_sent_at = NULL, not_before = now(), error = NULL"
        " WHERE entry_id = ANY($1) AND state IN ('waiting', 'unclear')",
        entries,
    )


async def lock_hour_usage(
    db: Database, user_id: str, start: datetime, end: datetime, window: float, settled: float
) -> HourUsage:
    """What we hold of a user's time from `start` until before `end`, its rows locked. What was first sent less than
    `window` seconds ago, or taken by Stripe less than `settled` seconds ago, counts as under way.
    """
    records = await db.fetch(
        "SELECT entry_id, credits, CASE WHEN state = 'sent' AND sent_at > now() - make_interval(secs => $5)"
        "   THEN 'under way' WHEN state <> 'waiting' THEN state WHEN first_sent_at IS NULL THEN 'new'"
        "   WHEN first_sent_at > now() - make_interval(secs => $4) THEN 'under way' ELSE 'doubtful' END AS state"
        " FROM meter_events WHERE user_id = $1 AND occurred_at >= $2 AND occurred_at < $3"
        " ORDER BY entry_id FOR UPDATE",
        user_id,
        start,
        end,
        window,
        settled,
    )
    return HourUsage(
        told=sum(record["credits"] for record in records if record["state"] == "sent"),
        doubtful={
            record["entry_id"]: record["credits"] for record in records if record["state"] in ("doubtful", "unclear")
        },
        under_way=sum(record["state"] == "under way" for record in records),
    )


async def read_outbox_status(db: Database) -> OutboxStatus:
    """How many wait, were refused, or nobody knows of; and since when the oldest waits."""
    record = await db.fetchrow(
        "SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting,"
        " count(*) FILTER (WHERE state = 'refused') AS refused,"
        " count(*) FILTER (WHERE state = 'unclear') AS unclear,"
        " coalesce(extract(epoch FROM now() - min(occurred_at) FILTER (WHERE state = 'waiting')), 0)::float8 AS oldest,"
        " (array_agg(error ORDER BY occurred_at) FILTER (WHERE error IS NOT NULL))[1] AS error"
        " FROM meter_events WHERE state <> 'sent'"
    )
    return row(record, OutboxStatus) or OutboxStatus(0, 0, 0, 0.0, None)
