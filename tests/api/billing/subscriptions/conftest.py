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
from tests.support.stripe_process import Local, running


@pytest.fixture(scope="module")
async def market(base_settings: Settings) -> AsyncIterator[Local]:
    """A double that sells the tariff; its clock stays as it is, for all tests here to use."""
    async with running(base_settings) as local:
        await provision.AccountSync(local.stripe, tariff.load_tariff()).sync_all(WEBHOOKS)
        yield local


@pytest.fixture
async def own(base_settings: Settings) -> AsyncIterator[Local]:
    """A double of the test's own, for time to pass in."""
    async with running(base_settings) as local:
        await provision.AccountSync(local.stripe, tariff.load_tariff()).sync_all(WEBHOOKS)
        yield local


@pytest.fixture
async def shop(
    market: Local, database: str, settings: Settings, app: Litestar, redis: Redis
) -> AsyncIterator[BillingClient]:
    async with open_billing(market, msgspec.structs.replace(settings, database_url=database), app) as shop:
        yield shop


@pytest.fixture
async def lasting(
    own: Local, database: str, settings: Settings, app: Litestar, redis: Redis
) -> AsyncIterator[BillingClient]:
    """A shop in which time may pass."""
    async with open_billing(own, msgspec.structs.replace(settings, database_url=database), app) as shop:
        yield shop
