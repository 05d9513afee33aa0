"""Overage reaches Stripe's meter: each entry once, whatever fails, and after a day not again without a check."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from api import ids
from api.billing.events import health, metering
from api.billing.events.handlers import EventHandlers
from api.billing.events.metering import infer_counted_entries
from api.billing.stripe import meters
from api.billing.stripe.event_destinations import EventDestinations
from api.billing.stripe.event_types import REPORT
from api.http.state import AppState
from api.sql import meter_events
from api.sql.stripe_events import InboxEvent
from tests.support.customer_histories import SOLD
from tests.support.metered_subscriber import (
    HOUR,
    METER_EVENTS_ROUTE,
    MeteredSubscriber,
    create_metered_subscriber,
)
from tests.support.stripe_process import StripeProcess


@pytest.fixture
async def subscriber(isolated_state: AppState, stripe_process: StripeProcess) -> MeteredSubscriber:
    return await create_metered_subscriber(isolated_state.pool, stripe_process)


async def test_each_entry_is_billed_once_whatever_goes_wrong(subscriber: MeteredSubscriber) -> None:
    amounts = range(1, 61)
    for amount in amounts:
        await subscriber.spend_overage(amount)
    for seed, kind in enumerate(("500_after", "reset_after", "500_before", "reset_before", "429", "409")):
        await subscriber.stripe_process.call_control_route(
            "faults", kind=kind, route=METER_EVENTS_ROUTE, count=None, probability=0.12, seed=seed
        )
    async with asyncio.timeout(60):
        while "waiting" in (await subscriber.meter_event_states()).values():
            await asyncio.gather(*(subscriber.report_usage() for _ in range(4)))
            await subscriber.make_all_due()
    assert await subscriber.counted_credits() == sum(amounts)
    faults = (await subscriber.stripe_process.http_client.get("/_local/faults")).json()["requests"]["struck"]
    assert len(faults) == 6, faults


async def test_a_meter_event_carries_the_time_of_its_settlement(subscriber: MeteredSubscriber) -> None:
    await subscriber.spend_overage(8)
    await subscriber.move_usage_back(5 * HOUR)
    await subscriber.report_usage()
    then = metering.hour_start(datetime.now(UTC) - 5 * HOUR)
    stripe = subscriber.stripe_process.stripe
    assert await meters.sum_counted_credits(stripe, subscriber.customer, then, then + HOUR) == 8


async def test_within_a_day_it_is_sent_again_under_the_same_identifier(subscriber: MeteredSubscriber) -> None:
    entry = await subscriber.spend_overage(8)
    for _ in range(3):
        await subscriber.report_usage()
        assert await subscriber.meter_event_states() == {entry: "sent"}
        await subscriber.execute("UPDATE meter_events SET state = 'waiting', not_before = now()")
    assert await subscriber.counted_credits() == 8


async def test_after_a_day_counted_usage_is_not_sent_again(subscriber: MeteredSubscriber) -> None:
    entry = await subscriber.spend_overage(8)
    await subscriber.lose_report(entry, arrived=True)
    await subscriber.let_a_day_pass()
    await subscriber.report_usage()
    assert await subscriber.meter_event_states() == {entry: "sent"}
    assert await subscriber.counted_credits() == 8


async def test_after_a_day_uncounted_usage_is_sent(subscriber: MeteredSubscriber) -> None:
    entry = await subscriber.spend_overage(8)
    await subscriber.lose_report(entry, arrived=False)
    assert await subscriber.meter_event_states() == {entry: "waiting"}
    await subscriber.let_a_day_pass()
    await subscriber.report_usage()
    assert await subscriber.meter_event_states() == {entry: "sent"}
    assert await subscriber.counted_credits() == 8


async def test_sums_tell_which_of_several_arrived(subscriber: MeteredSubscriber) -> None:
    known = await subscriber.spend_overage(4)
    await subscriber.report_usage()
    arrived = await subscriber.spend_overage(8)
    await subscriber.lose_report(arrived, arrived=True)
    missing = await subscriber.spend_overage(5)
    await subscriber.lose_report(missing, arrived=False)
    await subscriber.let_a_day_pass()
    await subscriber.report_usage()
    assert await subscriber.meter_event_states() == dict.fromkeys((known, arrived, missing), "sent")
    assert await subscriber.counted_credits() == 17


async def test_ambiguous_sums_are_left_to_the_operator(subscriber: MeteredSubscriber) -> None:
    first = await subscriber.spend_overage(8)
    await subscriber.lose_report(first, arrived=True)
    second = await subscriber.spend_overage(8)
    await subscriber.lose_report(second, arrived=False)
    await subscriber.let_a_day_pass()
    await subscriber.report_usage()
    assert await subscriber.meter_event_states() == {first: "unclear", second: "unclear"}
    assert await subscriber.counted_credits() == 8
    async with subscriber.pool.acquire() as db:
        (sentence,) = await health.list_troubles(db)
    assert "2 entries" in sentence


async def test_an_hour_is_not_resolved_while_an_entry_is_under_way(subscriber: MeteredSubscriber) -> None:
    """Stripe counts asynchronously, so an entry reported a moment ago may be missing from the sum."""
    doubtful = await subscriber.spend_overage(8)
    await subscriber.lose_report(doubtful, arrived=True)
    await subscriber.let_a_day_pass()
    recent = await subscriber.spend_overage(8)
    await subscriber.report_usage()
    assert await subscriber.meter_event_states() == {doubtful: "waiting", recent: "sent"}
    await subscriber.execute(
        """
        UPDATE meter_events
        SET sent_at = sent_at - interval '2 hours', not_before = now()
        """
    )
    await subscriber.report_usage()
    assert await subscriber.meter_event_states() == {doubtful: "sent", recent: "sent"}
    assert await subscriber.counted_credits() == 16


async def test_an_outage_of_stripe_costs_one_try_and_ends_the_round(subscriber: MeteredSubscriber) -> None:
    for amount in (1, 2, 3):
        await subscriber.spend_overage(amount)
    await subscriber.stripe_process.call_control_route(
        "faults", kind="500_before", route=METER_EVENTS_ROUTE, count=None
    )
    await subscriber.report_usage()
    async with subscriber.pool.acquire() as db:
        assert await db.fetchval("SELECT sum(tries) FROM meter_events") == 1


async def test_usage_too_old_for_stripe_is_refused_and_logged(subscriber: MeteredSubscriber) -> None:
    entry = await subscriber.spend_overage(8)
    await subscriber.move_usage_back(timedelta(days=34, hours=1))
    async with subscriber.pool.acquire() as db:
        (sentence,) = await health.list_troubles(db)
    assert "34 days" in sentence
    await subscriber.move_usage_back(timedelta(days=35, hours=1))
    await subscriber.report_usage()
    assert await subscriber.meter_event_states() == {entry: "refused"}


async def test_an_error_report_refuses_the_entries_it_names(subscriber: MeteredSubscriber) -> None:
    """A customer deleted at Stripe: the event is accepted, and reported some time later.

    With a new customer the usage is billed after all, once Stripe has forgotten the identifier.
    """
    good, bad = await subscriber.spend_overage(8), await subscriber.spend_overage(5)
    await subscriber.execute(
        """
        UPDATE meter_events
        SET not_before = now() + interval '1 hour'
        WHERE entry_id = $1
        """,
        bad,
    )
    await subscriber.report_usage()
    stripe_process = subscriber.stripe_process
    await EventDestinations(stripe_process.stripe).create_target("http://127.0.0.1:9/", "for reports")
    await stripe_process.stripe.request_without_answer(lambda c: c.v1.customers.delete_async(subscriber.customer))
    await subscriber.make_all_due()
    await subscriber.report_usage()
    assert await subscriber.meter_event_states() == {good: "sent", bad: "sent"}
    await stripe_process.call_control_route("clock", seconds=60)
    deliveries = (await stripe_process.http_client.get("/_local/deliveries")).json()["data"]
    (report,) = [delivery["body_of"] for delivery in deliveries]
    event = InboxEvent(report, "billing.meter.error_report_triggered", REPORT, report, 1)
    await EventHandlers(subscriber.pool, stripe_process.stripe, SOLD).apply_event(event)
    assert await subscriber.meter_event_states() == {good: "sent", bad: "refused"}
    async with subscriber.pool.acquire() as db:
        (sentence,) = await health.list_troubles(db)
    assert "meter_event_customer_not_found" in sentence
    assert "users.stripe_customer" in sentence

    await subscriber.link_new_customer()
    assert await metering.requeue_refused(subscriber.pool) == 0
    await subscriber.let_a_day_pass()
    assert await metering.requeue_refused(subscriber.pool) == 1
    await subscriber.report_usage()
    assert (await subscriber.meter_event_states())[bad] == "sent"
    assert await subscriber.counted_credits() == 5


async def test_usage_without_a_customer_waits(subscriber: MeteredSubscriber) -> None:
    entry = await subscriber.spend_overage(8)
    await subscriber.execute("UPDATE users SET stripe_customer = NULL")
    await subscriber.report_usage()
    assert await subscriber.meter_event_states() == {entry: "waiting"}
    async with subscriber.pool.acquire() as db:
        assert (await meter_events.read_outbox_status(db)).error == metering.NO_CUSTOMER


@pytest.mark.parametrize(
    ("doubtful", "missing", "counted"),
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
def test_sums_are_read_only_one_way(doubtful: dict[str, int], missing: int, counted: set[str] | None) -> None:
    assert infer_counted_entries(doubtful, missing) == counted


def test_a_report_may_name_the_request_by_its_key() -> None:
    entry = ids.new_id("entry")
    assert metering.ENTRY_ID.findall(f"meter:{entry}:3") == [entry]
