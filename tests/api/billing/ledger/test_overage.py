"""The line of overage: opened, raised, lowered and closed by its person, and by what becomes of the subscription."""

from __future__ import annotations

from datetime import timedelta

import pytest

from api.billing.ledger import grants, overage
from api.errors import Conflict, InsufficientCredits, Invalid, NotSubscribed, SubscriptionUnpaid
from api.schemas.billing import Balance
from api.sql.connection import Database, Pool, database_time, transaction
from api.sql.ledger.ledger_users import LedgerUser
from tests.support.factories import CREDITS, TARIFF, add_account, add_generation, assert_books_balance

TERMS = TARIFF.overage


async def subscribed(db: Database, status: str = "active", plan: str = "plus") -> LedgerUser:
    """Somebody on a paid plan who has no credits."""
    account = await add_account(db, plan=plan)
    await db.execute(
        """
        INSERT INTO subscriptions (id, user_id, plan, version, status, metered_item, period_start, period_end)
        VALUES ('sub_' || $1, $1, $3, 1, $2, 'si_1', now(), now() + interval '30 days')
        """,
        account.id,
        status,
        plan,
    )
    return account


async def become(db: Database, account: LedgerUser, status: str) -> None:
    await db.execute("UPDATE subscriptions SET status = $2 WHERE user_id = $1", account.id, status)
    await grants.sync_overage_line(db, account.id)


async def held(db: Database, account: LedgerUser, credits: int) -> str:
    video = await add_generation(db, account)
    await CREDITS.hold(db, await CREDITS.lock_spendable(db, account.id), {video: credits})
    return video


async def balance(db: Database, account: LedgerUser) -> Balance:
    return await CREDITS.balance(db, account.id)


async def test_overage_is_spent_last(pool: Pool) -> None:
    async with transaction(pool) as db:
        account = await subscribed(db)
        await overage.allow_overage(db, account.id, 50, TERMS)
        await grants.grant_pack(db, account.id, source="stripe", key="a pack", credits=10, payment=None)
        ends = await database_time(db) + timedelta(days=40)
        await grants.grant_allowance(db, account.id, key="il", credits=5, expires_at=ends, invoice=None, payment=None)
        video = await held(db, account, 20)
        left = (await balance(db, account)).buckets
        assert (left.allowance.amount, left.purchased.amount, left.overage.used) == (0, 0, 0)
        assert (await balance(db, account)).available == 45
        await CREDITS.settle(db, video, 18)
        shown = await balance(db, account)
        assert (shown.available, shown.buckets.overage.used) == (47, 3)
        events = await db.fetch("SELECT * FROM meter_events WHERE user_id = $1", account.id)
        assert [(event["credits"], event["state"]) for event in events] == [(3, "waiting")]
        entry = await db.fetchrow("SELECT * FROM ledger_entries WHERE id = $1", events[0]["entry_id"])
        assert entry
        assert (entry["account"], entry["bucket"], entry["amount"]) == ("revenue", "overage", 3)
    await assert_books_balance(pool, account.id)


async def test_a_cap_is_raised_and_lowered_also_below_what_is_used(pool: Pool) -> None:
    async with transaction(pool) as db:
        account = await subscribed(db)
        await overage.allow_overage(db, account.id, 50, TERMS)
        await CREDITS.settle(db, await held(db, account, 10))
        video = await held(db, account, 20)
        for cap, left in ((60, 30), (40, 10), (25, 0), (40, 10), (15, 0)):
            await overage.allow_overage(db, account.id, cap, TERMS)
            assert (await balance(db, account)).available == left
        await CREDITS.settle(db, video, 0)
        assert (await balance(db, account)).available == 5  # 15, of which 10 are used
        with pytest.raises(InsufficientCredits):
            await held(db, account, 6)
        await overage.forbid_overage(db, account.id)
        shown = await balance(db, account)
        assert (shown.available, shown.buckets.overage.enabled, shown.buckets.overage.used) == (0, False, 10)
    await assert_books_balance(pool, account.id)


async def test_the_line_follows_the_subscription(pool: Pool) -> None:
    async with transaction(pool) as db:
        account = await subscribed(db)
        await overage.allow_overage(db, account.id, None, TERMS)
        assert (await balance(db, account)).available == TERMS.default_cap
        for status, left, cap in (
            ("past_due", 0, TERMS.default_cap),
            ("active", TERMS.default_cap, TERMS.default_cap),
            ("canceled", 0, 0),
            ("active", 0, 0),
        ):
            await become(db, account, status)
            shown = await balance(db, account)
            assert (shown.buckets.overage.cap, shown.available - shown.buckets.allowance.amount) == (cap, left), status
    await assert_books_balance(pool, account.id)


async def test_the_next_period_begins_a_line_of_its_own(pool: Pool) -> None:
    async with transaction(pool) as db:
        account = await subscribed(db)
        await overage.allow_overage(db, account.id, 50, TERMS)
        charged, released = await held(db, account, 10), await held(db, account, 20)
        await db.execute("UPDATE lots SET expires_at = now() WHERE user_id = $1", account.id)
        assert (await balance(db, account)).available == 0
        await db.execute(
            "UPDATE subscriptions SET period_start = period_end, period_end = period_end + interval '30 days'"
        )
        await grants.sync_overage_line(db, account.id)
        await CREDITS.settle(db, charged)
        await CREDITS.settle(db, released, 0)
        shown = await balance(db, account)
        assert (shown.available, shown.held, shown.buckets.overage.used) == (50, 0, 0)
    await assert_books_balance(pool, account.id)


@pytest.mark.parametrize("status", ["trialing", "past_due"])
async def test_unpaid_plans_have_no_overage(pool: Pool, status: str) -> None:
    async with transaction(pool) as db:
        account = await subscribed(db, status)
        with pytest.raises(SubscriptionUnpaid, match="allow"):
            await overage.allow_overage(db, account.id, 10, TERMS)
        await become(db, account, "canceled")
        with pytest.raises(NotSubscribed, match="/v1/billing/checkout"):
            await overage.allow_overage(db, account.id, 10, TERMS)


async def test_a_subscription_that_charges_no_usage_has_no_overage(pool: Pool) -> None:
    """It was made by hand at Stripe, or its price was changed there: what is metered would be on nobody's invoice."""
    async with transaction(pool) as db:
        account = await subscribed(db)
        await overage.allow_overage(db, account.id, 50, TERMS)
        await db.execute("UPDATE subscriptions SET metered_item = NULL")
        with pytest.raises(Conflict, match="Write to"):
            await overage.allow_overage(db, account.id, 50, TERMS)
        await grants.sync_overage_line(db, account.id)
        shown = await balance(db, account)
        assert (shown.available, shown.buckets.overage.cap) == (0, 50)


@pytest.mark.parametrize(("status", "relaxed"), [("trialing", False), ("past_due", False), ("active", True)])
async def test_the_relaxed_queue_is_for_a_plan_that_is_paid_for(pool: Pool, status: str, relaxed: bool) -> None:  # noqa: FBT001
    """A trial of one plan may be changed into the dearest without a bill: its credits are all it brings."""
    async with transaction(pool) as db:
        account = await subscribed(db, status, "pro")
        purse = await CREDITS.lock_spendable(db, account.id)
        if relaxed:
            assert purse.needs_relaxed_queue(1)
            return
        with pytest.raises(InsufficientCredits):
            purse.needs_relaxed_queue(1)


async def test_a_plan_that_was_given_has_its_relaxed_queue(pool: Pool) -> None:
    async with transaction(pool) as db:
        account = await add_account(db, plan="pro")
        purse = await CREDITS.lock_spendable(db, account.id)
        assert purse.needs_relaxed_queue(purse.available + 1)


async def test_a_cap_has_a_limit(pool: Pool) -> None:
    async with transaction(pool) as db:
        account = await subscribed(db)
        with pytest.raises(Invalid, match=str(TERMS.max_cap)) as refused:
            await overage.allow_overage(db, account.id, TERMS.max_cap + 1, TERMS)
        assert refused.value.param == "cap"
