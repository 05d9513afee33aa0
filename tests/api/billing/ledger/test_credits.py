"""The ledger against PostgreSQL: what is held comes back or is charged, once, and everything sums to zero."""

from __future__ import annotations

import asyncpg
import pytest

from api.billing.ledger import grants
from api.billing.ledger.transfers import move_credits
from api.errors import InsufficientCredits
from api.schemas.billing import Bucket
from api.sql import meter_events
from api.sql.connection import Database, Pool, transaction
from api.sql.ledger import holds, ledger_entries, lots
from api.sql.ledger.holds import NewHold
from api.sql.ledger.ledger_users import LedgerUser
from api.sql.ledger.lots import LotAmount
from tests.support.factories import CREDITS, TARIFF, add_account, add_generation, assert_books_balance

FREE = TARIFF.find_plan("free").monthly_credits


async def buy(db: Database, account: LedgerUser, amount: int) -> None:
    """A pack."""
    await grants.grant_pack(db, account.id, source="stripe", key=f"{account.id} {amount}", credits=amount, payment=None)


async def expire_now(db: Database, account: LedgerUser) -> None:
    """Let the allowance's month end."""
    await db.execute(
        """
        UPDATE lots
        SET expires_at = now() - interval '1 second', key = key || ':past'
        WHERE user_id = $1
          AND bucket = 'allowance'
        """,
        account.id,
    )


async def test_an_allowance_is_granted_once_a_month(pool: Pool) -> None:
    async with transaction(pool) as db:
        account = await add_account(db)
        await CREDITS.lock_spendable(db, account.id)
        await CREDITS.lock_spendable(db, account.id)
        assert (await CREDITS.balance(db, account.id)).available == FREE
        await expire_now(db, account)
        assert (await CREDITS.balance(db, account.id)).available == FREE
        kinds = [row.kind for row in await ledger_entries.list_entries(db, account.id, None, 10, descending=False)]
    assert sorted(kinds) == ["expire", "grant", "grant"]
    await assert_books_balance(pool, account.id)


async def test_an_unconfirmed_address_gets_a_tenth(pool: Pool) -> None:
    async with transaction(pool) as db:
        account = await add_account(db, full_allowance=False)
        assert (await CREDITS.balance(db, account.id)).available == FREE // 10


async def test_a_hold_is_settled_once(pool: Pool) -> None:
    async with transaction(pool) as db:
        account = await add_account(db)
        video = await add_generation(db, account)
        await CREDITS.hold(db, await CREDITS.lock_spendable(db, account.id), {video: 8})
        balance = await CREDITS.balance(db, account.id)
        assert (balance.available, balance.held) == (FREE - 8, 8)
        assert await CREDITS.settle(db, video) is not None
        assert await CREDITS.settle(db, video) is None
        assert await CREDITS.settle(db, video, 0) is None
        balance = await CREDITS.balance(db, account.id)
        assert (balance.available, balance.held) == (FREE - 8, 0)
    await assert_books_balance(pool, account.id)


async def test_allowance_goes_first_and_comes_back_where_it_was(pool: Pool) -> None:
    async with transaction(pool) as db:
        account = await add_account(db)
        await buy(db, account, 50)
        video = await add_generation(db, account)
        await CREDITS.hold(db, await CREDITS.lock_spendable(db, account.id), {video: FREE + 20})
        buckets = (await CREDITS.balance(db, account.id)).buckets
        assert (buckets.allowance.amount, buckets.purchased.amount) == (0, 30)
        await CREDITS.settle(db, video, 0)
        buckets = (await CREDITS.balance(db, account.id)).buckets
        assert (buckets.allowance.amount, buckets.purchased.amount) == (FREE, 50)
    await assert_books_balance(pool, account.id)


async def test_a_partial_charge_takes_the_lots_that_expire_first(pool: Pool) -> None:
    async with transaction(pool) as db:
        account = await add_account(db)
        await buy(db, account, 50)
        video = await add_generation(db, account)
        await CREDITS.hold(db, await CREDITS.lock_spendable(db, account.id), {video: FREE + 20})
        await CREDITS.settle(db, video, FREE + 5)
        buckets = (await CREDITS.balance(db, account.id)).buckets
        assert (buckets.allowance.amount, buckets.purchased.amount) == (0, 45)
    await assert_books_balance(pool, account.id)


async def test_a_release_after_the_month_is_granted_to_the_present_one(pool: Pool) -> None:
    async with transaction(pool) as db:
        account = await add_account(db)
        video = await add_generation(db, account)
        await CREDITS.hold(db, await CREDITS.lock_spendable(db, account.id), {video: 100})
        await expire_now(db, account)
        await CREDITS.settle(db, video, 40)
        assert (await CREDITS.balance(db, account.id)).available == FREE + 60
    await assert_books_balance(pool, account.id)


async def test_several_generations_share_the_lots(pool: Pool) -> None:
    async with transaction(pool) as db:
        account = await add_account(db)
        await buy(db, account, 100)
        videos = [await add_generation(db, account) for _ in range(4)]
        await CREDITS.hold(db, await CREDITS.lock_spendable(db, account.id), dict.fromkeys(videos, 100))
        assert (await CREDITS.balance(db, account.id)).available == 0
        for number, video in enumerate(videos):
            await CREDITS.settle(db, video, number * 25)
        assert (await CREDITS.balance(db, account.id)).available == FREE + 100 - 150
    await assert_books_balance(pool, account.id)


async def test_a_hold_beyond_the_balance_is_refused(pool: Pool) -> None:
    async with transaction(pool) as db:
        account = await add_account(db)
        video = await add_generation(db, account)
        with pytest.raises(InsufficientCredits) as refused:
            await CREDITS.hold(db, await CREDITS.lock_spendable(db, account.id), {video: FREE + 1})
        assert (refused.value.extra["cost"], refused.value.extra["available"]) == (FREE + 1, FREE)
        assert (await CREDITS.balance(db, account.id)).held == 0
    await assert_books_balance(pool, account.id)


async def test_the_table_refuses_to_book_twice(pool: Pool) -> None:
    async with transaction(pool) as db:
        account = await add_account(db)
        video = await add_generation(db, account)
        await CREDITS.hold(db, await CREDITS.lock_spendable(db, account.id), {video: 8})
        lot = (await lots.list_spendable_lots(db, account.id))[0].id
        again = move_credits(
            "hold", account.id, LotAmount(lot, "allowance", 8), "available", "held", generation_id=video
        )
        with pytest.raises(asyncpg.UniqueViolationError):
            async with db.transaction():
                await ledger_entries.insert_legs(db, again)


def test_buckets_are_named_as_on_the_wire() -> None:
    assert Bucket.__args__ == ("allowance", "purchased", "overage")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "wrong",
    [
        "UPDATE lots SET remaining = remaining - 101",
        "UPDATE lots SET remaining = remaining + 1",
        "UPDATE lots SET owed = 1",
        "UPDATE lots SET owed = -1, remaining = 0",
        "UPDATE lots SET source = 'plan:free'",
        "INSERT INTO clawbacks SELECT 'claim', id, 'refund', 1, 2 FROM lots",
        "UPDATE holds SET settled = credits + 1",
        "UPDATE users SET overage_cap = 0",
    ],
)
async def test_the_tables_refuse_impossible_figures(pool: Pool, wrong: str) -> None:
    async with transaction(pool) as db:
        account = await add_account(db)
        await buy(db, account, 100)
        video = await add_generation(db, account)
        await holds.insert_holds(db, account.id, [NewHold(video, 8, [])])
        with pytest.raises(asyncpg.CheckViolationError):
            async with db.transaction():
                await db.execute(wrong)


async def test_charged_overage_is_queued_once(pool: Pool) -> None:
    async with transaction(pool) as db:
        account = await add_account(db)
        await buy(db, account, 100)
        entry = await db.fetchval("SELECT id FROM ledger_entries WHERE user_id = $1 AND amount > 0", account.id)
        await meter_events.insert_meter_events(db, [entry])
        with pytest.raises(asyncpg.UniqueViolationError):
            async with db.transaction():
                await meter_events.insert_meter_events(db, [entry])
