"""Event handlers: a subscription gives its plan, its invoice the credits, and a duplicate is undone."""

from __future__ import annotations

import msgspec

from api.billing.events.handlers import EventHandlers
from api.billing.events.inbox import Inbox
from api.billing.stripe import reads
from api.billing.tariff.tariff import Tariff
from api.http.state import AppState
from api.sql import stripe_events
from tests.support.customer_histories import SOLD, CustomerActions
from tests.support.stripe_process import StripeProcess
from tests.support.subscribers import apply_event, create_subscriber, find_plan, insert_event, list_lots


async def test_a_subscription_gives_its_plan_and_its_invoice_the_credits(
    isolated_state: AppState, stripe_process: StripeProcess
) -> None:
    user = await create_subscriber(isolated_state, stripe_process)
    await apply_event(isolated_state, stripe_process, "subscription", user.subscription)
    assert await find_plan(isolated_state.pool, user) == ("plus", 1)
    assert await list_lots(isolated_state.pool, user) == {}
    seen = await reads.retrieve_subscription(stripe_process.stripe, user.subscription)
    for _ in range(2):
        await apply_event(isolated_state, stripe_process, "invoice", seen.latest_invoice or "")
    assert list((await list_lots(isolated_state.pool, user)).values()) == [(3000, 3000)]


async def test_a_version_that_the_tariff_lacks_is_an_error_with_advice(
    isolated_state: AppState, stripe_process: StripeProcess
) -> None:
    user = await create_subscriber(isolated_state, stripe_process)
    await insert_event(isolated_state.pool, "evt_1", "subscription", user.subscription)
    changed = [msgspec.structs.replace(one, version=2) if one.name == "plus" else one for one in SOLD.plans]
    lacking: Tariff = msgspec.structs.replace(SOLD, plans=changed)
    await Inbox(
        isolated_state.pool, EventHandlers(isolated_state.pool, stripe_process.stripe, lacking).apply_event
    ).drain()
    async with isolated_state.pool.acquire() as db:
        assert "put it back into the file" in ((await stripe_events.read_inbox_status(db)).error or "")


async def test_a_second_subscription_is_ended_and_refunded(
    isolated_state: AppState, stripe_process: StripeProcess
) -> None:
    """Two phones, two pages, two payments: whichever is heard of first."""
    for turned in (False, True):
        user = await create_subscriber(isolated_state, stripe_process)
        first = user.subscription
        await stripe_process.call_control_route("clock", seconds=1)
        await CustomerActions(stripe_process, [isolated_state.pool])._subscribe(user)
        heard = [first, user.subscription]
        for name in reversed(heard) if turned else heard:
            await apply_event(isolated_state, stripe_process, "subscription", name)
        assert [(await reads.retrieve_subscription(stripe_process.stripe, name)).status for name in heard] == [
            "active",
            "canceled",
        ]
        ended = await reads.retrieve_subscription(stripe_process.stripe, user.subscription)
        invoice = await reads.retrieve_invoice(stripe_process.stripe, ended.latest_invoice or "")
        (refund,) = await reads.list_refunds(stripe_process.stripe, invoice.payment_intent or "")
        assert refund.amount == 999
        await apply_event(isolated_state, stripe_process, "invoice", invoice.id)
        await apply_event(isolated_state, stripe_process, "refund", refund.id)
        assert await find_plan(isolated_state.pool, user) == ("plus", 1)
        assert list((await list_lots(isolated_state.pool, user)).values()) == [(3000, 0)]


async def test_an_older_subscription_that_has_ended_ends_no_other(
    isolated_state: AppState, stripe_process: StripeProcess
) -> None:
    """Our row of it is old: its own event is still on the way."""
    user = await create_subscriber(isolated_state, stripe_process)
    await apply_event(isolated_state, stripe_process, "subscription", user.subscription)
    await stripe_process.stripe.request_without_answer(lambda c: c.v1.subscriptions.cancel_async(user.subscription))
    await stripe_process.call_control_route("clock", seconds=1)
    await CustomerActions(stripe_process, [isolated_state.pool])._subscribe(user)
    await apply_event(isolated_state, stripe_process, "subscription", user.subscription)
    assert (await reads.retrieve_subscription(stripe_process.stripe, user.subscription)).status == "active"
