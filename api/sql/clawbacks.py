"""The clawbacks table: what refunds and disputes take back, lot by lot."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from api.sql.connection import Database, rows

ClawbackKind = Literal["refund", "dispute"]


class Clawback(Struct, frozen=True):
    """What one claim takes back of one lot in all, and how much of it is taken so far."""

    claim: str
    lot: str
    kind: ClawbackKind
    due: int
    taken: int


async def list_clawbacks(db: Database, lot_ids: list[str]) -> list[Clawback]:
    """What is claimed of these lots, the oldest claim first."""
    return rows(
        await db.fetch(
            "SELECT claim, lot_id AS lot, kind, due, taken FROM clawbacks WHERE lot_id = ANY($1)"
            " ORDER BY created_at, claim",
            lot_ids,
        ),
        Clawback,
    )


async def upsert_clawbacks(db: Database, clawbacks: list[Clawback]) -> None:
    """Add these, or bring them up to date."""
    await db.execute(
        "INSERT INTO clawbacks (claim, lot_id, kind, due, taken)"
        " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])"
        " ON CONFLICT (claim, lot_id) DO UPDATE SET due = excluded.due, taken = excluded.taken",
        [each.claim for each in clawbacks],
        [each.lot for each in clawbacks],
        [each.kind for each in clawbacks],
        [each.due for each in clawbacks],
        [each.taken for each in clawbacks],
    )
