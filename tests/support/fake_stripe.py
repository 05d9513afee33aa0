"""The fake Stripe as a process, with Stripe's client and its control routes."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import stripe

from api.local.child_process import Child, Program, retry_until_ready
from tests.support.checked_stripe_client import CheckedClient
from tests.support.webhook_receiver import WebhookReceiver

KEY = "sk_test_fake"
AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}


OPEN_CLIENTS: list[Any] = []


def new_client(url: str, key: str = KEY, **options: Any) -> stripe.StripeClient:
    """Stripe's client for the fake; it is closed with the process."""
    addresses: Any = {"api": url, "meter_events": url}
    OPEN_CLIENTS.append(CheckedClient(timeout=20))
    return stripe.StripeClient(key, base_addresses=addresses, http_client=OPEN_CLIENTS[-1], **options)


@dataclass(slots=True)
class FakeStripe:
    """A running process."""

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
        """Services of version 2."""
        return self.client.v2

    async def control(self, path: str, **data: Any) -> Any:
        """Call a control route."""
        answer = await self.http.post(f"/_local/{path}", json=data)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def advance(self, days: float = 0, *, hours: float = 0) -> int:
        """Advance the clock; returns the new time."""
        moved = await self.control("clock", seconds=int(days * 86400 + hours * 3600))
        return int(moved["now"])

    async def now(self) -> int:
        return int((await self.http.get("/_local/clock")).json()["now"])

    async def flush(self, *, everything: bool = False) -> Any:
        """Return when deliveries are done."""
        return await self.control("deliveries/flush", all=everything)

    async def wait_for_fault(self, kind: str) -> None:
        """Return when a fault has occurred. No event announces that, so this polls."""
        while kind not in (await self.http.get("/_local/faults")).json()["requests"]["struck"]:
            continue

    async def post_form(self, path: str, key: str | None = None, **data: Any) -> httpx.Response:
        """Send a form past Stripe's client; `key` is the idempotency key."""
        headers = AUTHORIZATION | ({"Idempotency-Key": key} if key else {})
        return await self.http.post(path, data=data, headers=headers)

    async def create_customers(self, count: int) -> list[str]:
        return [(await self.v1.customers.create_async({"email": f"{i}@x.org"})).id for i in range(count)]

    async def count_customers(self) -> int:
        return len((await self.v1.customers.list_async({"limit": 100})).data)

    async def list_deliveries(self) -> list[Any]:
        return list((await self.http.get("/_local/deliveries")).json()["data"])

    async def list_undelivered(self) -> list[str]:
        """Ids of the objects whose events were not delivered."""
        page = await self.v1.events.list_async({"delivery_success": False, "limit": 100})
        return [event.data.object["id"] for event in page.data]

    def new_client(self, **options: Any) -> stripe.StripeClient:
        """A client with other options."""
        return new_client(self.url, **options)

    async def create_endpoint(self, receiver: WebhookReceiver, *types: str) -> Any:
        """Create a webhook endpoint for a receiver."""
        request_params = {"url": receiver.url, "enabled_events": list(types) or ["*"]}
        return await self.v1.webhook_endpoints.create_async(request_params)


async def start_fake_stripe(listener: Any, data: str, log: Path) -> Child:
    """Start the process on a listening socket."""
    child = Child(
        Program(
            name="the fake Stripe",
            argv=[
                *(sys.executable, "-m", "api.fakes.stripe"),
                *("--fd", str(listener.fileno()), "--data", data, "--key", KEY),
            ],
            env=os.environ,
            log=log,
            inherited_fds=(listener.fileno(),),
        )
    )
    await child.start()
    return child


async def wait_until_ready(url: str, child: Child) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        await retry_until_ready(lambda: http.get("/_local/clock"), (httpx.TransportError,), child, 30)
