"""Stripe doubles that sell the tariff, and users who buy from them through our routes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest
from litestar import Litestar
from redis.asyncio import Redis

from api.billing.stripe import provision
from api.billing.tariff import tariff
from api.settings import Settings
from tests.support.billing_client import WEBHOOKS, BillingClient, open_billing
from tests.support.stripe_process import StripeProcess, run_stripe_process


@pytest.fixture(scope="module")
async def shared_stripe(base_settings: Settings) -> AsyncIterator[StripeProcess]:
    """A Stripe double with the prices of the tariff for all tests of a module, which must not advance its clock."""
    async with run_stripe_process(base_settings) as stripe_process:
        await provision.AccountSync(stripe_process.stripe, tariff.load_tariff()).sync_all(WEBHOOKS)
        yield stripe_process


@pytest.fixture
async def isolated_stripe(base_settings: Settings) -> AsyncIterator[StripeProcess]:
    """A Stripe double for one test, whose clock may be advanced."""
    async with run_stripe_process(base_settings) as stripe_process:
        await provision.AccountSync(stripe_process.stripe, tariff.load_tariff()).sync_all(WEBHOOKS)
        yield stripe_process


@pytest.fixture
async def billing_client(
    shared_stripe: StripeProcess, database: str, settings: Settings, app: Litestar, redis: Redis
) -> AsyncIterator[BillingClient]:
    async with open_billing(
        shared_stripe, msgspec.structs.replace(settings, database_url=database), app
    ) as billing_client:
        yield billing_client


@pytest.fixture
async def isolated_client(
    isolated_stripe: StripeProcess, database: str, settings: Settings, app: Litestar, redis: Redis
) -> AsyncIterator[BillingClient]:
    """A billing client whose Stripe clock may be advanced."""
    async with open_billing(
        isolated_stripe, msgspec.structs.replace(settings, database_url=database), app
    ) as billing_client:
        yield billing_client
