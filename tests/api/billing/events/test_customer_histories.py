"""Events of 200 customers' histories, in order to one database and in every disorder to another: the end is the same.

Both databases are written by the same workers from the same double of Stripe, which delivers each event once to a
receiver here. The one gets them as they come. The other gets them when all is over, up to five times each, shuffled,
as snapshots or thin, and some not at all: those it fetches itself.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from api.billing.events import reconcile
from api.billing.events.metering import UsageReporter
from api.billing.ledger import overage
from api.billing.stripe import meters
from api.local.servers import Servers
from api.settings import Settings
from api.sql.connection import Pool, transaction
from tests.support import customer_histories
from tests.support.customer_histories import SOLD, CustomerHistory
from tests.support.event_orders import (
    WORKERS,
    BillingDatabase,
    EventOrders,
    apply_in_order,
    draw_deliveries,
    open_event_orders,
)
from tests.support.factories import CREDITS, add_generation, assert_books_balance

SEED = 20261125
COUNT = 200
CAP = 500
TROUBLE = ("500_after", "reset_after", "500_before", "429")
STATE = {
    "users": "SELECT plan, plan_version, trialled_at IS NOT NULL AS trialled, overage_cap FROM users WHERE id = $1",
    "subscriptions": (
        """
        SELECT id, plan, version, status, item, metered_item, period_start, period_end,
          trial_end, cancel_at, next_plan, next_version, schedule, created_at
        FROM subscriptions
        WHERE user_id = $1
        ORDER BY id
        """
    ),
    "lots": (
        """
        SELECT key, bucket, source, granted, remaining, owed, expires_at, invoice, payment
        FROM lots
        WHERE user_id = $1
          AND (bucket <> 'overage' OR granted > 0)
        ORDER BY key
        """
    ),
    "ledger": (
        # How often a line of overage was opened and closed on the way is no difference.
        """
        SELECT bucket, account, CASE WHEN bucket <> 'overage' THEN kind END AS kind,
          sum(amount)::bigint AS amount
        FROM ledger_entries
        WHERE user_id = $1
          AND NOT (bucket = 'overage' AND account IN ('granted', 'expired'))
        GROUP BY 1, 2, 3
        HAVING sum(amount) <> 0
        ORDER BY 1, 2, 3
        """
    ),
    "clawbacks": (
        """
        SELECT claim, lots.key, kind, due, taken
        FROM clawbacks
        JOIN lots ON lots.id = lot_id
        WHERE user_id = $1
          AND due > 0
        ORDER BY claim, key
        """
    ),
    "checkouts": "SELECT id, state FROM checkouts WHERE user_id = $1 ORDER BY id",
    "usage": "SELECT coalesce(sum(credits), 0)::bigint, count(*) FROM meter_events WHERE user_id = $1",
}
CHANGED = """
    SELECT plan, count(*)
    FROM subscriptions s
    WHERE EXISTS (
        SELECT 1
        FROM lots
        WHERE lots.user_id = s.user_id
            AND bucket = 'allowance'
          AND granted = CASE plan WHEN 'pro' THEN 3000 ELSE 30000 END
    )
    GROUP BY plan
    """
"""Plans of those who once had the other one."""


async def state(pool: Pool, user_id: str) -> dict[str, list[tuple[Any, ...]]]:
    """Everything about a user that must not depend on how events came."""
    async with pool.acquire() as db:
        return {name: [tuple(row) for row in await db.fetch(query, user_id)] for name, query in STATE.items()}


async def spend(side: BillingDatabase, history: CustomerHistory) -> None:
    """Use up what there is, and some overage."""
    async with transaction(side.pool) as db:
        await overage.allow_overage(db, history.user_id, CAP, SOLD.overage)
        spendable = await CREDITS.lock_spendable(db, history.user_id)
        for more in (1, 2 + history.number):
            video = await add_generation(db, spendable.user)
            spendable = await CREDITS.lock_spendable(db, history.user_id)
            await CREDITS.hold(db, spendable, {video: max(spendable.available - CAP, 0) + more})
            await CREDITS.settle(db, video)


async def live(on: EventOrders, people: list[CustomerHistory]) -> None:
    """All histories, on one clock. Whoever is to use overage must have been heard of before; the others need not."""
    metered = [one for one in people if one.kind == "metered"]
    on.receiver.losing = False
    await customer_histories.run_histories(metered, on.world.begin_history)
    await apply_in_order(on)
    await on.disorderly.receive_and_apply(draw_deliveries(on.receiver, SEED))
    for side in (on.orderly, on.disorderly):
        await customer_histories.run_histories(metered, lambda history, side=side: spend(side, history))  # type: ignore[misc]
    on.receiver.losing = True
    await customer_histories.run_histories([one for one in people if one.kind != "metered"], on.world.begin_history)
    await apply_in_order(on)
    await tell(on)
    found = 0
    for phase, days in enumerate((3, 5, 25, 5)):
        found += await missed(on)
        await on.stripe_process.call_control_route("clock", days=days)
        await customer_histories.run_histories(people, lambda history, phase=phase: on.world.run_phase(history, phase))  # type: ignore[misc]
        await apply_in_order(on)
    await customer_histories.run_histories(people, on.world.close_disputes)
    await customer_histories.run_histories(
        [one for one in people if one.has_failing_card and one.number % 3], on.world.recover_card
    )
    found += await missed(on)
    await on.stripe_process.call_control_route("clock", days=25)
    await apply_in_order(on)
    found += await missed(on)
    assert found == len(on.receiver.lost)


async def missed(on: EventOrders) -> int:
    """Fetch into the disorderly inbox what never arrived, within the 30 days for which Stripe keeps it. None of it
    is applied yet.
    """
    await on.stripe_process.call_control_route("deliveries/flush")
    return (await reconcile.reconcile_account(on.disorderly.pool, on.disorderly.stripe)).undelivered


async def tell(on: EventOrders) -> None:
    """Tell Stripe of the usage that the disorderly database has, while Stripe is in trouble."""
    route = "POST /v1/billing/meter_events"
    for seed, kind in enumerate(TROUBLE):
        await on.stripe_process.call_control_route(
            "faults", kind=kind, route=route, count=None, probability=0.2, seed=seed
        )
    async with asyncio.timeout(60):
        while not await told(on.disorderly.pool):
            await asyncio.gather(
                *(UsageReporter(on.disorderly.pool, on.disorderly.stripe).drain() for _ in range(WORKERS))
            )
            async with on.disorderly.pool.acquire() as db:
                await db.execute("UPDATE meter_events SET not_before = now() WHERE state = 'waiting'")
    assert set((await on.stripe_process.http_client.get("/_local/faults")).json()["requests"]["struck"]) == set(TROUBLE)
    await on.stripe_process.http_client.delete("/_local/faults")


async def told(pool: Pool) -> bool:
    async with pool.acquire() as db:
        return not await db.fetchval("SELECT count(*) FROM meter_events WHERE state <> 'sent'")


async def counted(on: EventOrders, history: CustomerHistory) -> int:
    """What Stripe's meter says of a customer."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return await meters.sum_counted_credits(
        on.disorderly.stripe, history.customer, now - timedelta(hours=2), now + timedelta(hours=2)
    )


@pytest.mark.xdist_group("backend")
async def test_any_order_ends_as_the_right_order(servers: Servers, settings: Settings, redis: Redis) -> None:
    people = customer_histories.draw_histories(COUNT, SEED)
    async with open_event_orders(settings, servers, redis, SEED) as on:
        await live(on, people)
        await on.disorderly.receive_and_apply(draw_deliveries(on.receiver, SEED))
        for history in people:
            right = await state(on.orderly.pool, history.user_id)
            assert await state(on.disorderly.pool, history.user_id) == right, (SEED, history)
            assert await counted(on, history) == sum(row[0] for row in right["usage"]), (SEED, history)
            await assert_books_balance(on.disorderly.pool, history.user_id)
        await enough_happened(on)


async def enough_happened(on: EventOrders) -> None:
    """The histories have everything in them that they are to show."""
    async with on.orderly.pool.acquire() as db:
        statuses = {row[0] for row in await db.fetch("SELECT DISTINCT status FROM subscriptions")}
        kinds = dict(await db.fetch("SELECT kind, count(*) FROM clawbacks WHERE due > 0 GROUP BY kind"))
        won = await db.fetchval("SELECT count(*) FROM clawbacks WHERE due = 0 AND kind = 'dispute'")
        failed = await db.fetchval("SELECT count(*) FROM clawbacks WHERE due = 0 AND kind = 'refund'")
        lots = dict(await db.fetch("SELECT bucket, count(*) FROM lots GROUP BY bucket"))
        changed = dict(await db.fetch(CHANGED))
        trials = await db.fetchval("SELECT count(*) FROM lots WHERE key LIKE 'stripe:trial:%'")
        usage = await db.fetchval("SELECT count(*) FROM meter_events")
    assert statuses >= {"active", "canceled", "past_due"}
    assert len(on.receiver.lost) > 50
    assert (kinds["refund"], kinds["dispute"], won, failed) > (30, 10, 3, 3)
    assert lots["allowance"] > COUNT
    assert lots["purchased"] > COUNT // 5
    assert trials == COUNT // 5
    assert usage == 2 * (COUNT // 5)
    assert min(changed["plus"], changed["pro"]) > 0, changed
