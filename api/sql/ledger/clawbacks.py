"""The clawbacks table: the credits that refunds and disputes take back, lot by lot."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from api.sql.connection import Database, rows

ClawbackKind = Literal["refund", "dispute"]


class Clawback(Struct, frozen=True):
    """The credits that one claim takes back of one lot: `due` in all, `taken` so far."""

    claim: str
    lot: str
    kind: ClawbackKind
    due: int
    taken: int


async def list_clawbacks(db: Database, lot_ids: list[str]) -> list[Clawback]:
    """The clawbacks of these lots, the oldest claim first."""
    query = """
        SELECT claim, lot_id AS lot, kind, due, taken
        FROM clawbacks
        WHERE lot_id = ANY($1)
        ORDER BY created_at, claim
    """
    return rows(await db.fetch(query, lot_ids), Clawback)


async def upsert_clawbacks(db: Database, clawbacks: list[Clawback]) -> None:
    """Insert clawbacks, or update their figures."""
    query = """
        INSERT INTO clawbacks (claim, lot_id, kind, due, taken)
        SELECT *
        FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
        ON CONFLICT (claim, lot_id) DO UPDATE
        SET due = excluded.due, taken = excluded.taken
    """
    await db.execute(
        query,
        [clawback.claim for clawback in clawbacks],
        [clawback.lot for clawback in clawbacks],
        [clawback.kind for clawback in clawbacks],
        [clawback.due for clawback in clawbacks],
        [clawback.taken for clawback in clawbacks],
    )
