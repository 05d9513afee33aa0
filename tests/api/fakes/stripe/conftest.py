"""Fixtures: one process of the fake Stripe for all tests, emptied before each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from api.local.listener import open_listener
from tests.support.fake_stripe import OPEN_CLIENTS, FakeStripe, new_client, start_fake_stripe, wait_until_ready
from tests.support.stripe_merchant import Merchant, create_merchant
from tests.support.webhook_receiver import WebhookReceiver, run_receiver


@pytest.fixture(scope="session")
async def process(session_folder: Path) -> AsyncIterator[FakeStripe]:
    with open_listener("127.0.0.1", 0) as listener:
        child = await start_fake_stripe(listener, ":memory:", session_folder / "fake_stripe.log")
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        await wait_until_ready(url, child)
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
            yield FakeStripe(url, child, http, new_client(url))
        for open_client in OPEN_CLIENTS:
            await open_client.close_async()
        await child.stop()


@pytest.fixture
async def fake_stripe(process: FakeStripe) -> FakeStripe:
    """The process with an empty account."""
    await process.control("reset")
    return process


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    async with run_receiver() as webhook_receiver:
        yield webhook_receiver


@pytest.fixture
async def merchant(fake_stripe: FakeStripe) -> Merchant:
    return await create_merchant(fake_stripe)
