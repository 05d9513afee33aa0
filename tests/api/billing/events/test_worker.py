"""The billing worker: woken by a webhook, and without a wake-up soon after."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import msgspec
from litestar import Litestar
from redis.asyncio import Redis

from api.billing.events.receive import BILLING_POOL
from api.billing.events.worker import BillingWorker
from api.billing.stripe.client import Stripe
from api.http.state import AppState
from api.messaging.wakeups import WakeupListener
from api.settings import Settings
from api.sql.connection import Pool
from api.worker import main
from tests.support.customer_histories import SOLD, CustomerHistory
from tests.support.stripe_process import StripeProcess
from tests.support.subscribers import create_subscriber, find_plan, insert_event

SECRET = "whsec_till"


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
        asyncio.create_task(WakeupListener(settings.redis_url, BILLING_POOL, till.wake_up, till.idle).main()),
    ]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_webhook_wakes_a_worker(
    isolated_state: AppState, stripe_process: StripeProcess, app: Litestar, client: httpx.AsyncClient, redis: Redis
) -> None:
    """The worker looks by itself only after a minute. Without any worker the webhook answers all the same."""
    settings = msgspec.structs.replace(
        stripe_process.settings, database_url=isolated_state.settings.database_url, stripe_webhook_secrets=[SECRET]
    )
    app.state.app_state = isolated_state._replace(settings=settings, stripe=Stripe(settings))
    user = await create_subscriber(isolated_state, stripe_process)
    body = told("subscription", user.subscription)
    for _ in range(2):
        began = time.monotonic()
        answer = await client.post("/v1/webhooks/stripe", content=body, headers=signed(body))
        assert (answer.status_code, time.monotonic() - began < 1) == (204, True)
    assert await find_plan(isolated_state.pool, user) == ("free", None)
    async with main._open_billing_worker(settings, SOLD) as till:
        assert till
        async with at_work(settings, till, 60.0):
            await until(isolated_state.pool, user, "plus")
            await stripe_process.stripe.request_without_answer(
                lambda c: c.v1.subscriptions.cancel_async(user.subscription)
            )
            other = body.replace(b"evt_x", b"evt_y")
            await client.post("/v1/webhooks/stripe", content=other, headers=signed(other))
            await until(isolated_state.pool, user, "free")


async def until(pool: Pool, user: CustomerHistory, name: str) -> None:
    async with asyncio.timeout(10):
        while (await find_plan(pool, user))[0] != name:  # noqa: ASYNC110 - nor who writes
            await asyncio.sleep(0.02)


async def test_an_event_without_a_wakeup_is_applied_within_seconds(
    isolated_state: AppState, stripe_process: StripeProcess
) -> None:
    user = await create_subscriber(isolated_state, stripe_process)
    till = BillingWorker(isolated_state.pool, stripe_process.stripe, SOLD)
    async with at_work(isolated_state.settings, till, 0.1):
        await insert_event(isolated_state.pool, "evt_1", "subscription", user.subscription)
        await until(isolated_state.pool, user, "plus")


async def test_a_server_without_a_stripe_key_has_no_billing_worker(settings: Settings) -> None:
    async with main._open_billing_worker(settings, SOLD) as till:
        assert till is None
