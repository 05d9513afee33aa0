"""What refunds and disputes take back, step by step; `test_ledger_histories` shows that any order of steps is right."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

from api.billing.ledger import clawbacks, grants
from api.billing.ledger.clawbacks import Clawback
from api.sql.connection import Database, Pool, database_time, transaction
from api.sql.ledger.clawbacks import ClawbackKind
from api.sql.ledger.ledger_users import LedgerUser
from tests.support.factories import CREDITS, add_account, add_generation, assert_books_balance

FREE = 300


async def bought(db: Database, credits: int = 100) -> tuple[LedgerUser, str]:
    """Somebody who has spent the month's allowance and then bought a pack, and the payment."""
    account = await add_account(db)
    spent = await add_generation(db, account)
    await CREDITS.hold(db, await CREDITS.lock_spendable(db, account.id), {spent: FREE})
    await CREDITS.settle(db, spent)
    payment = f"pi_{account.id}"
    await grants.grant_pack(db, account.id, source="stripe", key=payment, credits=credits, payment=payment)
    return account, payment


async def held(db: Database, account: LedgerUser, credits: int) -> str:
    video = await add_generation(db, account)
    await CREDITS.hold(db, await CREDITS.lock_spendable(db, account.id), {video: credits})
    return video


async def claim(db: Database, payment: str, share: Fraction | int, kind: ClawbackKind = "refund") -> Clawback:
    [found] = await clawbacks.apply_claim(
        db, claim=f"{kind} {payment}", kind=kind, payment=payment, share=Fraction(share)
    )
    return found


async def available(db: Database, account: LedgerUser) -> int:
    return (await CREDITS.balance(db, account.id)).available


async def test_a_refund_takes_its_share_once_and_gives_it_back(pool: Pool) -> None:
    async with transaction(pool) as db:
        account, payment = await bought(db)
        for share, left in (("1/3", 67), ("1/3", 67), ("1", 0), ("1/2", 50), ("0", 100)):
            await claim(db, payment, Fraction(share))
            assert await available(db, account) == left
    await assert_books_balance(pool, account.id)


async def test_spent_credits_stay_owed_and_held_ones_are_taken_on_release(pool: Pool) -> None:
    async with transaction(pool) as db:
        account, payment = await bought(db)
        await CREDITS.settle(db, await held(db, account, 30))
        video = await held(db, account, 50)
        found = await claim(db, payment, 1)
        assert (found.due, found.taken) == (100, 20)
        assert await CREDITS.settle(db, video, 10) is not None
        assert await available(db, account) == 0
        found = await claim(db, payment, 1)
        assert (found.due, found.taken) == (100, 60)
        await claim(db, payment, Fraction(1, 2))
        assert await available(db, account) == 10  # 100, of which 40 are spent and 50 taken back
    await assert_books_balance(pool, account.id)


async def test_a_refund_and_a_dispute_do_not_take_the_same_credit_twice(pool: Pool) -> None:
    async with transaction(pool) as db:
        account, payment = await bought(db)
        await claim(db, payment, 1, "dispute")
        await claim(db, payment, 1, "refund")
        assert await available(db, account) == 0
        found = await claim(db, payment, 0, "dispute")
        assert (found.due, found.taken) == (0, 0)
        assert await available(db, account) == 0
        await claim(db, payment, 0, "refund")
        assert await available(db, account) == 100
    await assert_books_balance(pool, account.id)


async def test_another_payment_is_left_alone(pool: Pool) -> None:
    async with transaction(pool) as db:
        account, payment = await bought(db)
        await grants.grant_pack(db, account.id, source="stripe", key="other", credits=7, payment="pi_other")
        await claim(db, payment, 1)
        assert await available(db, account) == 7
        assert await clawbacks.apply_claim(db, claim="re", kind="refund", payment="unknown", share=Fraction(1)) == []
    await assert_books_balance(pool, account.id)


async def test_credits_returned_to_an_expired_allowance_last_for_the_present_period(pool: Pool) -> None:
    async with transaction(pool) as db:
        account, _ = await bought(db, 0)
        ends = await database_time(db) + timedelta(days=3)
        payment = f"pi_month_{account.id}"
        await grants.grant_allowance(
            db, account.id, key="il", credits=40, expires_at=ends, invoice="in", payment=payment
        )
        await claim(db, payment, 1, "dispute")
        await db.execute("UPDATE lots SET expires_at = now() WHERE key = 'stripe:il'")
        await claim(db, payment, 0, "dispute")
        assert await available(db, account) == 40
        await claim(db, payment, 0, "dispute")
        assert await available(db, account) == 40
    await assert_books_balance(pool, account.id)
