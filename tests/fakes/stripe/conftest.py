"""The double as a process, one for all tests, emptied before each; and Stripe's own client before it.

Every answer in every test is held against the library's annotations.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import stripe

from api.local import supervisor
from api.local.child_process import Child, Program, eventually
from tests.support.stripe_annotations import faults
from tests.support.webhook_receiver import Receiver, receiving

KEY = "sk_test_double"
SEEN: set[str] = set()
"""Every kind of object that was answered with and found right."""


def check(body: Any) -> None:
    """Hold an answer against the annotations. Errors, deletions and lists of the second API are no objects."""
    if "error" in body or body.get("deleted") or "next_page_url" in body:
        for row in body.get("data", []):
            check(row)
        return
    if body.get("object") == "list":
        assert isinstance(body["has_more"], bool)
        assert isinstance(body["url"], str)
        for row in body["data"]:
            check(row)
        return
    found = faults(body)
    assert not found, "\n".join(found)
    see(body)
    if body["object"] == "event":
        check(body["data"]["object"])


def see(thing: Any) -> None:
    """Note every kind of object inside one that was found right."""
    for inner in thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list) else ():
        see(inner)
    if isinstance(thing, dict) and isinstance(thing.get("object"), str):
        SEEN.add(thing["object"])


class Checking(stripe.HTTPXClient):
    """The library's client, looking at what comes back before the library reads it."""

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        answer = await super().request_async(method, url, headers, post_data)
        check(msgspec.json.decode(answer[0]))
        return answer


@dataclass(slots=True)
class Double:
    """A running double."""

    url: str
    child: Child
    http: httpx.AsyncClient
    client: stripe.StripeClient

    @property
    def v1(self) -> Any:
        """The services. Untyped: whole families of parameters would only repeat what the annotations check."""
        return self.client.v1

    @property
    def v2(self) -> Any:
        """The same of the second version."""
        return self.client.v2

    async def local(self, path: str, **data: Any) -> Any:
        """A control route."""
        answer = await self.http.post(f"/_local/{path}", json=data)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def advance(self, days: float = 0, *, hours: float = 0) -> int:
        """Go ahead in time; gives the time then."""
        moved = await self.local("clock", seconds=int(days * 86400 + hours * 3600))
        return int(moved["now"])

    async def now(self) -> int:
        """Its time."""
        return int((await self.http.get("/_local/clock")).json()["now"])

    async def flush(self, *, everything: bool = False) -> Any:
        """Return when deliveries are done."""
        return await self.local("deliveries/flush", all=everything)

    async def struck(self, kind: str) -> None:
        """Return when a fault has struck. Nobody announces that, so this asks again."""
        while kind not in (await self.http.get("/_local/faults")).json()["requests"]["struck"]:
            continue

    def another(self, **options: Any) -> stripe.StripeClient:
        """A client with other options."""
        return client(self.url, **options)

    async def hooked(self, receiver: Receiver, *types: str) -> Any:
        """Let a receiver hear of events; gives the endpoint."""
        asked = {"url": receiver.url, "enabled_events": list(types) or ["*"]}
        return await self.v1.webhook_endpoints.create_async(asked)


OPENED: list[Any] = []


def client(url: str, key: str = KEY, **options: Any) -> stripe.StripeClient:
    """Stripe's client, pointed at the double; closed with the process."""
    addresses: Any = {"api": url, "meter_events": url}
    OPENED.append(Checking(timeout=20))
    return stripe.StripeClient(key, base_addresses=addresses, http_client=OPENED[-1], **options)


async def started(listener: Any, data: str, log: Path) -> Child:
    """The double as our child, on a socket that is open already."""
    child = Child(
        Program(
            name="the double",
            argv=[
                *(sys.executable, "-m", "api.fakes.stripe"),
                *("--fd", str(listener.fileno()), "--data", data, "--key", KEY),
            ],
            env=os.environ,
            log=log,
            shared=(listener.fileno(),),
        )
    )
    await child.start()
    return child


async def answering(url: str, child: Child) -> None:
    """Wait until it answers."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        await eventually(lambda: http.get("/_local/clock"), (httpx.TransportError,), child, 30)


@pytest.fixture(scope="session")
async def process(folder: Path) -> AsyncIterator[Double]:
    """The process."""
    with supervisor.listen("127.0.0.1", 0) as listener:
        child = await started(listener, ":memory:", folder / "double.log")
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        await answering(url, child)
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
            yield Double(url, child, http, client(url))
        for opened in OPENED:
            await opened.close_async()
        await child.stop()


@pytest.fixture
async def double(process: Double) -> Double:
    """The process, with nothing in it."""
    await process.local("reset")
    return process


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A server that receives webhooks."""
    async with receiving() as found:
        yield found


@dataclass(frozen=True, slots=True)
class Shop:
    """Something to sell: two plans, a pack, and overage by a meter; and somebody who buys."""

    double: Double
    plus: str
    pro: str
    pack: str
    overage: str
    meter: str
    customer: str

    async def open(self, mode: str, *prices: str, **more: Any) -> Any:
        """A checkout page for the customer."""
        rows = [{"price": one} if one == self.overage else {"price": one, "quantity": 1} for one in prices]
        asked = {
            "mode": mode,
            "customer": self.customer,
            "line_items": rows,
            "success_url": "http://shop.test/thanks?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://shop.test/back",
        }
        return await self.double.v1.checkout.sessions.create_async({**asked, **more})

    async def pay(self, session: Any, card: str = "4242424242424242") -> httpx.Response:
        """Press the button of a checkout page."""
        return await self.double.http.post(session.url, data={"card": card})

    async def subscribed(self, *prices: str, card: str = "4242424242424242", **more: Any) -> Any:
        """A subscription, bought at a checkout page."""
        session = await self.open("subscription", *(prices or (self.plus, self.overage)), **more)
        assert (await self.pay(session, card)).status_code == 303
        session = await self.double.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["subscription"]})
        return session.subscription

    async def invoice(self, subscription: str) -> Any:
        """The newest invoice of a subscription."""
        found = await self.double.v1.subscriptions.retrieve_async(subscription, {"expand": ["latest_invoice"]})
        return found.latest_invoice


@pytest.fixture
async def shop(double: Double) -> Shop:
    """The shop."""
    v1 = double.v1
    await v1.products.create_async({"id": "kinora", "name": "Kinora"})
    meter = await v1.billing.meters.create_async(
        {"event_name": "overage", "display_name": "Overage", "default_aggregation": {"formula": "sum"}}
    )
    monthly: Any = {"product": "kinora", "currency": "usd", "recurring": {"interval": "month"}}
    plus = await v1.prices.create_async({**monthly, "unit_amount": 999, "lookup_key": "plus_v1"})
    pro = await v1.prices.create_async({**monthly, "unit_amount": 4999, "lookup_key": "pro_v1"})
    pack = await v1.prices.create_async({"product": "kinora", "currency": "usd", "unit_amount": 499})
    by_meter = {"interval": "month", "usage_type": "metered", "meter": meter.id}
    overage = await v1.prices.create_async({**monthly, "unit_amount_decimal": "1", "recurring": by_meter})
    customer = await v1.customers.create_async({"email": "ada@example.org", "name": "Ada"})
    return Shop(double, plus.id, pro.id, pack.id, overage.id, meter.id, customer.id)
