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


async def test_a_subscription_gives_its_plan_and_its_invoice_the_credits(real: AppState, local: StripeProcess) -> None:
    user = await create_subscriber(real, local)
    await apply_event(real, local, "subscription", user.subscription)
    assert await find_plan(real.pool, user) == ("plus", 1)
    assert await list_lots(real.pool, user) == {}
    seen = await reads.retrieve_subscription(local.stripe, user.subscription)
    for _ in range(2):
        await apply_event(real, local, "invoice", seen.latest_invoice or "")
    assert list((await list_lots(real.pool, user)).values()) == [(3000, 3000)]


async def test_a_version_that_the_tariff_lacks_is_an_error_with_advice(real: AppState, local: StripeProcess) -> None:
    user = await create_subscriber(real, local)
    await insert_event(real.pool, "evt_1", "subscription", user.subscription)
    changed = [msgspec.structs.replace(one, version=2) if one.name == "plus" else one for one in SOLD.plans]
    lacking: Tariff = msgspec.structs.replace(SOLD, plans=changed)
    await Inbox(real.pool, EventHandlers(real.pool, local.stripe, lacking).apply_event).drain()
    async with real.pool.acquire() as db:
        assert "put it back into the file" in ((await stripe_events.read_inbox_status(db)).error or "")


async def test_a_second_subscription_is_ended_and_refunded(real: AppState, local: StripeProcess) -> None:
    """Two phones, two pages, two payments: whichever is heard of first."""
    for turned in (False, True):
        user = await create_subscriber(real, local)
        first = user.subscription
        await local.call_control_route("clock", seconds=1)
        await CustomerActions(local, [real.pool])._subscribe(user)
        heard = [first, user.subscription]
        for name in reversed(heard) if turned else heard:
            await apply_event(real, local, "subscription", name)
        assert [(await reads.retrieve_subscription(local.stripe, name)).status for name in heard] == [
            "active",
            "canceled",
        ]
        ended = await reads.retrieve_subscription(local.stripe, user.subscription)
        invoice = await reads.retrieve_invoice(local.stripe, ended.latest_invoice or "")
        (refund,) = await reads.list_refunds(local.stripe, invoice.payment_intent or "")
        assert refund.amount == 999
        await apply_event(real, local, "invoice", invoice.id)
        await apply_event(real, local, "refund", refund.id)
        assert await find_plan(real.pool, user) == ("plus", 1)
        assert list((await list_lots(real.pool, user)).values()) == [(3000, 0)]


async def test_an_older_subscription_that_has_ended_ends_no_other(real: AppState, local: StripeProcess) -> None:
    """Our row of it is old: its own event is still on the way."""
    user = await create_subscriber(real, local)
    await apply_event(real, local, "subscription", user.subscription)
    await local.stripe.request_without_answer(lambda c: c.v1.subscriptions.cancel_async(user.subscription))
    await local.call_control_route("clock", seconds=1)
    await CustomerActions(local, [real.pool])._subscribe(user)
    await apply_event(real, local, "subscription", user.subscription)
    assert (await reads.retrieve_subscription(local.stripe, user.subscription)).status == "active"
