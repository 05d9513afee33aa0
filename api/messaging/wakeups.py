"""Wake-ups. The one file that knows arq.

A wake-up says "there may be work in this pool" and carries nothing else; PostgreSQL holds the work. Losing every
wake-up costs seconds, never a job: the sweeper rings again. arq's own loop looks twice a second; ours sleeps in a
blocking pop on a list (the bell) beside arq's queue and looks once each time it rings.

Time-outs are asyncio's, here and wherever Redis is asked: redis-py's own `socket_timeout` goes through `wait_for`,
which in Python 3.11 can lose a cancellation, and a worker that was told to stop would go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import msgspec
from arq.connections import ArqRedis, RedisSettings
from arq.constants import job_key_prefix
from arq.jobs import serialize_job
from arq.utils import timestamp_ms
from arq.worker import Worker, func
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api import ids
from api.messaging.events import CommandOutbox

CLAIM = "claim"
PENDING_LIMIT = 1000  # rings nobody has heard; more would say nothing new
BLOCK_SECONDS = 10  # seconds of one blocking pop, after which the health key is renewed
TRIM_EVERY = 50  # rings after which those that nobody heard are cleared away
STALE_AFTER_MS = 60_000  # milliseconds after which a wake-up nobody took is dropped
COMMAND_TIMEOUT = 1.0  # seconds a command may take
RETRY_SECONDS = 1.0  # seconds between looks while Redis is away

Claim = Callable[[], Awaitable[None]]
T = TypeVar("T")


def _queue_key(pool: str) -> str:
    return f"kinora:queue:{pool}"


def _wakeup_key(pool: str) -> str:
    return f"kinora:wakeups:{pool}"


def _as_awaitable(reply: Awaitable[T] | T) -> Awaitable[T]:
    """What a command of redis-py is: its types allow for the client that does not wait as well."""
    return cast("Awaitable[T]", reply)


class Wakeups:
    """The sending side, for whoever has just put work in place."""

    def __init__(self, redis: Redis, outbox: CommandOutbox) -> None:
        self._redis = redis
        self._outbox = outbox
        self._sent_count = 0

    def send(self, pool: str, times: int = 1) -> None:
        """Wake idle workers of the pool. If Redis does not hear it, the sweeper will ring again."""
        now = timestamp_ms()
        job = serialize_job(CLAIM, (), {}, None, now, serializer=msgspec.msgpack.encode)
        for _ in range(times):
            wake = ids.new(ids.WAKEUP)
            self._outbox.send_soon("PSETEX", job_key_prefix + wake, STALE_AFTER_MS, job)
            self._outbox.send_soon("ZADD", _queue_key(pool), now, wake)
            self._outbox.send_soon("RPUSH", _wakeup_key(pool), 1)
        if self._sent_count % TRIM_EVERY == 0:
            self._outbox.send_soon("ZREMRANGEBYSCORE", _queue_key(pool), "-inf", now - STALE_AFTER_MS)
            self._outbox.send_soon("LTRIM", _wakeup_key(pool), 0, PENDING_LIMIT - 1)
        self._sent_count += 1

    async def has_pending(self, pool: str) -> bool:
        """Whether a ring is still waiting, so that no worker of the pool is idle; True if Redis does not answer."""
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT):
                return bool(await _as_awaitable(self._redis.llen(_wakeup_key(pool))))
        except (RedisError, OSError):
            return True


class WakeupListener(Worker):
    """The receiving side: waits for the bell while its owner is idle, then lets arq run `claim` once."""

    def __init__(self, redis_url: str, pool: str, claim: Claim, idle: asyncio.Event) -> None:
        async def run(_: dict[Any, Any]) -> None:
            self._claim_ran = True
            await claim()

        super().__init__(
            functions=[func(cast("Any", run), name=CLAIM, keep_result=0, timeout=30, max_tries=1)],
            queue_name=_queue_key(pool),
            redis_settings=RedisSettings.from_dsn(redis_url),
            handle_signals=False,
            max_jobs=1,
            keep_result=0,
            health_check_interval=30,
            job_serializer=msgspec.msgpack.encode,
            job_deserializer=msgspec.msgpack.decode,
        )
        self._url = redis_url
        self._wakeup_list = _wakeup_key(pool)
        self._claim = claim
        self._idle = idle
        self._claim_ran = False

    async def main(self) -> None:
        """Listen until cancelled. Redis going away slows the start of work down to RETRY; it loses nothing."""
        async with ArqRedis.from_url(self._url) as self._pool:
            while True:
                try:
                    await self._listen_for_wakeups()
                except (RedisError, OSError):
                    await self._idle.wait()
                    await self._claim()
                    await asyncio.sleep(RETRY_SECONDS)

    async def _listen_for_wakeups(self) -> None:
        while True:
            await self._idle.wait()
            self._claim_ran = False
            async with asyncio.timeout(BLOCK_SECONDS * 2):
                rung = await _as_awaitable(self.pool.blpop([self._wakeup_list], timeout=BLOCK_SECONDS))
            async with asyncio.timeout(BLOCK_SECONDS):
                await self._poll_iteration()
            await asyncio.gather(*self.tasks.values())
            if rung and not self._claim_ran:
                # arq had nothing to run, or something stale: a ring is a reason to look all the same.
                await self._claim()
