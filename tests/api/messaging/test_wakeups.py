"""Wake-ups between processes over a real Redis, and what their listener logs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from arq.constants import job_key_prefix
from arq.utils import timestamp_ms
from redis.asyncio import Redis

from api.messaging.events import CommandOutbox
from api.messaging.wakeups import STALE_AFTER_MS, Claim, WakeupListener, Wakeups
from api.settings import Settings
from tests.support.workers import PATIENCE

POOL = "default"
QUEUE = f"kinora:queue:{POOL}"
PENDING = f"kinora:wakeups:{POOL}"


@asynccontextmanager
async def listening(settings: Settings, claim: Claim) -> AsyncIterator[None]:
    """Run the listener of a worker that is always idle, and stop it at the end."""
    idle = asyncio.Event()
    idle.set()
    listener = asyncio.create_task(WakeupListener(settings.redis_url, POOL, claim, idle).main())
    try:
        yield
    finally:
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)


async def send_wakeups(redis: Redis, times: int = 1) -> None:
    outbox = CommandOutbox(redis)
    Wakeups(redis, outbox).send(POOL, times)
    await outbox.drain()


async def age_wakeups(redis: Redis) -> None:
    """Make the wake-ups in Redis as old as one that nobody took in time."""
    sent_at = timestamp_ms() - STALE_AFTER_MS - 1000
    ids = await redis.zrange(QUEUE, 0, -1)
    await redis.zadd(QUEUE, dict.fromkeys(ids, sent_at))
    await redis.delete(*(job_key_prefix + wakeup_id.decode() for wakeup_id in ids))


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_stale_wakeups_do_not_consume_fresh_ones(redis: Redis, settings: Settings) -> None:
    claims = asyncio.Semaphore(0)

    async def claim() -> None:
        claims.release()

    await send_wakeups(redis, 12)
    await age_wakeups(redis)
    await redis.delete(PENDING)
    async with listening(settings, claim):
        for _ in range(3):
            await send_wakeups(redis)
            await asyncio.wait_for(claims.acquire(), PATIENCE)


async def test_a_worker_idle_again_after_a_long_job_logs_nothing(
    redis: Redis, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    claims = asyncio.Semaphore(0)

    async def claim() -> None:
        claims.release()

    await send_wakeups(redis, 3)
    await age_wakeups(redis)
    async with listening(settings, claim):
        for _ in range(3):
            await asyncio.wait_for(claims.acquire(), PATIENCE)
        await send_wakeups(redis)
        await asyncio.wait_for(claims.acquire(), PATIENCE)
    assert warnings_of(caplog) == []
    assert await redis.zcard(QUEUE) == 0


async def test_a_wakeup_outlives_its_place_in_the_queue(redis: Redis) -> None:
    """So that none expires between the removal of stale ones and the poll."""
    await send_wakeups(redis)
    [wakeup_id] = await redis.zrange(QUEUE, 0, -1)
    assert await redis.pttl(job_key_prefix + wakeup_id.decode()) > STALE_AFTER_MS + 30_000


async def test_a_claim_cut_off_by_a_stop_is_made_by_the_next_worker(
    redis: Redis, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    claims = asyncio.Semaphore(0)

    async def claim() -> None:
        claims.release()

    async def claim_forever() -> None:
        claims.release()
        await asyncio.Event().wait()

    await send_wakeups(redis)
    async with listening(settings, claim_forever):
        await asyncio.wait_for(claims.acquire(), PATIENCE)
    assert await redis.zcard(QUEUE) == 1
    await send_wakeups(redis)
    async with listening(settings, claim):
        await asyncio.wait_for(claims.acquire(), PATIENCE)
    assert warnings_of(caplog) == []


async def test_a_failing_claim_is_logged_once(
    redis: Redis, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    claims = asyncio.Semaphore(0)

    async def claim() -> None:
        claims.release()
        raise ValueError

    await send_wakeups(redis, 2)
    async with listening(settings, claim):
        for _ in range(2):
            await asyncio.wait_for(claims.acquire(), PATIENCE)
    assert await redis.keys("arq:result:*") == []
    assert [record.name for record in caplog.records if record.levelno >= logging.WARNING] == ["arq.worker"] * 2
