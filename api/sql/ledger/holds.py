"""The holds table: credits set aside for one generation each, with the lots they were taken from."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from api.sql.connection import Database, row
from api.sql.ledger.lots import LotAmount


class NewHold(NamedTuple):
    """A hold to insert; `parts` are the credits taken from each lot."""

    generation_id: str
    credits: int
    parts: list[LotAmount]


class Hold(Struct, frozen=True):
    """Credits set aside for one generation: `state` held, then settled or released; `settled` is what was charged."""

    generation_id: str
    user_id: str
    credits: int
    settled: int
    state: str
    parts: list[LotAmount]


async def insert_holds(db: Database, user_id: str, holds: list[NewHold]) -> None:
    """Open holds of one user."""
    query = """
        INSERT INTO holds (generation_id, user_id, credits, parts)
        SELECT generation_id, $1, credits, parts
        FROM jsonb_to_recordset($2) AS hold (generation_id text, credits bigint, parts jsonb)
    """
    await db.execute(query, user_id, [hold._asdict() for hold in holds])


async def close_hold(db: Database, generation_id: str, charge: int | None) -> Hold | None:
    """Close an open hold with the credits that are charged, None for all; None if it is closed already."""
    query = """
        UPDATE holds
        SET settled = coalesce($2, credits),
            state = CASE WHEN coalesce($2, 1) > 0 THEN 'settled' ELSE 'released' END,
            closed_at = now()
        WHERE generation_id = $1 AND state = 'held'
        RETURNING generation_id, user_id, credits, settled, state, parts
    """
    return row(await db.fetchrow(query, generation_id, charge), Hold)


async def sum_held_credits(db: Database, user_id: str) -> int:
    """Credits set aside by the user's open holds."""
    query = """
        SELECT coalesce(sum(credits), 0)::bigint
        FROM holds
        WHERE user_id = $1 AND state = 'held'
    """
    credits: int = await db.fetchval(query, user_id)
    return credits
