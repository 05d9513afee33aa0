"""Rows put straight into the database, for tests of what stands on them."""

from __future__ import annotations

from typing import Any

from api import ids
from api.billing.ledger.credits import CreditLedger
from api.billing.tariff import tariff
from api.sql import generations
from api.sql.connection import Database, Pool
from api.sql.generations import NewGeneration
from api.sql.ledger import ledger_users
from api.sql.ledger.ledger_users import LedgerUser
from api.videos.quote import PricingTerms

TARIFF = tariff.load_tariff()
CREDITS = CreditLedger(TARIFF)


def pricing_terms(plan: str = "free") -> PricingTerms:
    """What somebody on this plan is limited and charged by."""
    return PricingTerms(TARIFF.find_plan(plan), TARIFF.prices)


async def add_account(db: Database, *, plan: str = "free", full_allowance: bool = True) -> LedgerUser:
    """A user without an allowance yet."""
    user_id = ids.new_id(ids.USER)
    await db.execute(
        "INSERT INTO users (id, email, password_hash, plan, full_allowance) VALUES ($1, $2, '', $3, $4)",
        user_id,
        f"{user_id}@example.org",
        plan,
        full_allowance,
    )
    return await ledger_users.lock_user(db, user_id)


async def add_generation(db: Database, account: LedgerUser, **changes: Any) -> str:
    """A queued generation without a hold."""
    video_id = ids.new_id("video")
    new: dict[str, Any] = {
        "id": video_id,
        "user_id": account.id,
        "variation_of": video_id,
        "fingerprint": b"",
        "kind": "video",
        "model": "kinora-mini",
        "served_by": "kinora-mini",
        "prompt": "a red ball",
        "negative_prompt": "",
        "loras": [],
        "seconds": 4,
        "generated_seconds": 4,
        "operation": None,
        "revised_prompt": None,
        "preset": None,
        "parents": [],
        "width": 64,
        "height": 64,
        "seed": 1,
        "quality": "turbo",
        "visibility": "private",
        "metadata": {},
        "pool": "default",
        "priority": 0,
        "concurrency": 1,
        "retention_days": 30,
        "marked": False,
        "relaxed": False,
    }
    await generations.insert_rows(db, [NewGeneration(**(new | changes))])
    return video_id


async def assert_books_balance(pool: Pool, user_id: str) -> None:
    """Assert what must always hold: transfers sum to zero, and every cached figure equals its entries."""
    async with pool.acquire() as db:
        uneven = await db.fetch(
            "SELECT transfer FROM ledger_entries WHERE user_id = $1 GROUP BY transfer HAVING sum(amount) <> 0", user_id
        )
        lots = await db.fetch(
            """
            SELECT l.id
            FROM lots l
            LEFT JOIN ledger_entries e ON e.lot_id = l.id AND e.account = 'available'
            WHERE l.user_id = $1
            GROUP BY l.id
            HAVING l.remaining <> coalesce(sum(e.amount), 0)
            """,
            user_id,
        )
        held = await db.fetchval(
            "SELECT coalesce(sum(amount), 0)::bigint FROM ledger_entries WHERE user_id = $1 AND account = 'held'",
            user_id,
        )
        open_holds = await db.fetchval(
            "SELECT coalesce(sum(credits), 0)::bigint FROM holds WHERE user_id = $1 AND state = 'held'", user_id
        )
        revenue = await db.fetchval(
            "SELECT coalesce(sum(amount), 0)::bigint FROM ledger_entries WHERE user_id = $1 AND account = 'revenue'",
            user_id,
        )
        settled = await db.fetchval("SELECT coalesce(sum(settled), 0)::bigint FROM holds WHERE user_id = $1", user_id)
    assert not uneven
    assert not lots
    assert held == open_holds
    assert revenue == settled
