"""A thousand creates at once, by somebody who can pay for ten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from redis.asyncio import Redis

from api.billing.tariff import tariff
from api.errors import InsufficientCredits
from api.http.state import AppState, build_app_state
from api.idempotency import RequestIdentity
from api.schemas.video_requests import VideoCreate
from api.settings import Settings
from api.sql.connection import connect, transaction
from api.sql.generations import Generation
from api.sql.idempotency import StoredAnswer
from api.videos.quote import PricingTerms, build_quote
from api.videos.submission import Submission
from tests.support.factories import add_account, assert_books_balance

CREATES = 1_000
CREDITS = 10


@pytest.fixture
async def ten_credit_state(database: str, settings: Settings, redis: Redis, tmp_path: Path) -> AsyncIterator[AppState]:
    """A backend of real connections whose free plan gives ten credits a month."""
    own = tmp_path / "tariff.toml"
    own.write_text(tariff.DEFAULT.read_text().replace("monthly_credits = 300\n", f"monthly_credits = {CREDITS}\n"))
    pool = await connect(database, connections=10)
    async with build_app_state(msgspec.structs.replace(settings, database_url=database, tariff=own), pool) as app_state:
        yield app_state
    await pool.close()


async def test_exactly_as_many_are_accepted_as_are_paid_for(ten_credit_state: AppState) -> None:
    async with transaction(ten_credit_state.pool) as connection:
        account = await add_account(connection)
    asked = VideoCreate(prompt="a red ball", size="320x192", quality="turbo", seconds=1)
    terms = PricingTerms(ten_credit_state.tariff.find_plan("free"), ten_credit_state.tariff.prices)
    quote = build_quote(asked, terms, ten_credit_state.settings)
    assert quote.price.total == 1

    def answer(row: Generation) -> StoredAnswer:
        return StoredAnswer(
            fingerprint=b"", status=200, headers={}, body=msgspec.json.encode(ten_credit_state.serializer.to_video(row))
        )

    def create(number: int) -> asyncio.Task[StoredAnswer]:
        identity = RequestIdentity(account.id, f"k{number}", number.to_bytes(4))
        submission = Submission(identity, quote, [])
        return asyncio.create_task(ten_credit_state.submissions.submit(submission, answer))

    answers = await asyncio.gather(*map(create, range(CREATES)), return_exceptions=True)
    refused = [each for each in answers if isinstance(each, InsufficientCredits)]
    accepted = [each for each in answers if isinstance(each, StoredAnswer)]
    assert (len(accepted), len(refused)) == (CREDITS, CREATES - CREDITS)
    async with transaction(ten_credit_state.pool) as connection:
        balance = await ten_credit_state.credits.balance(connection, account.id)
        rows = await connection.fetchval("SELECT count(*) FROM generations")
    assert (balance.available, balance.held, rows) == (0, CREDITS, CREDITS)
    await assert_books_balance(ten_credit_state.pool, account.id)
