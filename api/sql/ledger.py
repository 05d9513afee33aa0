"""Lots, holds and ledger entries. Every statement keeps `lots.remaining` equal to the sum of its entries."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from api.db import Database, row, rows
from api.models import Bucket, EntryKind

T = TypeVar("T")


class Lot(Struct, frozen=True):
    """Credits that came together and leave together."""

    id: str
    bucket: Bucket
    remaining: int
    expires_at: datetime | None


class Part(Struct, frozen=True):
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
    parts: list[Part]


class Leg(NamedTuple):
    """One row of the ledger. The legs of a transfer sum to zero."""

    id: str
    transfer: str
    key: str
    user_id: str
    account: str
    bucket: str
    kind: EntryKind
    amount: int
    lot_id: str
    generation_id: str | None


class Entry(Struct, frozen=True):
    """A leg as its owner sees it."""

    id: str
    created_at: datetime
    kind: EntryKind
    bucket: Bucket
    amount: int
    video_id: str | None


async def now(db: Database) -> datetime:
    """The database's clock, the only one lots are judged by."""
    value: datetime = await db.fetchval("SELECT now()")
    return value


async def account(db: Database, user_id: str, kind: type[T]) -> T:
    """The user's row as the ledger needs it."""
    record = await db.fetchrow("SELECT id, plan, created_at, full_allowance FROM users WHERE id = $1", user_id)
    return msgspec.convert(record, kind)


async def lock_lots(db: Database, user_id: str) -> list[Lot]:
    """The user's lots that have not expired, first to be spent first, locked until the transaction ends."""
    return rows(
        await db.fetch(
            "SELECT id, bucket, remaining, expires_at FROM lots"
            " WHERE user_id = $1 AND (expires_at IS NULL OR expires_at > now())"
            "   AND (remaining > 0 OR expires_at IS NOT NULL)"
            " ORDER BY expires_at NULLS LAST, id FOR NO KEY UPDATE",
            user_id,
        ),
        Lot,
    )


async def add_lot(
    db: Database, *, id: str, user_id: str, bucket: str, source: str, amount: int, expires_at: datetime | None, key: str
) -> bool:
    """Add a lot; False if one with this key is there already."""
    tag = await db.execute(
        "INSERT INTO lots (id, user_id, bucket, source, granted, remaining, expires_at, key)"
        " VALUES ($1, $2, $3, $4, $5, $5, $6, $7) ON CONFLICT (key) DO NOTHING",
        id,
        user_id,
        bucket,
        source,
        amount,
        expires_at,
        key,
    )
    return tag.endswith(" 1")


async def take(db: Database, lots: list[str], amounts: list[int]) -> None:
    """Lower lots by what a hold takes. The table refuses to go below zero."""
    await db.execute(
        "UPDATE lots SET remaining = remaining - part.amount"
        " FROM unnest($1::text[], $2::bigint[]) AS part(id, amount) WHERE lots.id = part.id",
        lots,
        amounts,
    )


async def put_back(db: Database, lot: str, amount: int, *, regrant: bool) -> None:
    """Raise a lot by what a release gives back; `regrant` when the credits came from an expired one."""
    await db.execute(
        "UPDATE lots SET remaining = remaining + $2, granted = granted + $3 WHERE id = $1",
        lot,
        amount,
        amount if regrant else 0,
    )


async def add_legs(db: Database, legs: list[Leg]) -> None:
    """Append entries in one statement. A repeated key raises UniqueViolationError: nothing is booked twice."""
    await db.execute(
        "INSERT INTO ledger_entries"
        " (id, transfer, key, user_id, account, bucket, kind, amount, lot_id, generation_id)"
        " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],"
        " $8::bigint[], $9::text[], $10::text[])",
        *(list(column) for column in zip(*legs, strict=True)),
    )


async def add_holds(db: Database, user_id: str, holds: list[tuple[str, int, list[Part]]]) -> None:
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
        " state = CASE WHEN coalesce($2, credits) > 0 THEN 'settled' ELSE 'released' END, closed_at = now()"
        " WHERE generation_id = $1 AND state = 'held'"
        " RETURNING generation_id, user_id, credits, settled, state, parts",
        generation_id,
        settled,
    )
    return row(record, Hold)


async def expire_lots(db: Database, user_id: str | None) -> list[tuple[str, str, Bucket, int]]:
    """Empty expired lots, of one user or of all; return (lot, user, bucket, amount) of each."""
    records = await db.fetch(
        "WITH due AS (SELECT id, remaining FROM lots WHERE expires_at <= now() AND remaining > 0"
        "   AND ($1::text IS NULL OR user_id = $1) ORDER BY id LIMIT 1000 FOR NO KEY UPDATE)"
        " UPDATE lots SET remaining = 0 FROM due WHERE lots.id = due.id"
        " RETURNING lots.id, lots.user_id, lots.bucket, due.remaining",
        user_id,
    )
    return [tuple(record) for record in records]


async def held(db: Database, user_id: str) -> int:
    """Credits set aside by the user's open holds."""
    value: int = await db.fetchval(
        "SELECT coalesce(sum(credits), 0)::bigint FROM holds WHERE user_id = $1 AND state = 'held'", user_id
    )
    return value


async def entries(db: Database, user_id: str, after: str | None, limit: int, *, descending: bool) -> list[Entry]:
    """A page of the user's entries, by id."""
    order, sign = ("DESC", "<") if descending else ("ASC", ">")
    return rows(
        await db.fetch(
            "SELECT id, created_at, kind, bucket, amount, generation_id AS video_id FROM ledger_entries"
            f" WHERE user_id = $1 AND account = 'available' AND ($2::text IS NULL OR id {sign} $2)"
            f" ORDER BY id {order} LIMIT $3",
            user_id,
            after,
            limit,
        ),
        Entry,
    )
