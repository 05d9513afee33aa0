"""Announcement of changed videos through Redis pub/sub. Carries ids; PostgreSQL holds the state.

A change is published on the owner's channel as the video's id. Each web process subscribes once, reads the row once,
and hands the same bytes to every watcher. A watcher keeps only the newest state of each video, so a slow one
costs nothing and misses nothing that still matters. While Redis is away, watchers read the row themselves.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import NamedTuple, Self

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

log = structlog.get_logger()

CHANGED_CHANNEL = "kinora:changed:"
STOP_CHANNEL = "kinora:stop"
COMMAND_TIMEOUT = 1.0  # seconds a command may take
RECONNECT_SECONDS = 1.0  # seconds between tries while Redis is away
READ_BATCH = 50  # changed videos read with one statement
CONFIRM_SECONDS = 1.0  # seconds to wait for Redis to confirm a subscription before going on without it


class VideoSnapshot(NamedTuple):
    """A video as it was at `version` (microseconds of its last change); `data` is its JSON."""

    video_id: str
    user_id: str
    version: int
    terminal: bool
    data: bytes


SnapshotLoader = Callable[[list[str]], Awaitable[list[VideoSnapshot]]]
"""Reads videos by id. A deleted or unreadable one is left out."""


class CommandOutbox:
    """Sends commands to Redis in batches without waiting for replies.

    Commands that Redis does not take are dropped: they only prompt reads that happen later anyway.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: list[tuple[str | bytes | int, ...]] = []
        self._sending: asyncio.Task[None] | None = None

    def send_soon(self, *command: str | bytes | int) -> None:
        """Queue a command for the next batch."""
        self._waiting.append(command)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_waiting())

    async def drain(self) -> None:
        """Wait until everything has been sent or dropped."""
        if self._sending:
            await asyncio.wait([self._sending])

    async def _send_waiting(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            pipe = self._redis.pipeline(transaction=False)
            for command in batch:
                pipe.execute_command(*command)
            with suppress(RedisError, OSError):
                async with asyncio.timeout(COMMAND_TIMEOUT):
                    await pipe.execute(raise_on_error=False)


class Announcer:
    """Publishes changes. A lost message delays a watcher until its next read."""

    def __init__(self, outbox: CommandOutbox) -> None:
        self._outbox = outbox

    def announce_change(self, user_id: str, video_id: str) -> None:
        """Announce that a video has changed."""
        self._outbox.send_soon("PUBLISH", CHANGED_CHANNEL + user_id, video_id)

    def announce_stop(self, video_id: str) -> None:
        """Tell the worker that has this video to stop at once; its lease is already revoked."""
        self._outbox.send_soon("PUBLISH", STOP_CHANNEL, video_id)


async def listen_for_stops(redis_url: str) -> AsyncGenerator[str, None]:
    """Yield ids of videos to stop, endlessly; nothing while Redis is away."""
    while True:
        with suppress(RedisError, OSError):
            async with Redis.from_url(redis_url, health_check_interval=15) as redis, redis.pubsub() as pubsub:
                await pubsub.subscribe(STOP_CHANNEL)
                async for message in pubsub.listen():
                    if message["type"] == "message":
                        yield message["data"].decode()
        await asyncio.sleep(RECONNECT_SECONDS)


class Watcher:
    """The newest snapshot of each video that one reader watches, until taken."""

    __slots__ = ("_fresh", "_news", "video_id")

    def __init__(self, video_id: str | None) -> None:
        self.video_id = video_id
        self._fresh: dict[str, VideoSnapshot] = {}
        self._news = asyncio.Event()

    def offer_snapshot(self, snapshot: VideoSnapshot) -> None:
        """Replace an older snapshot of the same video."""
        if self.video_id in (None, snapshot.video_id):
            self._fresh[snapshot.video_id] = snapshot
            self._news.set()

    def prompt_read(self) -> None:
        """Wake the reader because a change may have been missed."""
        self._news.set()

    async def take_snapshots(self, timeout: float) -> list[VideoSnapshot]:
        """New snapshots, waiting up to `timeout` seconds; empty if the reader should read the rows itself."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._news.wait()
        fresh = list(self._fresh.values())
        self._fresh.clear()
        self._news.clear()
        return fresh


class EventHub:
    """Receives changes for one web process: one Redis connection, any number of watchers."""

    def __init__(self, redis_url: str, load: SnapshotLoader) -> None:
        self._redis = Redis.from_url(redis_url, health_check_interval=15)
        self._load = load
        self._watchers: defaultdict[str, set[Watcher]] = defaultdict(set)
        self._confirmed: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._dirty: dict[str, str] = {}
        self._work = asyncio.Event()
        self._pubsub: PubSub | None = None
        self.connected = False

    @property
    def watcher_count(self) -> int:
        """The number of watchers."""
        return sum(map(len, self._watchers.values()))

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._listen_to_channels()), asyncio.create_task(self._deliver_changes())]
        for task in self._tasks:
            task.add_done_callback(self._log_crash)
        return self

    def _log_crash(self, task: asyncio.Task[None]) -> None:
        """Log a crashed task; watchers read the rows themselves from then on."""
        if not task.cancelled() and (error := task.exception()):
            self.connected = False
            log.error("crash", exc_info=error)

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()

    @asynccontextmanager
    async def watch(self, user_id: str, video_id: str | None = None) -> AsyncIterator[Watcher]:
        """Watch one video, or all of a user's. Inside the block no change is missed; read the present state first."""
        watcher = Watcher(video_id)
        self._watchers[user_id].add(watcher)
        try:
            await self._subscribe_user(user_id)
            yield watcher
        finally:
            self._watchers[user_id].discard(watcher)
            if not self._watchers[user_id]:
                await self._unsubscribe_user(user_id)

    async def _subscribe_user(self, user_id: str) -> None:
        confirmed = self._confirmed[user_id]
        if confirmed.is_set() or self._pubsub is None:
            return
        with suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(CONFIRM_SECONDS):
                await self._pubsub.subscribe(CHANGED_CHANNEL + user_id)
                await confirmed.wait()

    async def _unsubscribe_user(self, user_id: str) -> None:
        del self._watchers[user_id]
        self._confirmed.pop(user_id, None)
        if self._pubsub is not None:
            with suppress(RedisError, OSError):
                await self._pubsub.unsubscribe(CHANGED_CHANNEL + user_id)

    async def _listen_to_channels(self) -> None:
        while True:
            with suppress(RedisError, OSError):
                async with self._redis.pubsub() as pubsub:
                    self._pubsub = pubsub
                    await pubsub.subscribe("kinora:hub", *(CHANGED_CHANNEL + user for user in self._watchers))
                    self.connected = True
                    async for message in pubsub.listen():
                        self._receive_message(message["type"], message["channel"].decode(), message["data"])
            self._pubsub, self.connected = None, False
            await asyncio.sleep(RECONNECT_SECONDS)

    def _receive_message(self, kind: str, channel: str, data: bytes) -> None:
        user_id = channel.removeprefix(CHANGED_CHANNEL)
        if kind == "subscribe" and user_id in self._watchers:
            self._confirm_subscription(user_id)
        elif kind == "message" and user_id in self._watchers:
            self._dirty[data.decode()] = user_id
            self._work.set()

    def _confirm_subscription(self, user_id: str) -> None:
        """Note the subscription. A second confirmation means that the connection was lost in between."""
        if self._confirmed[user_id].is_set():
            for watcher in self._watchers[user_id]:
                watcher.prompt_read()
        self._confirmed[user_id].set()

    async def _deliver_changes(self) -> None:
        """Read each changed video once, however often it was announced, and many with one statement."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._dirty:
                await self._deliver_batch(list(islice(self._dirty, READ_BATCH)))

    async def _deliver_batch(self, video_ids: list[str]) -> None:
        told = {video_id: self._dirty.pop(video_id) for video_id in video_ids}
        watched = {video_id: user_id for video_id, user_id in told.items() if self._is_watched(user_id, video_id)}
        for snapshot in await self._load(list(watched)) if watched else ():
            self._offer_to_watchers(watched.pop(snapshot.video_id), snapshot)
        for user_id in watched.values():
            self._offer_to_watchers(user_id, None)

    def _is_watched(self, user_id: str, video_id: str) -> bool:
        return any(watcher.video_id in (None, video_id) for watcher in self._watchers.get(user_id, ()))

    def _offer_to_watchers(self, user_id: str, snapshot: VideoSnapshot | None) -> None:
        for watcher in self._watchers.get(user_id, ()):
            if snapshot is None:
                watcher.prompt_read()
            elif snapshot.user_id == user_id:
                watcher.offer_snapshot(snapshot)
