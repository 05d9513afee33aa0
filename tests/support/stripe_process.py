"""Stripe's double as a process, for tests of what is bought there: its account, its clock, and what people do at it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from api.billing.stripe.client import Stripe
from api.billing.stripe.provision import AccountSync
from api.billing.tariff import tariff
from api.settings import Settings

KEY = "sk_test_local"
CARD = "4242424242424242"


class StripeProcess:
    """The double, with the tariff in it."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.url = url
        self.settings = msgspec.structs.replace(settings, stripe_key=KEY, stripe_url=url)
        self.stripe = Stripe(self.settings, pause=0.02)
        self.http_client = httpx.AsyncClient(base_url=url, trust_env=False, timeout=60)

    async def call_control_route(self, path: str, **asked: Any) -> dict[str, Any]:
        """Ask for what Stripe does not have."""
        answer = await self.http_client.post(f"/_local/{path}", json=asked)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def call_stripe(self, method: str, path: str, **params: Any) -> dict[str, Any]:
        """A request of the API, past our own façade."""
        form, query = (params, None) if method == "POST" else (None, params)
        headers = {"Authorization": f"Bearer {KEY}"}
        answer = await self.http_client.request(method, path, headers=headers, data=form, params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def create_prices(self) -> None:
        """Bring the tariff into the account."""
        await AccountSync(self.stripe, tariff.load_tariff(), write=True).sync_prices()

    async def add_webhook_endpoint(self, url: str, types: list[str]) -> str:
        """Have events of these types delivered there as snapshots; return the secret they are signed with."""
        params = {f"enabled_events[{place}]": name for place, name in enumerate(types)}
        secret: str = (await self.call_stripe("POST", "/v1/webhook_endpoints", url=url, **params))["secret"]
        return secret

    async def complete_checkout(self, session_url: str, card: str = CARD) -> bool:
        """Fill in the checkout page and press the button; whether the bank said yes."""
        answer = await self.http_client.post(session_url, data={"card": card})
        return answer.status_code == 303

    async def reset_account(self) -> None:
        """Forget everything, and bring the tariff in again."""
        await self.http_client.delete("/_local/faults")
        await self.call_control_route("reset")
        await self.stripe.close()
        self.stripe = Stripe(self.settings, pause=0.02)
        await self.create_prices()

    async def close(self) -> None:
        await self.stripe.close()
        await self.http_client.aclose()


@asynccontextmanager
async def run_stripe_process(settings: Settings) -> AsyncIterator[StripeProcess]:
    """A fresh account in a process of its own, whose state is nowhere but in it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api.fakes.stripe", "--port", "0", "--data", ":memory:", "--key", KEY,
        stdout=asyncio.subprocess.PIPE, env=os.environ,
    )  # fmt: skip
    assert process.stdout
    ready = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
    stripe_process = StripeProcess(ready.removeprefix("ready ").strip(), settings)
    try:
        yield stripe_process
    finally:
        await stripe_process.close()
        process.terminate()
        await process.wait()
