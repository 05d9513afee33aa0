"""2,000 creations under faults make no object twice, and lose none.

Everything our façade makes is asked for twice at the same moment under the same key, while the double answers 500
before or after the commit, cuts connections, hangs, and refuses with 409 and 429. Whoever is told that payments are
away asks again, as a client would. Then the double is asked what there is.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

import pytest
import structlog

from api.billing.stripe import checkout_sessions, customers, lookup_keys, reads
from api.billing.stripe.checkout_sessions import CheckoutSpec
from api.billing.stripe.client import Stripe
from api.billing.stripe.lookup_keys import PriceCatalog
from api.billing.stripe.objects import (
    CheckoutSession,
    StripeCustomer,
    StripePrice,
    StripeSubscription,
    SubscriptionSchedule,
)
from api.billing.stripe.provision import AccountSync
from api.billing.stripe.subscriptions import refund_payment, schedule_change, upgrade_now
from api.billing.tariff import tariff
from api.errors import PaymentsUnavailable
from api.settings import Settings
from tests.support.stripe_process import StripeProcess, run_stripe_process

T = TypeVar("T")
log = structlog.get_logger()

PEOPLE, BUYERS = 250, 100
SEED = 20261125
FAULTS = {
    "500_before": 0.08,
    "500_after": 0.08,
    "reset_before": 0.04,
    "reset_after": 0.04,
    "timeout_before": 0.02,
    "timeout_after": 0.02,
    "409": 0.04,
    "429": 0.04,
}
HANGS, TIMEOUT, PAUSE = 0.4, 0.25, 0.01
AT_ONCE, PATIENCE = 16, 60
URL = "http://127.0.0.1:9/v1/webhooks/stripe"
SOLD = tariff.load_tariff()


@pytest.fixture
async def stripe_process(base_settings: Settings) -> AsyncIterator[StripeProcess]:
    async with run_stripe_process(base_settings) as stripe_process:
        yield stripe_process


class Caller:
    """Asks for everything twice at once, and again when it is told to come back."""

    def __init__(self, stripe: Stripe) -> None:
        self.stripe = stripe
        self.calls, self.away = 0, 0
        self._limit = asyncio.Semaphore(AT_ONCE)

    async def twice(self, make: Callable[[], Awaitable[T]]) -> T:
        first, second = await asyncio.gather(self._insist(make), self._insist(make))
        assert _name(first) == _name(second)
        return first

    async def _insist(self, make: Callable[[], Awaitable[T]]) -> T:
        self.calls += 1
        for _ in range(PATIENCE):
            try:
                async with self._limit:
                    return await make()
            except PaymentsUnavailable:
                self.away += 1
        pytest.fail("it never came about")


def _name(made: Any) -> str:
    return str(getattr(made, "id", made))


async def spoil(stripe_process: StripeProcess) -> None:
    for number, (kind, probability) in enumerate(FAULTS.items()):
        await stripe_process.call_control_route(
            "faults",
            kind=kind,
            route="POST /v*",
            count=None,
            probability=probability,
            seed=SEED + number,
            seconds=HANGS,
        )


async def struck(stripe_process: StripeProcess) -> dict[str, int]:
    found: dict[str, int] = (await stripe_process.http_client.get("/_local/faults")).json()["requests"]["struck"]
    await stripe_process.http_client.delete("/_local/faults")
    return found


async def every(stripe_process: StripeProcess, path: str, **params: Any) -> list[dict[str, Any]]:
    """All objects of a kind, past our façade."""
    found: list[dict[str, Any]] = []
    while True:
        more = {"starting_after": found[-1]["id"]} if found else {}
        page = await stripe_process.call_stripe("GET", path, limit=100, **params, **more)
        found += page["data"]
        if not page["has_more"]:
            return found


def order(customer: StripeCustomer, kind: str, prices: dict[str, StripePrice]) -> CheckoutSpec:
    user_id = customer.metadata["user"]
    return CheckoutSpec(
        id=f"checkout_{kind}_{user_id}",
        user_id=user_id,
        customer=customer.id,
        locale="en",
        success_url="https://example.org/paid",
        cancel_url=None,
        price=prices[kind],
        metered=prices["overage"] if kind == "plus" else None,
    )


async def test_2000_calls_with_faults_make_nothing_twice(stripe_process: StripeProcess) -> None:
    await AccountSync(stripe_process.stripe, SOLD).sync_prices()
    stripe = Stripe(stripe_process.settings, pause=PAUSE, timeout=TIMEOUT)
    caller, began = Caller(stripe), time.monotonic()
    prices = await sold(stripe)
    await spoil(stripe_process)
    customers = await all_of(customer(caller, number) for number in range(PEOPLE))
    plans = await all_of(page(caller, order(one, "plus", prices)) for one in customers)
    await all_of(page(caller, order(one, "pack", prices)) for one in customers)
    subscriptions = [await bought(stripe_process, one) for one in plans[:BUYERS]]
    upgraded = await all_of(upgrade(caller, one, prices) for one in subscriptions)
    await all_of(schedule(caller, one, prices) for one in upgraded)
    await all_of(pay_back(caller, stripe_process, one) for one in upgraded[: BUYERS // 2])
    faults = await struck(stripe_process)
    await stripe.close()
    took = round(time.monotonic() - began)
    log.info("made_once", calls=caller.calls, told_to_come_back=caller.away, seconds=took, seed=SEED, faults=faults)
    assert caller.calls == 2000
    assert min(faults[kind] for kind in FAULTS) > 10
    assert await counted(stripe_process, customers) == {
        "customers": PEOPLE,
        "sessions": 2 * PEOPLE,
        "subscriptions": BUYERS,
        "upgrades": BUYERS,
        "schedules": BUYERS,
        "refunds": BUYERS // 2,
    }


async def sold(stripe: Stripe) -> dict[str, StripePrice]:
    keys = {
        "plus": lookup_keys.plan_key(SOLD.find_plan("plus")),
        "pro": lookup_keys.plan_key(SOLD.find_plan("pro")),
        "pack": lookup_keys.pack_key(SOLD.find_pack("small")),
        "overage": lookup_keys.overage_key(SOLD.overage),
    }
    return dict(zip(keys, await PriceCatalog(stripe).find_prices(*keys.values()), strict=True))


async def all_of(making: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """All at the same time; the callers' limit keeps them from being too many."""
    return list(await asyncio.gather(*making))


async def customer(caller: Caller, number: int) -> StripeCustomer:
    return await caller.twice(
        lambda: customers.create_customer(caller.stripe, f"user_{number}", f"{number}@example.org")
    )


async def page(caller: Caller, sold: CheckoutSpec) -> CheckoutSession:
    make = checkout_sessions.create_subscription_checkout if sold.metered else checkout_sessions.create_pack_checkout
    return await caller.twice(lambda: make(caller.stripe, sold))


async def bought(stripe_process: StripeProcess, page: CheckoutSession) -> StripeSubscription:
    await stripe_process.complete_checkout(page.url or "")
    done = await reads.retrieve_checkout_session(stripe_process.stripe, page.id)
    return await reads.retrieve_subscription(stripe_process.stripe, done.subscription or "")


async def upgrade(caller: Caller, seen: StripeSubscription, prices: dict[str, StripePrice]) -> StripeSubscription:
    assert seen.plan_item
    item, at = seen.plan_item, int(time.time())
    return await caller.twice(lambda: upgrade_now(caller.stripe, seen, item, prices["pro"], at, "change_1"))


async def schedule(caller: Caller, seen: StripeSubscription, prices: dict[str, StripePrice]) -> SubscriptionSchedule:
    assert seen.plan_item
    item = seen.plan_item
    return await caller.twice(lambda: schedule_change(caller.stripe, seen, item, prices["plus"]))


async def pay_back(caller: Caller, stripe_process: StripeProcess, seen: StripeSubscription) -> None:
    invoice = await reads.retrieve_invoice(stripe_process.stripe, seen.latest_invoice or "")
    assert invoice.payment_intent
    payment = invoice.payment_intent
    await caller.twice(lambda: refund_payment(caller.stripe, payment))


async def counted(stripe_process: StripeProcess, customers: list[StripeCustomer]) -> dict[str, int]:
    """How many there are, and that each of them is for another purpose."""
    people = await every(stripe_process, "/v1/customers")
    assert {one["id"] for one in people} == {one.id for one in customers}
    sessions = await every(stripe_process, "/v1/checkout/sessions")
    assert set(Counter(one["metadata"]["checkout"] for one in sessions).values()) == {1}
    invoices = await every(stripe_process, "/v1/invoices")
    upgrades = Counter(
        one["parent"]["subscription_details"]["subscription"]
        for one in invoices
        if one["billing_reason"] == "subscription_update"
    )
    assert set(upgrades.values()) == {1}
    schedules = await every(stripe_process, "/v1/subscription_schedules")
    assert {len(one["phases"]) for one in schedules} == {2}
    refunds = await every(stripe_process, "/v1/refunds")
    assert len({one["payment_intent"] for one in refunds}) == len(refunds)
    return {
        "customers": len(people),
        "sessions": len(sessions),
        "subscriptions": len(await every(stripe_process, "/v1/subscriptions", status="all")),
        "upgrades": sum(upgrades.values()),
        "schedules": len(schedules),
        "refunds": len(refunds),
    }


async def test_an_account_brought_in_line_by_two_at_once_under_faults_has_everything_once(
    stripe_process: StripeProcess,
) -> None:
    stripe = Stripe(stripe_process.settings, pause=PAUSE, timeout=TIMEOUT)
    chance = random.Random(SEED)

    async def bring() -> None:
        for _ in range(PATIENCE):
            try:
                await asyncio.sleep(chance.random() / 100)
                await AccountSync(stripe, SOLD, run_id="sync_1").sync_all(URL.removesuffix("/v1/webhooks/stripe"))
            except PaymentsUnavailable:
                continue
            return
        pytest.fail("it never came about")

    await spoil(stripe_process)
    await asyncio.gather(bring(), bring())
    assert await struck(stripe_process)
    await stripe.close()
    assert len(await every(stripe_process, "/v1/products")) == 6
    assert len({one["lookup_key"] for one in await every(stripe_process, "/v1/prices")}) == 6
    for path in ("/v1/prices", "/v1/products"):
        assert len(await every(stripe_process, path)) == 6
    for path in ("/v1/billing/meters", "/v1/billing_portal/configurations", "/v1/webhook_endpoints"):
        assert len(await every(stripe_process, path)) == 1
    destinations = await stripe_process.call_stripe("GET", "/v2/core/event_destinations")
    assert len(destinations["data"]) == 1
