"""Overage reaches Stripe's meter: each entry once, whatever goes wrong, and not again after a day without a look."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from api import ids
from api.billing.events import health, metering
from api.billing.events.handlers import EventHandlers
from api.billing.events.metering import UsageReporter, infer_counted_entries
from api.billing.ledger import overage
from api.billing.stripe import customers, meters
from api.billing.stripe.client import Stripe
from api.billing.stripe.event_destinations import EventDestinations
from api.billing.stripe.event_types import REPORT
from api.http.state import AppState
from api.sql import meter_events
from api.sql.connection import Pool, transaction
from api.sql.stripe_events import InboxEvent
from tests.support.customer_histories import SOLD
from tests.support.factories import CREDITS, add_account, add_generation
from tests.support.stripe_process import StripeProcess

HOUR = timedelta(hours=1)


class User(NamedTuple):
    """Somebody who pays for overage."""

    id: str
    customer: str


@pytest.fixture
async def user(real: AppState, local: StripeProcess) -> User:
    """A subscriber with overage, at the end of the plan's credits."""
    async with transaction(real.pool) as db:
        account = await add_account(db, plan="plus")
        customer = (await customers.create_customer(local.stripe, account.id, f"{account.id}@example.org")).id
        await db.execute("UPDATE users SET stripe_customer = $2 WHERE id = $1", account.id, customer)
        await db.execute(
            "INSERT INTO subscriptions (id, user_id, plan, version, status, metered_item, period_start, period_end)"
            " VALUES ('sub_1', $1, 'plus', 1, 'active', 'si_1', now() - interval '1 day', now() + interval '29 days')",
            account.id,
        )
        await overage.allow_overage(db, account.id, 5000, SOLD.overage)
    return User(account.id, customer)


async def use(pool: Pool, user: User, amount: int) -> str:
    """Settle so many credits of overage; return the entry's name."""
    async with transaction(pool) as db:
        spendable = await CREDITS.lock_spendable(db, user.id)
        video = await add_generation(db, spendable.user)
        await CREDITS.hold(db, spendable, {video: amount})
        await CREDITS.settle(db, video)
        entry: str = await db.fetchval("SELECT max(entry_id) FROM meter_events WHERE user_id = $1", user.id)
    return entry


async def states(pool: Pool) -> dict[str, str]:
    async with pool.acquire() as db:
        return dict(await db.fetch("SELECT entry_id, state FROM meter_events"))


async def run(pool: Pool, query: str) -> None:
    async with pool.acquire() as db:
        await db.execute(query)


async def total(stripe: Stripe, user: User) -> int:
    """What the meter has counted around now."""
    now = metering.hour_start(datetime.now(UTC))
    return await meters.sum_counted_credits(stripe, user.customer, now - 48 * HOUR, now + 2 * HOUR)


async def a_day_later(real: AppState, local: StripeProcess) -> None:
    """Let a day pass since the first try, for us and for Stripe, which forgets the identifiers."""
    await local.call_control_route("clock", seconds=25 * 3600)
    await run(
        real.pool,
        "UPDATE meter_events SET first_sent_at = first_sent_at - interval '25 hours', not_before = now(),"
        " sent_at = sent_at - interval '25 hours'",
    )


async def test_each_entry_is_billed_once_whatever_goes_wrong(real: AppState, local: StripeProcess, user: User) -> None:
    amounts = range(1, 61)
    for amount in amounts:
        await use(real.pool, user, amount)
    route = "POST /v1/billing/meter_events"
    for seed, kind in enumerate(("500_after", "reset_after", "500_before", "reset_before", "429", "409")):
        await local.call_control_route("faults", kind=kind, route=route, count=None, probability=0.12, seed=seed)
    async with asyncio.timeout(60):
        while "waiting" in (await states(real.pool)).values():
            await asyncio.gather(*(UsageReporter(real.pool, local.stripe).drain() for _ in range(4)))
            await run(real.pool, "UPDATE meter_events SET not_before = now()")
    assert await total(local.stripe, user) == sum(amounts)
    struck = (await local.web.get("/_local/faults")).json()["requests"]["struck"]
    assert len(struck) == 6, struck


async def test_a_meter_event_carries_the_time_of_its_settlement(
    real: AppState, local: StripeProcess, user: User
) -> None:
    await use(real.pool, user, 8)
    await run(real.pool, "UPDATE meter_events SET occurred_at = now() - interval '5 hours'")
    await UsageReporter(real.pool, local.stripe).drain()
    then = metering.hour_start(datetime.now(UTC) - 5 * HOUR)
    assert await meters.sum_counted_credits(local.stripe, user.customer, then, then + HOUR) == 8


async def test_within_a_day_it_is_sent_again_under_the_same_identifier(
    real: AppState, local: StripeProcess, user: User
) -> None:
    entry = await use(real.pool, user, 8)
    for _ in range(3):
        await UsageReporter(real.pool, local.stripe).drain()
        assert await states(real.pool) == {entry: "sent"}
        await run(real.pool, "UPDATE meter_events SET state = 'waiting', not_before = now()")
    assert await total(local.stripe, user) == 8


async def lost(real: AppState, local: StripeProcess, entry: str, *, arrived: bool) -> None:
    """The entry reaches Stripe or does not, and the worker dies before it writes down which."""
    if not arrived:
        await local.call_control_route("faults", kind="reset_before", route="POST /v1/billing/meter_events", count=None)
    await UsageReporter(real.pool, local.stripe).drain()
    await local.web.delete("/_local/faults")
    await run(
        real.pool,
        "UPDATE meter_events SET state = 'waiting', sent_at = NULL, not_before = now() + interval '1 hour'"
        f" WHERE entry_id = '{entry}'",
    )


async def test_after_a_day_counted_usage_is_not_sent_again(real: AppState, local: StripeProcess, user: User) -> None:
    entry = await use(real.pool, user, 8)
    await lost(real, local, entry, arrived=True)
    await a_day_later(real, local)
    await UsageReporter(real.pool, local.stripe).drain()
    assert await states(real.pool) == {entry: "sent"}
    assert await total(local.stripe, user) == 8


async def test_after_a_day_uncounted_usage_is_sent(real: AppState, local: StripeProcess, user: User) -> None:
    entry = await use(real.pool, user, 8)
    await lost(real, local, entry, arrived=False)
    assert await states(real.pool) == {entry: "waiting"}
    await a_day_later(real, local)
    await UsageReporter(real.pool, local.stripe).drain()
    assert await states(real.pool) == {entry: "sent"}
    assert await total(local.stripe, user) == 8


async def test_sums_tell_which_of_several_arrived(real: AppState, local: StripeProcess, user: User) -> None:
    known = await use(real.pool, user, 4)
    await UsageReporter(real.pool, local.stripe).drain()
    arrived = await use(real.pool, user, 8)
    await lost(real, local, arrived, arrived=True)
    missing = await use(real.pool, user, 5)
    await lost(real, local, missing, arrived=False)
    await a_day_later(real, local)
    await UsageReporter(real.pool, local.stripe).drain()
    assert await states(real.pool) == dict.fromkeys((known, arrived, missing), "sent")
    assert await total(local.stripe, user) == 17


async def test_ambiguous_sums_are_left_to_the_operator(real: AppState, local: StripeProcess, user: User) -> None:
    first = await use(real.pool, user, 8)
    await lost(real, local, first, arrived=True)
    second = await use(real.pool, user, 8)
    await lost(real, local, second, arrived=False)
    await a_day_later(real, local)
    await UsageReporter(real.pool, local.stripe).drain()
    assert await states(real.pool) == {first: "unclear", second: "unclear"}
    assert await total(local.stripe, user) == 8
    async with real.pool.acquire() as db:
        (sentence,) = await health.list_troubles(db)
    assert "2 entries" in sentence


async def test_an_hour_is_not_resolved_while_an_entry_is_under_way(
    real: AppState, local: StripeProcess, user: User
) -> None:
    """Stripe counts in its own time, so what it was told a moment ago may not be in the sum."""
    doubtful = await use(real.pool, user, 8)
    await lost(real, local, doubtful, arrived=True)
    await a_day_later(real, local)
    fresh = await use(real.pool, user, 8)
    await UsageReporter(real.pool, local.stripe).drain()
    assert await states(real.pool) == {doubtful: "waiting", fresh: "sent"}
    await run(real.pool, "UPDATE meter_events SET sent_at = sent_at - interval '2 hours', not_before = now()")
    await UsageReporter(real.pool, local.stripe).drain()
    assert await states(real.pool) == {doubtful: "sent", fresh: "sent"}
    assert await total(local.stripe, user) == 16


async def test_an_outage_of_stripe_costs_one_try_and_ends_the_round(
    real: AppState, local: StripeProcess, user: User
) -> None:
    for amount in (1, 2, 3):
        await use(real.pool, user, amount)
    await local.call_control_route("faults", kind="500_before", route="POST /v1/billing/meter_events", count=None)
    await UsageReporter(real.pool, local.stripe).drain()
    async with real.pool.acquire() as db:
        assert await db.fetchval("SELECT sum(tries) FROM meter_events") == 1


async def test_usage_too_old_for_stripe_is_refused_and_logged(real: AppState, local: StripeProcess, user: User) -> None:
    entry = await use(real.pool, user, 8)
    await run(real.pool, "UPDATE meter_events SET occurred_at = now() - interval '34 days 1 hour'")
    async with real.pool.acquire() as db:
        (sentence,) = await health.list_troubles(db)
    assert "34 days" in sentence
    await run(real.pool, "UPDATE meter_events SET occurred_at = now() - interval '35 days 1 hour'")
    await UsageReporter(real.pool, local.stripe).drain()
    assert await states(real.pool) == {entry: "refused"}


async def test_an_error_report_refuses_the_entries_it_names(real: AppState, local: StripeProcess, user: User) -> None:
    """A customer deleted at Stripe: the event is taken, and reported some time after."""
    good, bad = await use(real.pool, user, 8), await use(real.pool, user, 5)
    await run(real.pool, f"UPDATE meter_events SET not_before = now() + interval '1 hour' WHERE entry_id = '{bad}'")
    await UsageReporter(real.pool, local.stripe).drain()
    await EventDestinations(local.stripe).create_target("http://127.0.0.1:9/", "for reports")
    await local.stripe.request_without_answer(lambda c: c.v1.customers.delete_async(user.customer))
    await run(real.pool, "UPDATE meter_events SET not_before = now()")
    await UsageReporter(real.pool, local.stripe).drain()
    assert await states(real.pool) == {good: "sent", bad: "sent"}
    await local.call_control_route("clock", seconds=60)
    (report,) = [one["body_of"] for one in (await local.web.get("/_local/deliveries")).json()["data"]]
    about = InboxEvent(report, "billing.meter.error_report_triggered", REPORT, report, 1)
    await EventHandlers(real.pool, local.stripe, SOLD).apply_event(about)
    assert await states(real.pool) == {good: "sent", bad: "refused"}
    async with real.pool.acquire() as db:
        (sentence,) = await health.list_troubles(db)
    assert "meter_event_customer_not_found" in sentence
    assert "users.stripe_customer" in sentence
    await relinked(real, local, user, bad)


async def relinked(real: AppState, local: StripeProcess, user: User, entry: str) -> None:
    """Whoever is linked anew is billed after all, once Stripe has forgotten the identifier."""
    made = await customers.create_customer(local.stripe, user.id, "x@example.org", instead_of=user.customer)
    await run(real.pool, f"UPDATE users SET stripe_customer = '{made.id}' WHERE id = '{user.id}'")
    assert await metering.requeue_refused(real.pool) == 0
    await a_day_later(real, local)
    assert await metering.requeue_refused(real.pool) == 1
    await UsageReporter(real.pool, local.stripe).drain()
    assert (await states(real.pool))[entry] == "sent"
    assert await total(local.stripe, User(user.id, made.id)) == 5


async def test_usage_without_a_customer_waits(real: AppState, local: StripeProcess, user: User) -> None:
    entry = await use(real.pool, user, 8)
    await run(real.pool, "UPDATE users SET stripe_customer = NULL")
    await UsageReporter(real.pool, local.stripe).drain()
    assert await states(real.pool) == {entry: "waiting"}
    async with real.pool.acquire() as db:
        assert (await meter_events.read_outbox_status(db)).error == metering.NO_CUSTOMER


@pytest.mark.parametrize(
    ("doubtful", "missing", "found"),
    [
        ({"a": 8}, 8, {"a"}),
        ({"a": 8}, 0, set()),
        ({"a": 8}, 5, None),
        ({"a": 8, "b": 5}, 5, {"b"}),
        ({"a": 8, "b": 8}, 8, None),
        ({"a": 8, "b": 8}, 16, {"a", "b"}),
        ({"a": 3, "b": 5, "c": 8}, 8, None),
        ({}, 0, set()),
        ({}, 3, None),
        ({f"{number}": 2**number for number in range(12)}, 1365, {f"{number}" for number in range(0, 12, 2)}),
        ({f"{number}": 2**number for number in range(13)}, 1365, None),
        ({f"{number}": 1 for number in range(13)}, 13, {f"{number}" for number in range(13)}),
    ],
)
def test_sums_are_read_only_one_way(doubtful: dict[str, int], missing: int, found: set[str] | None) -> None:
    assert infer_counted_entries(doubtful, missing) == found


def test_a_report_may_name_the_request_by_its_key() -> None:
    entry = ids.new_id("entry")
    assert metering.ENTRY_ID.findall(f"meter:{entry}:3") == [entry]
