"""Watching: the present state first, then every change, to whoever may see it, until the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import httpx
import msgspec
import pytest
from redis.asyncio import Redis

from api.http.state import AppState
from api.messaging.events import Announcer, CommandOutbox, EventHub, VideoSnapshot
from api.videos import event_stream
from api.videos.event_stream import VideoEventStreams
from tests.support.generations import MEDIA, claim, create, person
from tests.support.users import Person, sign_up


def parsed(frames: bytes) -> list[dict[str, str]]:
    """The events of a piece of a stream."""
    blocks = [block for block in frames.decode().split("\n\n") if block and not block.startswith(":")]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


async def following(stream: AsyncIterator[bytes]) -> list[dict[str, str]]:
    """The next events, whatever pings come before them."""
    async with asyncio.timeout(20):
        while not (events := parsed(await anext(stream))):
            pass
    return events


def state(event: dict[str, str]) -> str:
    return str(msgspec.json.decode(event["data"])["status"])


async def test_a_video_is_watched_from_its_present_state_to_its_end(isolated_state: AppState) -> None:
    account = await person(isolated_state)
    video_id = await create(isolated_state, account)
    async with aclosing(isolated_state.event_streams.stream_video(video_id, account.id)) as stream:
        [first] = await following(stream)
        assert (first["event"], state(first)) == ("video", "queued")
        assert first["id"].endswith(f"-{video_id}")
        claimed_job = await claim(isolated_state)
        [second] = await following(stream)
        assert state(second) == "in_progress"
        await isolated_state.lifecycle.report_progress(claimed_job, 50, 2.0)
        [third] = await following(stream)
        assert msgspec.json.decode(third["data"])["progress"] == 50
        await isolated_state.lifecycle.complete(claimed_job, MEDIA)
        [last] = await following(stream)
        assert state(last) == "completed"
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
    assert isolated_state.hub.watcher_count == 0


async def test_a_terminal_video_is_one_event(isolated_state: AppState) -> None:
    account = await person(isolated_state)
    video_id = await create(isolated_state, account)
    await isolated_state.lifecycle.cancel(video_id, account.id)
    frames = [frame async for frame in isolated_state.event_streams.stream_video(video_id, account.id)]
    assert [state(event) for event in parsed(b"".join(frames))] == ["cancelled"]


async def test_all_videos_continue_after_the_last_event_seen(isolated_state: AppState) -> None:
    account, stranger = await person(isolated_state, "pro"), await person(isolated_state)
    old, young = await create(isolated_state, account), await create(isolated_state, account)
    async with aclosing(isolated_state.event_streams.stream_all_videos(account.id, None)) as stream:
        one, two = await following(stream)
        assert [one["id"].partition("-")[2], two["id"].partition("-")[2]] == [old, young]
        await create(isolated_state, stranger)
        await isolated_state.lifecycle.cancel(old, account.id)
        [changed] = await following(stream)
        assert state(changed) == "cancelled"
    await isolated_state.lifecycle.cancel(young, account.id)
    async with aclosing(isolated_state.event_streams.stream_all_videos(account.id, changed["id"])) as stream:
        [missed] = await following(stream)
        assert missed["id"].endswith(young)
        assert state(missed) == "cancelled"


async def test_a_feed_ends_when_its_video_is_deleted(isolated_state: AppState) -> None:
    account = await person(isolated_state)
    video_id = await create(isolated_state, account)
    async with aclosing(isolated_state.event_streams.stream_video(video_id, account.id)) as stream:
        await following(stream)
        await isolated_state.library.delete(video_id, account.id)
        Announcer(CommandOutbox(isolated_state.redis)).announce_change(account.id, video_id)
        rest = [event async for event in stream]
    assert len(rest) <= 1, "at most what it was just before"


async def test_a_slow_reader_gets_the_newest_state_only(isolated_state: AppState) -> None:
    account = await person(isolated_state)
    video_id = await create(isolated_state, account)
    async with aclosing(isolated_state.event_streams.stream_video(video_id, account.id)) as stream:
        await following(stream)
        claimed_job = await claim(isolated_state)
        for progress in range(10, 100, 10):
            await isolated_state.lifecycle.report_progress(claimed_job, progress, None)
        seen: list[int] = []
        while not seen or seen[-1] < 90:
            seen += [msgspec.json.decode(event["data"])["progress"] for event in await following(stream)]
        assert len(seen) < 10
        assert seen == sorted(seen)


async def test_waiting_holds_until_the_end(isolated_state: AppState) -> None:
    account = await person(isolated_state)
    video_id = await create(isolated_state, account)
    assert (await isolated_state.event_streams.wait_until_terminal(video_id, account.id, 0.05)).state == "queued"
    waiting = asyncio.create_task(isolated_state.event_streams.wait_until_terminal(video_id, account.id, 20))
    await isolated_state.lifecycle.complete(await claim(isolated_state), MEDIA)
    assert (await waiting).state == "completed"


async def test_without_redis_watchers_look_for_themselves(isolated_state: AppState, tmp_path: object) -> None:
    account = await person(isolated_state)
    video_id = await create(isolated_state, account)
    nowhere = f"unix://{tmp_path}/nowhere"

    async def load(_: list[str]) -> list[VideoSnapshot]:
        return []

    async with EventHub(nowhere, load) as hub:
        blind = VideoEventStreams(hub, isolated_state.library, isolated_state.serializer)
        async with aclosing(blind.stream_video(video_id, account.id)) as stream:
            assert state((await following(stream))[0]) == "queued"
            await isolated_state.lifecycle.cancel(video_id, account.id)
            assert state((await following(stream))[0]) == "cancelled"
        async with aclosing(blind.stream_all_videos(account.id, None)) as everything:
            video_id = await create(isolated_state, account)
            assert (await following(everything))[0]["id"].endswith(video_id)
            await isolated_state.lifecycle.cancel(video_id, account.id)
            assert state((await following(everything))[0]) == "cancelled"


async def test_watchers_come_back_when_redis_does(isolated_state: AppState, redis: Redis) -> None:
    account = await person(isolated_state)
    video_id = await create(isolated_state, account)
    async with aclosing(isolated_state.event_streams.stream_video(video_id, account.id)) as stream:
        await following(stream)
        for client in await redis.client_list(_type="pubsub"):
            await redis.client_kill_filter(_id=client["id"])
        await isolated_state.lifecycle.cancel(video_id, account.id)
        assert state((await following(stream))[0]) == "cancelled"


@pytest.mark.parametrize("text", [None, "", "1-", "x-y", "1-video_short", "9" * 30 + "-x", "-1-video_" + "0" * 26])
def test_an_event_id_that_is_not_ours_is_none(text: str | None) -> None:
    assert event_stream.parse_last_event_id(text) is None


async def test_the_feed_over_http_says_who_may_watch(client: httpx.AsyncClient, account: Person) -> None:
    made = (await client.post("/v1/videos", json={"prompt": "a ball"}, headers=account.headers)).json()
    stranger = await sign_up(client)
    assert (await client.get(f"/v1/videos/{made['id']}/events", headers=stranger.headers)).status_code == 404
    assert (await client.get("/v1/events")).status_code == 401
    await client.delete(f"/v1/videos/{made['id']}", headers=account.headers)


@pytest.mark.xdist_group("backend")
async def test_a_browser_follows_a_clip_as_it_is_made(backend_client: httpx.AsyncClient, backend_user: Person) -> None:
    body = {"prompt": "a ball", "size": "640x384", "seconds": 10}  # long enough for some progress to be told
    made = (await backend_client.post("/v1/videos", json=body, headers=backend_user.headers)).json()
    events = b""
    async with backend_client.stream("GET", f"/v1/videos/{made['id']}/events", headers=backend_user.headers) as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["x-accel-buffering"] == "no"
        async for piece in answer.aiter_bytes():
            events += piece
    shown = [msgspec.json.decode(event["data"]) for event in parsed(events)]
    assert shown[-1]["status"] == "completed"
    assert shown[-1]["assets"]["video"]
    progress = [video["progress"] for video in shown]
    assert progress == sorted(progress)
    assert any(0 < one < 100 for one in progress)
    held = await backend_client.get(f"/v1/videos/{made['id']}", headers=backend_user.headers | {"Prefer": "wait=5"})
    assert held.json()["status"] == "completed"
