"""What workers do with what Stripe tells: in one pair of hands, by the present object, at a bell, and once a day."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from redis.asyncio import Redis

from api.billing.events import health, reconcile
from api.billing.events.handlers import EventHandlers
from api.billing.events.inbox import Inbox
from api.billing.events.payments import PaymentHandlers
from api.billing.events.receive import BELL
from api.billing.events.worker import BillingWorker
from api.billing.stripe import checkout_sessions, lookup_keys, reads
from api.billing.stripe import subscriptions as stripe_subscriptions
from api.billing.stripe.client import Call, Stripe, T
from api.billing.stripe.event_types import EVENTS, RENEWAL
from api.billing.stripe.invoice_objects import Refund
from api.billing.stripe.lookup_keys import PriceCatalog
from api.billing.stripe.objects import StripeList, StripeSubscription
from api.billing.subscriptions.sync import sync_subscription
from api.billing.tariff.tariff import Tariff
from api.http.metrics import REGISTRY, Observer
from api.http.state import AppState
from api.local import doctor
from api.messaging.wakeups import Listener
from api.settings import Settings
from api.sql import stripe_events
from api.sql.connection import Pool
from api.sql.stripe_events import InboxEvent
from api.worker import main
from tests.support.customer_histories import SOLD, History, World
from tests.support.stripe_process import Local, running

SECRET = "whsec_till"


@pytest.fixture(scope="module")
async def account(base_settings: Settings) -> AsyncIterator[Local]:
    async with running(base_settings) as found:
        yield found


@pytest.fixture
async def local(account: Local) -> Local:
    """The double as new, on the real clock."""
    await account.renew()
    return account


async def subscriber(real: AppState, local: Local, kind: str = "plus", *, number: int = 1) -> History:
    """Somebody who has just bought something, of whom we have heard nothing yet. The number chooses the card."""
    somebody = History(number, kind, [])
    await World(local, [real.pool]).begin(somebody)
    return somebody


async def plan(pool: Pool, user: History) -> tuple[str, int | None]:
    async with pool.acquire() as db:
        row = await db.fetchrow("SELECT plan, plan_version FROM users WHERE id = $1", user.user_id)
    return row["plan"], row["plan_version"]


async def lots(pool: Pool, user: History) -> dict[str, tuple[int, int]]:
    """(granted, remaining) by bucket and source of the key."""
    async with pool.acquire() as db:
        rows = await db.fetch("SELECT key, granted, remaining FROM lots WHERE user_id = $1 ORDER BY id", user.user_id)
    return {row["key"]: (row["granted"], row["remaining"]) for row in rows}


async def apply(real: AppState, local: Local, kind: str, name: str) -> None:
    await EventHandlers(real.pool, local.stripe, SOLD).apply_event(InboxEvent("evt", "x", kind, name, 1))


async def run(pool: Pool, query: str, *values: Any) -> None:
    async with pool.acquire() as db:
        await db.execute(query, *values)


# -- one pair of hands ----------------------------------------------------------------------------------------


class Dawdling(Stripe):
    """A Stripe whose answers of one kind are looked at late."""

    def __init__(self, settings: Settings, shape: type) -> None:
        super().__init__(settings, pause=0.02)
        self.read, self.go_on = asyncio.Event(), asyncio.Event()
        self._late = shape

    async def request(self, call: Call, shape: type[T]) -> T:
        answer = await super().request(call, shape)
        await self._dawdle(shape)
        return answer

    async def list_all(self, call: Call, shape: type[T]) -> AsyncIterator[T]:
        elements = [element async for element in super().list_all(call, shape)]
        await self._dawdle(shape)
        for element in elements:
            yield element

    async def _dawdle(self, shape: type) -> None:
        if shape is self._late:
            self.read.set()
            await self.go_on.wait()


async def overtaken(
    pool: Pool, slow: Dawdling, first: Awaitable[Any], change: Callable[[], Awaitable[Any]], second: Awaitable[Any]
) -> None:
    """One worker reads and is slow to write; the object changes, and another worker hears of it."""
    one = asyncio.ensure_future(first)
    await slow.read.wait()
    await change()
    two = asyncio.ensure_future(second)
    while not two.done() and not await waits(pool):  # noqa: ASYNC110 - PostgreSQL tells nobody who waits
        await asyncio.sleep(0.01)
    slow.go_on.set()
    await asyncio.gather(one, two)
    await slow.close()


async def waits(pool: Pool) -> bool:
    async with pool.acquire() as db:
        return bool(await db.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))


async def test_what_was_read_first_is_never_written_last(real: AppState, local: Local) -> None:
    user = await subscriber(real, local)
    slow = Dawdling(local.settings, StripeSubscription)
    await overtaken(
        real.pool,
        slow,
        sync_subscription(real.pool, slow, SOLD, user.subscription),
        lambda: local.stripe.request_without_answer(lambda c: c.v1.subscriptions.cancel_async(user.subscription)),
        sync_subscription(real.pool, local.stripe, SOLD, user.subscription),
    )
    assert await plan(real.pool, user) == ("free", None)


async def test_claims_on_a_payment_take_turns(real: AppState, local: Local) -> None:
    """A refund that was seen on its way and has failed since must not be taken back after all."""
    user = await subscriber(real, local, "packs", number=8)
    (payment,) = (await local.call("GET", "/v1/payment_intents", customer=user.customer))["data"]
    await local.call("POST", "/v1/refunds", payment_intent=payment["id"])
    slow = Dawdling(local.settings, Refund)
    await overtaken(
        real.pool,
        slow,
        PaymentHandlers(real.pool, slow, SOLD).apply_payment(payment["id"]),
        lambda: local.control("clock", days=1),
        PaymentHandlers(real.pool, local.stripe, SOLD).apply_payment(payment["id"]),
    )
    assert [one.status for one in await reads.list_refunds(local.stripe, payment["id"])] == ["failed"]
    ((granted, remaining),) = (await lots(real.pool, user)).values()
    assert granted == remaining > 0


# -- what follows ---------------------------------------------------------------------------------------------


async def test_a_subscription_gives_its_plan_and_its_invoice_the_credits(real: AppState, local: Local) -> None:
    user = await subscriber(real, local)
    await apply(real, local, "subscription", user.subscription)
    assert await plan(real.pool, user) == ("plus", 1)
    assert await lots(real.pool, user) == {}
    seen = await reads.retrieve_subscription(local.stripe, user.subscription)
    for _ in range(2):
        await apply(real, local, "invoice", seen.latest_invoice or "")
    assert list((await lots(real.pool, user)).values()) == [(3000, 3000)]


async def test_a_refund_that_is_heard_of_first_takes_back_all_the_same(real: AppState, local: Local) -> None:
    user = await subscriber(real, local)
    seen = await reads.retrieve_subscription(local.stripe, user.subscription)
    payment = (await reads.retrieve_invoice(local.stripe, seen.latest_invoice or "")).payment_intent
    refund = await local.call("POST", "/v1/refunds", payment_intent=payment, amount=333)
    await apply(real, local, "refund", refund["id"])
    await apply(real, local, "charge", refund["charge"])
    await apply(real, local, "invoice", seen.latest_invoice or "")
    assert list((await lots(real.pool, user)).values()) == [(3000, 2000)]


async def test_a_subscription_of_nobody_here_is_left_alone(real: AppState, local: Local) -> None:
    user = await subscriber(real, local)
    await run(real.pool, "UPDATE users SET stripe_customer = 'cus_another'")
    seen = await reads.retrieve_subscription(local.stripe, user.subscription)
    await apply(real, local, "subscription", user.subscription)
    await apply(real, local, "invoice", seen.latest_invoice or "")
    assert await plan(real.pool, user) == ("free", None)
    assert await lots(real.pool, user) == {}


async def test_a_subscription_that_is_known_ends_whoever_its_customer_is_now(real: AppState, local: Local) -> None:
    """The customer was deleted at Stripe, which ends the subscription, and another was made before that was heard."""
    user = await subscriber(real, local)
    await apply(real, local, "subscription", user.subscription)
    await run(real.pool, "UPDATE users SET stripe_customer = 'cus_another'")
    seen = await reads.retrieve_subscription(local.stripe, user.subscription)
    await apply(real, local, "invoice", seen.latest_invoice or "")
    assert list((await lots(real.pool, user)).values()) == [(3000, 3000)]
    await stripe_subscriptions.cancel_now(local.stripe, user.subscription)
    await apply(real, local, "subscription", user.subscription)
    assert await plan(real.pool, user) == ("free", None)


async def test_a_subscription_that_is_known_ends_whatever_its_price_is_now(real: AppState, local: Local) -> None:
    """Somebody has agreed another price with the customer, by hand at Stripe."""
    user = await subscriber(real, local)
    await apply(real, local, "subscription", user.subscription)
    by_hand = Agreeing(local.settings, pause=0.02)
    await sync_subscription(real.pool, by_hand, SOLD, user.subscription)
    assert await plan(real.pool, user) == ("plus", 1)
    await stripe_subscriptions.cancel_now(local.stripe, user.subscription)
    await sync_subscription(real.pool, by_hand, SOLD, user.subscription)
    assert await plan(real.pool, user) == ("free", None)
    await by_hand.close()


class Agreeing(Stripe):
    """A Stripe whose subscriptions are for prices that were agreed, and not for those of the tariff."""

    async def request(self, call: Call, shape: type[T]) -> T:
        answer = await super().request(call, shape)
        if not isinstance(answer, StripeSubscription):
            return answer
        items = [
            msgspec.structs.replace(item, price=msgspec.structs.replace(item.price, lookup_key=None))
            for item in answer.items.data
        ]
        return msgspec.structs.replace(answer, items=StripeList(items))


async def test_a_plan_that_was_given_outlasts_news_of_a_subscription_that_is_over(real: AppState, local: Local) -> None:
    user = await subscriber(real, local)
    await apply(real, local, "subscription", user.subscription)
    await stripe_subscriptions.cancel_now(local.stripe, user.subscription)
    await apply(real, local, "subscription", user.subscription)
    assert await plan(real.pool, user) == ("free", None)
    await run(real.pool, "UPDATE users SET plan = 'pro'")
    await apply(real, local, "subscription", user.subscription)
    assert await plan(real.pool, user) == ("pro", None)
    await World(local, [real.pool])._subscribe(user)
    await apply(real, local, "subscription", user.subscription)
    assert await plan(real.pool, user) == ("plus", 1)


async def test_a_version_that_the_tariff_has_lost_is_an_error_and_says_so(real: AppState, local: Local) -> None:
    user = await subscriber(real, local)
    await put(real.pool, "evt_1", "subscription", user.subscription)
    changed = [msgspec.structs.replace(one, version=2) if one.name == "plus" else one for one in SOLD.plans]
    lacking: Tariff = msgspec.structs.replace(SOLD, plans=changed)
    await Inbox(real.pool, EventHandlers(real.pool, local.stripe, lacking).apply_event).drain()
    async with real.pool.acquire() as db:
        assert "put it back into the file" in ((await stripe_events.read_inbox_status(db)).error or "")


async def test_a_second_subscription_is_ended_and_paid_back(real: AppState, local: Local) -> None:
    """Two phones, two pages, two payments: whichever is heard of first."""
    for turned in (False, True):
        user = await subscriber(real, local)
        first = user.subscription
        await local.control("clock", seconds=1)
        await World(local, [real.pool])._subscribe(user)
        heard = [first, user.subscription]
        for name in reversed(heard) if turned else heard:
            await apply(real, local, "subscription", name)
        assert [(await reads.retrieve_subscription(local.stripe, name)).status for name in heard] == [
            "active",
            "canceled",
        ]
        ended = await reads.retrieve_subscription(local.stripe, user.subscription)
        invoice = await reads.retrieve_invoice(local.stripe, ended.latest_invoice or "")
        (refund,) = await reads.list_refunds(local.stripe, invoice.payment_intent or "")
        assert refund.amount == 999
        await apply(real, local, "invoice", invoice.id)
        await apply(real, local, "refund", refund.id)
        assert await plan(real.pool, user) == ("plus", 1)
        assert list((await lots(real.pool, user)).values()) == [(3000, 0)]


async def test_an_elder_subscription_that_has_ended_meanwhile_ends_no_other(real: AppState, local: Local) -> None:
    """Our row of it is old: its own event is still on the way."""
    user = await subscriber(real, local)
    await apply(real, local, "subscription", user.subscription)
    await local.stripe.request_without_answer(lambda c: c.v1.subscriptions.cancel_async(user.subscription))
    await local.control("clock", seconds=1)
    await World(local, [real.pool])._subscribe(user)
    await apply(real, local, "subscription", user.subscription)
    assert (await reads.retrieve_subscription(local.stripe, user.subscription)).status == "active"


async def test_a_page_that_nobody_paid_at_is_closed(real: AppState, local: Local) -> None:
    user = await subscriber(real, local, "packs")
    (price,) = await PriceCatalog(local.stripe).find_prices(lookup_keys.pack_key(SOLD.find_pack("small")))
    world = World(local, [real.pool])
    order = world._order(user, price=price)
    session = await checkout_sessions.create_pack_checkout(local.stripe, order)
    await world._bought(user, order, "pack", "small", session.id)
    await apply(real, local, "checkout.session", session.id)
    await checkout_sessions.expire_session(local.stripe, session.id)
    await apply(real, local, "checkout.session", session.id)
    async with real.pool.acquire() as db:
        assert await db.fetchval("SELECT state FROM checkouts WHERE id = $1", order.id) == "expired"
    assert await lots(real.pool, user) == {}


# -- what was not heard of --------------------------------------------------------------------------------------


async def put(pool: Pool, name: str, kind: str, about: str) -> None:
    async with pool.acquire() as db:
        await stripe_events.insert_event(
            db, id=name, type="x", object_type=kind, object_id=about, occurred_at=datetime.now(UTC)
        )


async def test_what_did_not_arrive_is_fetched_once_a_day(real: AppState, local: Local) -> None:
    await local.listen("http://127.0.0.1:9/", list(EVENTS))
    user = await subscriber(real, local)
    await local.control("deliveries/flush")
    found = await reconcile.reconcile_daily(real.pool, local.stripe)
    assert found
    assert found.undelivered >= 3
    assert await reconcile.reconcile_daily(real.pool, local.stripe) is None
    await Inbox(real.pool, EventHandlers(real.pool, local.stripe, SOLD).apply_event).drain()
    assert await plan(real.pool, user) == ("plus", 1)
    assert list((await lots(real.pool, user)).values()) == [(3000, 3000)]
    again = await reconcile.reconcile_account(real.pool, local.stripe)
    assert again.undelivered == 0


async def test_a_quiet_subscription_is_looked_at_with_its_invoice(real: AppState, local: Local) -> None:
    user = await subscriber(real, local)
    await apply(real, local, "subscription", user.subscription)
    await run(
        real.pool,
        "UPDATE subscriptions SET period_end = now() - interval '2 hours', synced_at = now() - interval '2 hours'",
    )
    for looks in (1, 0):
        assert (await reconcile.reconcile_account(real.pool, local.stripe)).overdue == looks
    async with real.pool.acquire() as db:
        assert await db.fetchval("SELECT object_type FROM stripe_events") == RENEWAL
    await Inbox(real.pool, EventHandlers(real.pool, local.stripe, SOLD).apply_event).drain()
    assert list((await lots(real.pool, user)).values()) == [(3000, 3000)]
    async with real.pool.acquire() as db:
        assert await db.fetchval("SELECT period_end > now() FROM subscriptions")


async def test_reconciling_is_tried_again_soon_when_stripe_is_away(real: AppState, local: Local) -> None:
    await local.control("faults", kind="500_before", route="GET /v1/events", count=None)
    assert await reconcile.reconcile_daily(real.pool, local.stripe) is None
    await local.web.delete("/_local/faults")
    assert await reconcile.reconcile_daily(real.pool, local.stripe) is None
    await run(real.pool, "UPDATE chores SET done_at = done_at - interval '61 minutes'")
    assert await reconcile.reconcile_daily(real.pool, local.stripe)


async def test_on_demand_everything_set_aside_is_tried_again(real: AppState, local: Local) -> None:
    await put(real.pool, "evt_1", "invoice", "in_1")
    await run(real.pool, "UPDATE stripe_events SET not_before = 'infinity', tries = 20, error = 'TariffError: x'")
    async with real.pool.acquire() as db:
        (sentence,) = await health.list_troubles(db)
    assert "1 events from Stripe could not be applied for a day" in sentence
    said = await reconcile.reconcile_now(
        msgspec.structs.replace(local.settings, database_url=real.settings.database_url)
    )
    assert said[1].startswith("1 events wait")
    async with real.pool.acquire() as db:
        assert (await stripe_events.read_inbox_status(db)).parked == 0


async def test_whoever_runs_the_server_sees_what_is_stuck(real: AppState, local: Local) -> None:
    await put(real.pool, "evt_1", "invoice", "in_1")
    await put(real.pool, "evt_2", "invoice", "in_2")
    await run(
        real.pool,
        "UPDATE stripe_events SET not_before = 'infinity', error = 'PaymentsRefused: gone',"
        " received_at = now() - interval '2 days' WHERE id = 'evt_1'",
    )
    await Observer().observe(real.pool, real.settings.data)
    shown = {
        state: REGISTRY.get_sample_value("kinora_stripe_events", {"state": state}) for state in ("waiting", "parked")
    }
    assert shown == {"waiting": 1, "parked": 1}
    assert (REGISTRY.get_sample_value("kinora_stripe_event_oldest_seconds") or 0) > 172_000
    finding = await doctor._money(msgspec.structs.replace(local.settings, database_url=real.settings.database_url))
    assert finding.grade == "note"
    assert "PaymentsRefused: gone" in finding.sentence


async def test_the_command_reconciles(real: AppState, local: Local) -> None:
    await put(real.pool, "evt_1", "invoice", "in_1")
    await run(real.pool, "UPDATE stripe_events SET not_before = 'infinity'")
    settings = msgspec.structs.replace(local.settings, database_url=real.settings.database_url)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api.cli", "stripe", "reconcile", stdout=PIPE, env=os.environ | settings.environment()
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    assert b"1 events wait to be applied" in said


# -- the whole way -------------------------------------------------------------------------------------------


def signed(body: bytes) -> dict[str, str]:
    moment = int(time.time())
    mac = hmac.new(SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256)
    return {"Stripe-Signature": f"t={moment},v1={mac.hexdigest()}"}


def told(kind: str, name: str) -> bytes:
    event = {"id": "evt_x", "object": "event", "type": "customer.subscription.updated", "created": 1}
    return msgspec.json.encode(event | {"data": {"object": {"id": name, "object": kind}}})


@asynccontextmanager
async def at_work(settings: Settings, till: BillingWorker, every: float) -> AsyncIterator[None]:
    tasks = [
        asyncio.create_task(till.run(every)),
        asyncio.create_task(Listener(settings.redis_url, BELL, till.wake_up, till.idle).main()),
    ]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_webhook_wakes_a_worker(
    real: AppState, local: Local, app: Litestar, client: httpx.AsyncClient, redis: Redis
) -> None:
    """The worker looks by itself only after a minute. Without any worker the webhook answers all the same."""
    settings = msgspec.structs.replace(
        local.settings, database_url=real.settings.database_url, stripe_webhook_secrets=[SECRET]
    )
    app.state.app_state = real._replace(settings=settings, stripe=Stripe(settings))
    user = await subscriber(real, local)
    body = told("subscription", user.subscription)
    for _ in range(2):
        began = time.monotonic()
        answer = await client.post("/v1/webhooks/stripe", content=body, headers=signed(body))
        assert (answer.status_code, time.monotonic() - began < 1) == (204, True)
    assert await plan(real.pool, user) == ("free", None)
    async with main._till(settings, SOLD) as till:
        assert till
        async with at_work(settings, till, 60.0):
            await until(real.pool, user, "plus")
            await local.stripe.request_without_answer(lambda c: c.v1.subscriptions.cancel_async(user.subscription))
            other = body.replace(b"evt_x", b"evt_y")
            await client.post("/v1/webhooks/stripe", content=other, headers=signed(other))
            await until(real.pool, user, "free")


async def until(pool: Pool, user: History, name: str) -> None:
    async with asyncio.timeout(10):
        while (await plan(pool, user))[0] != name:  # noqa: ASYNC110 - nor who writes
            await asyncio.sleep(0.02)


async def test_a_ring_that_nobody_heard_costs_seconds(real: AppState, local: Local) -> None:
    user = await subscriber(real, local)
    till = BillingWorker(real.pool, local.stripe, SOLD)
    async with at_work(real.settings, till, 0.1):
        await put(real.pool, "evt_1", "subscription", user.subscription)
        await until(real.pool, user, "plus")


async def test_a_server_that_sells_nothing_has_no_till(settings: Settings) -> None:
    async with main._till(settings, SOLD) as till:
        assert till is None
