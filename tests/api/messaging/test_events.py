"""Announcements of changed videos, from a process that makes a change to the watchers in another, over a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from api.http.state import AppState
from api.messaging.events import (
    CHANGED_CHANNEL,
    STOP_CHANNEL,
    Announcer,
    CommandOutbox,
    EventHub,
    VideoSnapshot,
    Watcher,
    listen_for_stops,
)
from api.settings import Settings
from tests.support.generations import create, person
from tests.support.workers import PATIENCE


class SnapshotStore:
    """A loader of snapshots that records which videos each read asked for. A deleted video is left out."""

    def __init__(self) -> None:
        self.owners: dict[str, str] = {}
        self.reads: list[list[str]] = []

    async def load_snapshots(self, video_ids: list[str]) -> list[VideoSnapshot]:
        self.reads.append(video_ids)
        return [
            VideoSnapshot(video_id, self.owners[video_id], len(self.reads), terminal=False, data=b"{}")
            for video_id in video_ids
            if video_id in self.owners
        ]


@pytest.fixture
def snapshot_store() -> SnapshotStore:
    store = SnapshotStore()
    store.owners = {"video_a": "user_a", "video_b": "user_a", "video_c": "user_c"}
    return store


@pytest.fixture
async def event_hub(settings: Settings, redis: Redis, snapshot_store: SnapshotStore) -> AsyncIterator[EventHub]:
    async with connected_hub(settings.redis_url, snapshot_store) as hub:
        yield hub


@asynccontextmanager
async def connected_hub(redis_url: str, store: SnapshotStore) -> AsyncIterator[EventHub]:
    async with EventHub(redis_url, store.load_snapshots) as hub:
        async with asyncio.timeout(PATIENCE):
            while not hub.connected:  # noqa: ASYNC110 - a flag, not an event
                await asyncio.sleep(0.01)
        yield hub


async def wait_until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - the condition lies in Redis
            await asyncio.sleep(0.01)


async def announce_changes(redis: Redis, user_id: str, *video_ids: str) -> None:
    outbox = CommandOutbox(redis)
    for video_id in video_ids:
        Announcer(outbox).announce_change(user_id, video_id)
    await outbox.drain()


async def watched_ids(watcher: Watcher) -> list[str]:
    return [snapshot.video_id for snapshot in await watcher.take_snapshots(PATIENCE)]


async def test_a_change_reaches_the_watchers_of_the_video_and_of_its_owner(redis: Redis, event_hub: EventHub) -> None:
    async with event_hub.watch("user_a", "video_a") as of_video, event_hub.watch("user_a") as of_user:
        await announce_changes(redis, "user_a", "video_a")
        assert await watched_ids(of_video) == ["video_a"]
        assert await watched_ids(of_user) == ["video_a"]


async def test_a_change_of_another_video_is_neither_read_nor_delivered(
    redis: Redis, event_hub: EventHub, snapshot_store: SnapshotStore
) -> None:
    async with event_hub.watch("user_a", "video_a") as watcher:
        await announce_changes(redis, "user_a", "video_b", "video_a")
        assert await watched_ids(watcher) == ["video_a"]
    assert snapshot_store.reads == [["video_a"]]


async def test_many_watchers_cost_one_read(redis: Redis, event_hub: EventHub, snapshot_store: SnapshotStore) -> None:
    async with event_hub.watch("user_a") as first, event_hub.watch("user_a") as second:
        await announce_changes(redis, "user_a", "video_a")
        assert await watched_ids(first) == await watched_ids(second) == ["video_a"]
    assert snapshot_store.reads == [["video_a"]]


async def test_a_deleted_video_prompts_its_watchers_to_read(redis: Redis, event_hub: EventHub) -> None:
    async with asyncio.timeout(PATIENCE), event_hub.watch("user_a", "video_deleted") as watcher:
        await announce_changes(redis, "user_a", "video_deleted")
        assert await watcher.take_snapshots(2 * PATIENCE) == []


async def test_a_slow_watcher_keeps_the_newest_snapshot_of_each_video() -> None:
    watcher = Watcher(None)
    for version in (1, 2, 3):
        for video_id in ("video_a", "video_b"):
            watcher.offer_snapshot(VideoSnapshot(video_id, "user_a", version, terminal=False, data=b"{}"))
    snapshots = await watcher.take_snapshots(0)
    assert [(snapshot.video_id, snapshot.version) for snapshot in snapshots] == [("video_a", 3), ("video_b", 3)]
    assert await watcher.take_snapshots(0) == []


async def test_the_subscription_ends_with_the_last_watcher(redis: Redis, event_hub: EventHub) -> None:
    async with event_hub.watch("user_a"):
        async with event_hub.watch("user_a"):
            assert event_hub.watcher_count == 2
        assert await redis.pubsub_numsub(CHANGED_CHANNEL + "user_a") == [(b"kinora:changed:user_a", 1)]
    assert event_hub.watcher_count == 0

    async def unsubscribed() -> bool:
        return not await redis.pubsub_channels(CHANGED_CHANNEL + "*")

    await wait_until(unsubscribed)


async def test_a_lost_connection_prompts_watchers_to_read_and_is_made_anew(redis: Redis, event_hub: EventHub) -> None:
    async with asyncio.timeout(PATIENCE), event_hub.watch("user_a") as watcher:
        for client in await redis.client_list(_type="pubsub"):
            await redis.client_kill_filter(_id=client["id"])
        assert await watcher.take_snapshots(2 * PATIENCE) == [], "a change may have been missed"
        await announce_changes(redis, "user_a", "video_a")
        assert await watched_ids(watcher) == ["video_a"]


async def test_a_message_about_somebody_elses_video_tells_nothing(isolated_state: AppState, redis: Redis) -> None:
    account, stranger = await person(isolated_state), await person(isolated_state)
    video_id = await create(isolated_state, account)
    async with isolated_state.hub.watch(stranger.id) as watcher:
        await redis.publish(CHANGED_CHANNEL + stranger.id, video_id)
        own = await create(isolated_state, stranger)
        Announcer(CommandOutbox(redis)).announce_change(stranger.id, own)
        snapshots: list[VideoSnapshot] = []
        while not snapshots:
            snapshots = await watcher.take_snapshots(5)
        assert {snapshot.user_id for snapshot in snapshots} == {stranger.id}


async def test_without_redis_a_hub_is_not_connected_and_can_be_watched(
    tmp_path: Path, snapshot_store: SnapshotStore
) -> None:
    async with EventHub(f"unix://{tmp_path}/nowhere", snapshot_store.load_snapshots) as hub:
        async with hub.watch("user_a") as watcher:
            assert not hub.connected
            assert await watcher.take_snapshots(0) == []
        assert hub.watcher_count == 0


async def test_without_redis_commands_are_dropped(tmp_path: Path) -> None:
    async with Redis.from_url(f"unix://{tmp_path}/nowhere") as unreachable, asyncio.timeout(PATIENCE):
        await announce_changes(unreachable, "user_a", "video_a", "video_b")


async def test_a_stop_reaches_every_listener(redis: Redis, settings: Settings) -> None:
    async def both_listen() -> bool:
        subscribers: list[tuple[bytes, int]] = await redis.pubsub_numsub(STOP_CHANNEL)
        return subscribers == [(STOP_CHANNEL.encode(), 2)]

    async with (
        asyncio.timeout(PATIENCE),
        aclosing(listen_for_stops(settings.redis_url)) as first,
        aclosing(listen_for_stops(settings.redis_url)) as second,
    ):
        stops = [asyncio.ensure_future(anext(listener)) for listener in (first, second)]
        await wait_until(both_listen)
        outbox = CommandOutbox(redis)
        Announcer(outbox).announce_stop("video_a")
        await outbox.drain()
        assert await asyncio.gather(*stops) == ["video_a", "video_a"]
