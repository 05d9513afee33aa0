"""Lots, holds and ledger entries. Every statement keeps `lots.remaining` equal to the sum of its entries.

Whoever moves somebody's credits calls `lock` first, so that one person's movements take turns; none of the other
statements waits for anybody.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Literal, NamedTuple

from msgspec import Struct, field

from api import ids
from api.schemas.billing import Bucket, EntryKind
from api.sql.connection import Database, row, rows

Source = Literal["kinora", "stripe", "apple", "google"]
LIVE = ("active", "trialing", "past_due")
"""A subscription in one of these states gives its plan."""

_LOT = "id, bucket, key, granted, remaining, owed, expires_at, coalesce(expires_at <= now(), false) AS expired, payment"
_DUE = "expires_at <= now() AND (remaining > 0 OR (bucket = 'overage' AND granted > 0))"


class LedgerUser(Struct, frozen=True):
    """What the ledger must know of a user. `plan_version` is None for whoever has the newest."""

    id: str
    plan: str
    plan_version: int | None
    created_at: datetime
    full_allowance: bool
    overage_cap: int | None


class Subscription(Struct, frozen=True):
    """The plan somebody pays for, as far as credits depend on it. Without a `metered_item` its invoices charge no
    overage.
    """

    status: str
    metered_item: str | None
    period_start: datetime
    period_end: datetime


class Lot(Struct, frozen=True):
    """Credits that came together and leave together. What it still owes goes from what holds give back to it."""

    id: str
    bucket: Bucket
    key: str
    granted: int
    remaining: int
    owed: int
    expires_at: datetime | None
    expired: bool
    payment: str | None


class NewLot(Struct, frozen=True, kw_only=True):
    """A lot to be added. `key` says what it is given for, so that it is given once."""

    id: str = field(default_factory=partial(ids.new, ids.LOT))
    user_id: str
    bucket: Bucket
    source: Source
    amount: int
    key: str
    expires_at: datetime | None = None
    invoice: str | None = None
    payment: str | None = None


class LotChange(NamedTuple):
    """How a lot's figures move."""

    lot: str
    remaining: int
    owed: int = 0
    granted: int = 0


class HoldPart(Struct, frozen=True):
    """What a hold took from one lot."""

    lot: str
    bucket: Bucket
    amount: int


class Hold(Struct, frozen=True):
    """Credits set aside for one generation."""

    generation_id: str
    user_id: str
    credits: int
    settled: int
    state: str
    parts: list[HoldPart]


class Leg(NamedTuple):
    """One row of the ledger. The legs of a transfer sum to zero."""

    id: str
    transfer: str
    key: str
    user_id: str
    account: str
    bucket: Bucket
    kind: EntryKind
    amount: int
    lot_id: str
    generation_id: str | None = None
    invoice: str | None = None
    claim: str | None = None


class EntryRow(Struct, frozen=True):
    """A leg as its owner sees it; `due` and `taken` are those of its claim, if it is of one."""

    id: str
    created_at: datetime
    kind: EntryKind
    bucket: Bucket
    amount: int
    video_id: str | None
    invoice: str | None
    due: int | None
    taken: int | None


async def lock_user(db: Database, user_id: str) -> LedgerUser:
    """The user as the ledger needs them, whose credits nobody else moves until the transaction ends."""
    record = await db.fetchrow(
        "SELECT id, plan, plan_version, created_at, full_allowance, overage_cap FROM users WHERE id = $1"
        " FOR NO KEY UPDATE",
        user_id,
    )
    found = row(record, LedgerUser)
    if found is None:
        raise LookupError(f"There is no user {user_id}.")
    return found


async def database_time(db: Database) -> datetime:
    """The database's clock, the only one lots are judged by."""
    value: datetime = await db.fetchval("SELECT now()")
    return value


async def subscription(db: Database, user_id: str) -> Subscription | None:
    """The user's live subscription; of two, which cannot last, the first."""
    record = await db.fetchrow(
        "SELECT status, metered_item, period_start, period_end FROM subscriptions"
        " WHERE user_id = $1 AND status = ANY($2) ORDER BY created_at, id LIMIT 1",
        user_id,
        LIVE,
    )
    return row(record, Subscription)


async def set_overage_cap(db: Database, user_id: str, cap: int | None) -> None:
    """Write down how many credits of a period the person lets be used above what is there; None for none."""
    await db.execute("UPDATE users SET overage_cap = $2 WHERE id = $1", user_id, cap)


# -- lots ---------------------------------------------------------------------------------------------------


async def list_spendable_lots(db: Database, user_id: str) -> list[Lot]:
    """The user's lots that have not expired, first to be spent first: allowance, purchased, overage."""
    return rows(
        await db.fetch(
            f"SELECT {_LOT} FROM lots WHERE user_id = $1 AND (expires_at IS NULL OR expires_at > now())"
            "  AND (remaining > 0 OR expires_at IS NOT NULL)"
            " ORDER BY array_position(ARRAY['allowance', 'purchased', 'overage'], bucket), expires_at NULLS LAST, id",
            user_id,
        ),
        Lot,
    )


async def list_lots(db: Database, lot_ids: list[str]) -> list[Lot]:
    """These lots, expired or not."""
    return rows(await db.fetch(f"SELECT {_LOT} FROM lots WHERE id = ANY($1) ORDER BY id", lot_ids), Lot)


async def list_paid_lots(db: Database, payment: str) -> list[Lot]:
    """What a payment granted, expired or not."""
    return rows(await db.fetch(f"SELECT {_LOT} FROM lots WHERE payment = $1 ORDER BY id", payment), Lot)


async def list_payers(db: Database, payment: str) -> list[str]:
    """Whose lots a payment granted."""
    records = await db.fetch("SELECT DISTINCT user_id FROM lots WHERE payment = $1 ORDER BY user_id", payment)
    return [record["user_id"] for record in records]


async def add_lot(db: Database, new: NewLot) -> bool:
    """Add a lot; False if one with this key is there already."""
    tag = await db.execute(
        "INSERT INTO lots (id, user_id, bucket, source, granted, remaining, expires_at, key, invoice, payment)"
        " VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9) ON CONFLICT (key) DO NOTHING",
        new.id,
        new.user_id,
        new.bucket,
        new.source,
        new.amount,
        new.expires_at,
        new.key,
        new.invoice,
        new.payment,
    )
    return tag.endswith(" 1")


async def change_lots(db: Database, changes: list[LotChange]) -> None:
    """Move the figures of lots, each named once. The table refuses to go below zero or above what was granted."""
    await db.execute(
        "UPDATE lots SET remaining = lots.remaining + c.remaining, owed = lots.owed + c.owed,"
        "  granted = lots.granted + c.granted"
        " FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) AS c(id, remaining, owed, granted)"
        " WHERE lots.id = c.id",
        *(list(column) for column in zip(*changes, strict=True)),
    )


async def set_lot_expiry(db: Database, lot_id: str, expires_at: datetime) -> None:
    """Let a lot end at another time."""
    await db.execute("UPDATE lots SET expires_at = $2 WHERE id = $1 AND expires_at <> $2", lot_id, expires_at)


async def find_lot_by_key(db: Database, key: str) -> Lot | None:
    """The lot with this key, expired or not."""
    return row(await db.fetchrow(f"SELECT {_LOT} FROM lots WHERE key = $1", key), Lot)


async def lock_users_with_expired_lots(db: Database) -> list[str]:
    """Some users with credits that have expired, locked; those whose credits move this moment are left for later."""
    records = await db.fetch(
        f"SELECT id FROM users WHERE id IN (SELECT user_id FROM lots WHERE {_DUE} LIMIT 1000)"
        " ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"
    )
    return [record["id"] for record in records]


async def empty_expired_lots(db: Database, user_ids: list[str]) -> list[tuple[str, str, Bucket, int]]:
    """Empty these users' expired lots; return (lot, user, bucket, amount) of each that had something.

    A line of overage is closed as if its cap were lowered to nothing.
    """
    records = await db.fetch(
        f"WITH due AS (SELECT id, remaining FROM lots WHERE user_id = ANY($1) AND {_DUE}),"
        " gone AS (UPDATE lots SET remaining = 0,"
        "   owed = CASE WHEN bucket = 'overage' THEN owed + granted - lots.remaining ELSE owed END,"
        "   granted = CASE WHEN bucket = 'overage' THEN 0 ELSE granted END"
        "  FROM due WHERE lots.id = due.id RETURNING lots.id, lots.user_id, lots.bucket, due.remaining)"
        " SELECT * FROM gone WHERE remaining > 0 ORDER BY id",
        user_ids,
    )
    return [tuple(record) for record in records]


# -- holds --------------------------------------------------------------------------------------------------


async def add_holds(db: Database, user_id: str, holds: list[tuple[str, int, list[HoldPart]]]) -> None:
    """Open holds: (generation, credits, parts) each."""
    await db.execute(
        "INSERT INTO holds (generation_id, user_id, credits, parts)"
        " SELECT id, $1, amount, parts FROM jsonb_to_recordset($2) AS h(id text, amount bigint, parts jsonb)",
        user_id,
        [{"id": generation, "amount": amount, "parts": parts} for generation, amount, parts in holds],
    )


async def close_hold(db: Database, generation_id: str, settled: int | None) -> Hold | None:
    """Close an open hold with what is charged (None: all of it); None if it is closed already."""
    record = await db.fetchrow(
        "UPDATE holds SET settled = coalesce($2, credits),"
        " state = CASE WHEN coalesce($2, 1) > 0 THEN 'settled' ELSE 'released' END, closed_at = now()"
        " WHERE generation_id = $1 AND state = 'held'"
        " RETURNING generation_id, user_id, credits, settled, state, parts",
        generation_id,
        settled,
    )
    return row(record, Hold)


async def sum_held_credits(db: Database, user_id: str) -> int:
    """Credits set aside by the user's open holds."""
    value: int = await db.fetchval(
        "SELECT coalesce(sum(credits), 0)::bigint FROM holds WHERE user_id = $1 AND state = 'held'", user_id
    )
    return value


# -- entries ------------------------------------------------------------------------------------------------


async def add_legs(db: Database, legs: list[Leg]) -> None:
    """Append entries in one statement. A repeated key raises UniqueViolationError: nothing is booked twice."""
    await db.execute(
        "INSERT INTO ledger_entries"
        " (id, transfer, key, user_id, account, bucket, kind, amount, lot_id, generation_id, invoice, claim)"
        " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],"
        " $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[])",
        *(list(column) for column in zip(*legs, strict=True)),
    )


async def add_meter_events(db: Database, entry_ids: list[str]) -> None:
    """Owe the shop word of overage that was charged, by the entries that booked it as revenue."""
    await db.execute(
        "INSERT INTO meter_events (entry_id, user_id, credits)"
        " SELECT id, user_id, amount FROM ledger_entries WHERE id = ANY($1)",
        entry_ids,
    )


async def sum_charged_to_lot(db: Database, lot_id: str) -> int:
    """What was charged to a lot so far."""
    value: int = await db.fetchval(
        "SELECT coalesce(sum(amount), 0)::bigint FROM ledger_entries WHERE lot_id = $1 AND account = 'revenue'", lot_id
    )
    return value


async def list_entries(
    db: Database, user_id: str, after: str | None, limit: int, *, descending: bool
) -> list[EntryRow]:
    """A page of the user's entries, by id."""
    order, sign = ("DESC", "<") if descending else ("ASC", ">")
    return rows(
        await db.fetch(
            "SELECT e.id, e.created_at, e.kind, e.bucket, e.amount, e.generation_id AS video_id, e.invoice,"
            "  c.due, c.taken FROM ledger_entries e LEFT JOIN clawbacks c ON c.claim = e.claim AND c.lot_id = e.lot_id"
            f" WHERE e.user_id = $1 AND e.account = 'available' AND ($2::text IS NULL OR e.id {sign} $2)"
            f" ORDER BY e.id {order} LIMIT $3",
            user_id,
            after,
            limit,
        ),
        EntryRow,
    )
