"""The ledger_entries table: every movement of credits, append-only, in transfers whose legs sum to zero.

The accounts are `granted` (where credits come from), `available` (what may be spent), `held` (set aside), `revenue`
(charged), `expired`, and `returned` (taken back by a refund or a dispute).
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from api.schemas.billing import Bucket, EntryKind
from api.sql.connection import Database, page_order, rows


class Leg(NamedTuple):
    """One row of the ledger: `amount` credits added to `account`, below 0 taken from it. The legs of a `transfer` sum
    to zero.
    """

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
    """A leg on `available`, as its owner sees it; `due` and `taken` are of the clawback that it belongs to."""

    id: str
    created_at: datetime
    kind: EntryKind
    bucket: Bucket
    amount: int
    video_id: str | None
    invoice: str | None
    due: int | None
    taken: int | None


async def insert_legs(db: Database, legs: list[Leg]) -> None:
    """Append entries in one statement. A repeated key raises UniqueViolationError: nothing is booked twice."""
    query = """
        INSERT INTO ledger_entries (
            id, transfer, key, user_id, account, bucket, kind, amount, lot_id, generation_id, invoice, claim
        )
        SELECT *
        FROM unnest(
            $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
            $9::text[], $10::text[], $11::text[], $12::text[]
        )
    """
    await db.execute(query, *(list(column) for column in zip(*legs, strict=True)))


async def sum_charged_to_lot(db: Database, lot_id: str) -> int:
    """Credits of a lot that were charged so far."""
    query = """
        SELECT coalesce(sum(amount), 0)::bigint
        FROM ledger_entries
        WHERE lot_id = $1 AND account = 'revenue'
    """
    credits: int = await db.fetchval(query, lot_id)
    return credits


async def list_entries(
    db: Database, user_id: str, after: str | None, limit: int, *, descending: bool
) -> list[EntryRow]:
    """A page of the user's entries in the order of their ids, from behind the entry `after`."""
    order, sign = page_order(descending=descending)
    query = f"""
        SELECT
            entry.id, entry.created_at, entry.kind, entry.bucket, entry.amount, entry.generation_id AS video_id,
            entry.invoice, clawback.due, clawback.taken
        FROM ledger_entries AS entry
        LEFT JOIN clawbacks AS clawback
            ON clawback.claim = entry.claim AND clawback.lot_id = entry.lot_id
        WHERE entry.user_id = $1
            AND entry.account = 'available'
            AND ($2::text IS NULL OR entry.id {sign} $2)
        ORDER BY entry.id {order}
        LIMIT $3
    """
    return rows(await db.fetch(query, user_id, after, limit), EntryRow)
