"""Wake-ups. The one file that knows arq.

A wake-up says "there may be work in this pool" and carries nothing else; PostgreSQL holds the work. Losing every
wake-up costs seconds, never a job: the sweeper sends another. arq's own loop polls twice a second; ours blocks in a
pop from a list beside arq's queue and polls once for each entry.

Time-outs are asyncio's, here and in every command to Redis: redis-py's own `socket_timeout` goes through `wait_for`,
which in Python 3.11 can lose a cancellation, and a worker told to stop would continue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

import msgspec
from arq.connections import ArqRedis
from arq.constants import job_key_prefix
from arq.jobs import serialize_job
from arq.utils import timestamp_ms
from arq.worker import Retry, Worker, func
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api import ids
from api.messaging.events import CommandOutbox

CLAIM = "claim"
PENDING_LIMIT = 1000  # wake-ups nobody has taken; more would add nothing
BLOCK_SECONDS = 10  # of one blocking pop, after which arq's health key is renewed
TRIM_EVERY = 50  # calls after which a sender removes stale wake-ups, in case every worker is busy
STALE_AFTER_MS = 60_000  # after which a wake-up nobody took is removed from the queue
EXPIRE_AFTER_MS = 2 * STALE_AFTER_MS  # of what arq reads of a wake-up, which must outlive its place in the queue
MAX_TRIES = 1000  # of one wake-up, which a stopped worker leaves to the next; it is stale long before
COMMAND_TIMEOUT = 1.0  # seconds a command may take
RETRY_SECONDS = 1.0  # between claims while Redis is away

Claim = Callable[[], Awaitable[None]]
T = TypeVar("T")


def _queue_key(pool: str) -> str:
    return f"kinora:queue:{pool}"


def _wakeup_key(pool: str) -> str:
    return f"kinora:wakeups:{pool}"


def _stale_before() -> int:
    """The newest send time, in milliseconds, of a stale wake-up."""
    return timestamp_ms() - STALE_AFTER_MS


def _discard_result(_: object) -> bytes:
    """Serialize a result for arq, which keeps none here. Errors, which arq passes too, have no form in MessagePack."""
    return b""


def _as_awaitable(reply: Awaitable[T] | T) -> Awaitable[T]:
    """The reply of redis-py's asyncio client, whose type also covers the synchronous client."""
    return cast("Awaitable[T]", reply)


class Wakeups:
    """Sends wake-ups after work has been committed."""

    def __init__(self, redis: Redis, outbox: CommandOutbox) -> None:
        self._redis = redis
        self._outbox = outbox
        self._sent_count = 0

    def send(self, pool: str, times: int = 1) -> None:
        """Wake idle workers of the pool. If Redis is away, the sweeper sends another wake-up later."""
        now = timestamp_ms()
        job = serialize_job(CLAIM, (), {}, None, now, serializer=msgspec.msgpack.encode)
        for _ in range(times):
            wakeup_id = ids.new_id(ids.WAKEUP)
            self._outbox.send_soon("PSETEX", job_key_prefix + wakeup_id, EXPIRE_AFTER_MS, job)
            self._outbox.send_soon("ZADD", _queue_key(pool), now, wakeup_id)
            self._outbox.send_soon("RPUSH", _wakeup_key(pool), 1)
        if self._sent_count % TRIM_EVERY == 0:
            self._outbox.send_soon("ZREMRANGEBYSCORE", _queue_key(pool), "-inf", _stale_before())
            self._outbox.send_soon("LTRIM", _wakeup_key(pool), 0, PENDING_LIMIT - 1)
        self._sent_count += 1

    async def has_pending(self, pool: str) -> bool:
        """Whether a wake-up is still pending, so that no worker of the pool is idle; True if Redis does not answer."""
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT):
                return bool(await _as_awaitable(self._redis.llen(_wakeup_key(pool))))
        except (RedisError, OSError):
            return True


class WakeupListener(Worker):
    """Waits for wake-ups while its owner is idle, then lets arq run `claim` once for each."""

    def __init__(self, redis_url: str, pool: str, claim: Claim, idle: asyncio.Event) -> None:
        super().__init__(
            functions=[func(cast("Any", self._run_claim), name=CLAIM, keep_result=0, timeout=30, max_tries=MAX_TRIES)],
            queue_name=_queue_key(pool),
            handle_signals=False,
            max_jobs=1,
            keep_result=0,
            health_check_interval=30,
            job_serializer=_discard_result,
            job_deserializer=msgspec.msgpack.decode,
        )
        self._url = redis_url
        self._wakeup_list = _wakeup_key(pool)
        self._claim = claim
        self._idle = idle
        self._claim_ran = False
        self._stopping = False

    async def main(self) -> None:
        """Listen until cancelled. While Redis is away, work is claimed every RETRY_SECONDS instead."""
        async with ArqRedis.from_url(self._url) as self._pool:
            try:
                await self._listen_forever()
            finally:
                await self._stop_claim()

    async def _listen_forever(self) -> None:
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
                received = await _as_awaitable(self.pool.blpop([self._wakeup_list], timeout=BLOCK_SECONDS))
            async with asyncio.timeout(BLOCK_SECONDS):
                # arq logs a warning for a wake-up that has expired while every worker was busy.
                await self.pool.zremrangebyscore(self.queue_name, "-inf", _stale_before())
                await self._poll_iteration()
            # Shielded, since arq's own bookkeeping must end before the connection is closed.
            await asyncio.shield(asyncio.gather(*self.tasks.values()))
            if received and not self._claim_ran:
                # arq had nothing to run, or only something stale; there may be work all the same.
                await self._claim()

    async def _run_claim(self, _: dict[Any, Any]) -> None:
        if self._stopping:
            raise Retry
        self._claim_ran = True
        await self._claim()

    async def _stop_claim(self) -> None:
        """Cancel a claim under way. Its wake-up stays in the queue, for another worker."""
        self._stopping = True
        for claim in self.job_tasks.values():
            claim.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(COMMAND_TIMEOUT):
                await asyncio.gather(*self.tasks.values(), return_exceptions=True)
