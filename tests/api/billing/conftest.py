"""The Stripe double as a process, for tests of events."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from api.settings import Settings
from tests.support.stripe_process import Local, running


@pytest.fixture(scope="module")
async def stripe_double(base_settings: Settings) -> AsyncIterator[Local]:
    async with running(base_settings) as found:
        yield found


@pytest.fixture
async def local(stripe_double: Local) -> Local:
    """The double as new, on the real clock."""
    await stripe_double.renew()
    return stripe_double
