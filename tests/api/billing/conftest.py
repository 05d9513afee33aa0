"""The Stripe double as a process, for tests of events."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from api.settings import Settings
from tests.support.stripe_process import StripeProcess, run_stripe_process


@pytest.fixture(scope="module")
async def shared_stripe_process(base_settings: Settings) -> AsyncIterator[StripeProcess]:
    async with run_stripe_process(base_settings) as found:
        yield found


@pytest.fixture
async def stripe_process(shared_stripe_process: StripeProcess) -> StripeProcess:
    """The double as new, on the real clock."""
    await shared_stripe_process.reset_account()
    return shared_stripe_process
