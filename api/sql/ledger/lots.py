"""The lots table: credits that are granted together, spent in order and expire together.

A caller that changes a lot holds the lock of its user (`ledger_users.lock_user`) and books the same amounts as ledger
entries, so that `remaining` always equals the sum of the lot's entries on the account `available`.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Literal, NamedTuple

from msgspec import Struct, field

from api import ids
from api.schemas.billing import Bucket
from api.sql.connection import Database, row, rows

Source = Literal["kinora", "stripe", "apple", "google"]

_COLUMNS = (
    "id, bucket, key, granted, remaining, owed, expires_at, coalesce(expires_at <= now(), false) AS expired, payment"
)


class Lot(Struct, frozen=True):
    """A lot, expired or not. `owed` is what a clawback or a lowered overage cap could not take yet; credits that a hold
    gives back pay it first. An overage line is a lot whose `granted` is its cap.
    """

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
    """A lot to insert. `key` names what it is granted for, so that it is granted once."""

    id: str = field(default_factory=partial(ids.new_id, "lot"))
    user_id: str
    bucket: Bucket
    source: Source
    amount: int
    key: str
    expires_at: datetime | None = None
    invoice: str | None = None
    payment: str | None = None


class LotAmount(Struct, frozen=True):
    """Some credits of one lot."""

    lot: str
    bucket: Bucket
    amount: int


class LotChange(NamedTuple):
    """Amounts to add to a lot's figures."""

    lot_id: str
    remaining: int
    owed: int = 0
    granted: int = 0


async def insert_lot(db: Database, new: NewLot) -> bool:
    """Insert a lot; False if one with this key exists."""
    query = """
        INSERT INTO lots (id, user_id, bucket, source, granted, remaining, expires_at, key, invoice, payment)
        VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9)
        ON CONFLICT (key) DO NOTHING
    """
    tag = await db.execute(
        query,
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


# -- reading ------------------------------------------------------------------------------------------------


async def list_spendable_lots(db: Database, user_id: str) -> list[Lot]:
    """The user's lots that have not expired, in the order in which they are spent: allowance, purchased, overage, and
    within each what expires first.
    """
    query = f"""
        SELECT {_COLUMNS}
        FROM lots
        WHERE user_id = $1
            AND (expires_at IS NULL OR expires_at > now())
            AND (remaining > 0 OR expires_at IS NOT NULL)
        ORDER BY
            array_position(ARRAY['allowance', 'purchased', 'overage'], bucket),
            expires_at NULLS LAST,
            id
    """
    return rows(await db.fetch(query, user_id), Lot)


async def list_lots(db: Database, lot_ids: list[str]) -> list[Lot]:
    """These lots, expired or not."""
    query = f"""
        SELECT {_COLUMNS}
        FROM lots
        WHERE id = ANY($1)
        ORDER BY id
    """
    return rows(await db.fetch(query, lot_ids), Lot)


async def list_paid_lots(db: Database, payment: str) -> list[Lot]:
    """The lots that a payment granted, expired or not."""
    query = f"""
        SELECT {_COLUMNS}
        FROM lots
        WHERE payment = $1
        ORDER BY id
    """
    return rows(await db.fetch(query, payment), Lot)


async def list_payers(db: Database, payment: str) -> list[str]:
    """Ids of the users whose lots a payment granted."""
    query = """
        SELECT DISTINCT user_id
        FROM lots
        WHERE payment = $1
        ORDER BY user_id
    """
    return [record["user_id"] for record in await db.fetch(query, payment)]


async def find_lot_by_key(db: Database, key: str) -> Lot | None:
    """The lot with this key, expired or not."""
    query = f"""
        SELECT {_COLUMNS}
        FROM lots
        WHERE key = $1
    """
    return row(await db.fetchrow(query, key), Lot)


# -- changing -----------------------------------------------------------------------------------------------


async def change_lots(db: Database, changes: list[LotChange]) -> None:
    """Add to the figures of lots, each named once. The table refuses figures below zero or above what was granted."""
    query = """
        UPDATE lots
        SET remaining = lots.remaining + change.remaining,
            owed = lots.owed + change.owed,
            granted = lots.granted + change.granted
        FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) AS change (id, remaining, owed, granted)
        WHERE lots.id = change.id
    """
    await db.execute(query, *(list(column) for column in zip(*changes, strict=True)))


async def set_lot_expiry(db: Database, lot_id: str, expires_at: datetime) -> None:
    """Let a lot expire at another time."""
    query = """
        UPDATE lots
        SET expires_at = $2
        WHERE id = $1 AND expires_at <> $2
    """
    await db.execute(query, lot_id, expires_at)


async def empty_expired_lots(db: Database, user_ids: list[str]) -> list[tuple[str, str, Bucket, int]]:
    """Empty these users' expired lots; return (lot id, user id, bucket, credits) of each that had something left.

    An overage line is closed as if its cap were lowered to 0: what was used of it becomes `owed`.
    """
    query = """
        WITH due AS (
            SELECT id, remaining
            FROM lots
            WHERE user_id = ANY($1)
                AND expires_at <= now()
                AND (remaining > 0 OR (bucket = 'overage' AND granted > 0))
        ),
        emptied AS (
            UPDATE lots
            SET remaining = 0,
                owed = CASE WHEN bucket = 'overage' THEN owed + granted - lots.remaining ELSE owed END,
                granted = CASE WHEN bucket = 'overage' THEN 0 ELSE granted END
            FROM due
            WHERE lots.id = due.id
            RETURNING lots.id, lots.user_id, lots.bucket, due.remaining
        )
        SELECT id, user_id, bucket, remaining
        FROM emptied
        WHERE remaining > 0
        ORDER BY id
    """
    return [tuple(record) for record in await db.fetch(query, user_ids)]
