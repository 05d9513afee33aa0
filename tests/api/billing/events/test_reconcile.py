"""Reconciliation: undelivered events and overdue subscriptions, once a day and on demand."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE

import msgspec

from api.billing.events import health, reconcile
from api.billing.events.handlers import EventHandlers
from api.billing.events.inbox import Inbox
from api.billing.stripe.event_types import EVENTS, RENEWAL
from api.http.state import AppState
from api.sql import stripe_events
from tests.support.customer_histories import SOLD
from tests.support.stripe_process import StripeProcess
from tests.support.subscribers import apply_event, create_subscriber, find_plan, insert_event, list_lots, run_query


async def test_undelivered_events_are_fetched_once_a_day(
    isolated_state: AppState, stripe_process: StripeProcess
) -> None:
    await stripe_process.add_webhook_endpoint("http://127.0.0.1:9/", list(EVENTS))
    user = await create_subscriber(isolated_state, stripe_process)
    await stripe_process.call_control_route("deliveries/flush")
    found = await reconcile.reconcile_daily(isolated_state.pool, stripe_process.stripe)
    assert found
    assert found.undelivered >= 3
    assert await reconcile.reconcile_daily(isolated_state.pool, stripe_process.stripe) is None
    await Inbox(
        isolated_state.pool, EventHandlers(isolated_state.pool, stripe_process.stripe, SOLD).apply_event
    ).drain()
    assert await find_plan(isolated_state.pool, user) == ("plus", 1)
    assert list((await list_lots(isolated_state.pool, user)).values()) == [(3000, 3000)]
    again = await reconcile.reconcile_account(isolated_state.pool, stripe_process.stripe)
    assert again.undelivered == 0


async def test_an_overdue_subscription_is_read_with_its_invoice(
    isolated_state: AppState, stripe_process: StripeProcess
) -> None:
    user = await create_subscriber(isolated_state, stripe_process)
    await apply_event(isolated_state, stripe_process, "subscription", user.subscription)
    await run_query(
        isolated_state.pool,
        "UPDATE subscriptions SET period_end = now() - interval '2 hours', synced_at = now() - interval '2 hours'",
    )
    for looks in (1, 0):
        assert (await reconcile.reconcile_account(isolated_state.pool, stripe_process.stripe)).overdue == looks
    async with isolated_state.pool.acquire() as db:
        assert await db.fetchval("SELECT object_type FROM stripe_events") == RENEWAL
    await Inbox(
        isolated_state.pool, EventHandlers(isolated_state.pool, stripe_process.stripe, SOLD).apply_event
    ).drain()
    assert list((await list_lots(isolated_state.pool, user)).values()) == [(3000, 3000)]
    async with isolated_state.pool.acquire() as db:
        assert await db.fetchval("SELECT period_end > now() FROM subscriptions")


async def test_reconciliation_is_retried_soon_after_an_outage(
    isolated_state: AppState, stripe_process: StripeProcess
) -> None:
    await stripe_process.call_control_route("faults", kind="500_before", route="GET /v1/events", count=None)
    assert await reconcile.reconcile_daily(isolated_state.pool, stripe_process.stripe) is None
    await stripe_process.http_client.delete("/_local/faults")
    assert await reconcile.reconcile_daily(isolated_state.pool, stripe_process.stripe) is None
    await run_query(isolated_state.pool, "UPDATE chores SET done_at = done_at - interval '61 minutes'")
    assert await reconcile.reconcile_daily(isolated_state.pool, stripe_process.stripe)


async def test_on_demand_parked_events_become_due(isolated_state: AppState, stripe_process: StripeProcess) -> None:
    await insert_event(isolated_state.pool, "evt_1", "invoice", "in_1")
    await run_query(
        isolated_state.pool, "UPDATE stripe_events SET not_before = 'infinity', tries = 20, error = 'TariffError: x'"
    )
    async with isolated_state.pool.acquire() as db:
        (sentence,) = await health.list_troubles(db)
    assert "1 events from Stripe could not be applied for a day" in sentence
    said = await reconcile.reconcile_now(
        msgspec.structs.replace(stripe_process.settings, database_url=isolated_state.settings.database_url)
    )
    assert said[1].startswith("1 events wait")
    async with isolated_state.pool.acquire() as db:
        assert (await stripe_events.read_inbox_status(db)).parked == 0


async def test_the_command_reconciles(isolated_state: AppState, stripe_process: StripeProcess) -> None:
    await insert_event(isolated_state.pool, "evt_1", "invoice", "in_1")
    await run_query(isolated_state.pool, "UPDATE stripe_events SET not_before = 'infinity'")
    settings = msgspec.structs.replace(stripe_process.settings, database_url=isolated_state.settings.database_url)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api.cli", "stripe", "reconcile", stdout=PIPE, env=os.environ | settings.to_environment()
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    assert b"1 events wait to be applied" in said
