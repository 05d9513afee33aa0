"""Waiting for a video: event streams, streams that break, servers without them, and every outcome."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from itertools import chain, repeat
from typing import Any

import kinora
import pytest
from kinora import AsyncKinora, Kinora
from kinora._wait import MAX_EMPTY_STREAMS

from tests.support.api_examples import problem, video
from tests.support.event_feeds import encode_events, video_feed
from tests.support.scripted_server import Reply, break_off, reset_connection, respond, scripted_server

DONE = video(status="completed", progress=100)


FAILURE = {"code": "bad_frames", "retryable": True, "refunded": True, "user_message": "The picture broke."}


def client(url: str) -> Kinora:
    return Kinora(api_key="k", base_url=url, retry_pause=0.001, max_retries=1)


def test_wait_follows_the_stream_and_reports_progress() -> None:
    states = [video(status="queued", progress=0), video(progress=40), video(progress=40), DONE]
    told: list[int] = []
    with scripted_server(video_feed(*states)) as server, client(server.url) as sdk:
        done = sdk.videos.wait("video_1", on_progress=lambda one: told.append(one.progress))
    assert done.status == "completed"
    assert told == [0, 40, 100]
    assert [request.path for request in server.requests] == ["/v1/videos/video_1/events"]
    assert server.requests[0].headers["accept"] == "text/event-stream"


def test_a_stream_that_breaks_is_opened_again() -> None:
    half = encode_events(video(progress=10)) + b"id: 1-x\nevent: vid"
    script_of = (
        break_off(200, half, len(half) + 100, content_type="text/event-stream"),
        video_feed(video(progress=60), end=b"event: reconnect\nretry: 1\ndata: {}\n\n"),
        video_feed(DONE),
    )
    told: list[int] = []
    with scripted_server(*script_of) as server, client(server.url) as sdk:
        sdk.videos.wait("video_1", on_progress=lambda one: told.append(one.progress))
    assert told == [10, 60, 100]
    assert len(server.requests) == 3


def test_wait_polls_at_the_servers_pace_without_streams() -> None:
    streams = [respond(404, problem(404, "not_found"))]
    with scripted_server(*streams) as server, client(server.url) as sdk, pytest.raises(kinora.NotFound):
        sdk.videos.wait("video_1")

    blind = [respond(500, raw=b"no streams through this proxy") for _ in range(2 * MAX_EMPTY_STREAMS)]
    asks = [respond(200, video(progress=50), openai_poll_after_ms="1"), respond(200, DONE)]
    with scripted_server(*blind, *asks) as server, client(server.url) as sdk:
        assert sdk.videos.wait("video_1").status == "completed"
    assert [request.path for request in server.requests[-2:]] == ["/v1/videos/video_1"] * 2


@pytest.mark.parametrize(
    ("ended", "kind"),
    [
        (video(status="failed", failure=FAILURE), kinora.VideoFailed),
        (video(status="cancelled"), kinora.VideoCancelled),
    ],
)
def test_a_failed_or_cancelled_video_is_raised_with_it(ended: dict[str, Any], kind: type[Exception]) -> None:
    with scripted_server(video_feed(ended)) as server, client(server.url) as sdk, pytest.raises(kind) as caught:
        sdk.videos.wait("video_1")
    seen = getattr(caught.value, "video", None)
    assert isinstance(seen, kinora.types.Video)
    assert seen.status == ended["status"]


def test_a_failure_has_the_servers_message() -> None:
    ended = video(status="failed", failure=FAILURE)
    with (
        scripted_server(video_feed(ended)) as server,
        client(server.url) as sdk,
        pytest.raises(kinora.VideoFailed, match="The picture broke"),
    ):
        sdk.videos.wait("video_1")


def test_a_timeout_is_raised_with_the_video_as_last_seen() -> None:
    with (
        scripted_server(video_feed(video(progress=7))) as server,
        client(server.url) as sdk,
        pytest.raises(kinora.WaitTimeout, match="7 %") as caught,
    ):
        sdk.videos.wait("video_1", timeout=0)
    assert caught.value.video.progress == 7
    with (
        scripted_server(respond(500), respond(200, video(progress=8))) as server,
        client(server.url) as sdk,
        pytest.raises(kinora.WaitTimeout) as caught,
    ):
        sdk.videos.wait("video_1", timeout=0)
    assert caught.value.video.progress == 8


def pinging(*pieces: bytes) -> Reply:
    """A stream without end: these pieces, then a ping every twentieth of a second until the client leaves."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.end_headers()
        handler.close_connection = True
        with suppress(OSError):
            for piece in chain(pieces, repeat(b": ping\n\n")):
                handler.wfile.write(piece)
                handler.wfile.flush()
                threading.Event().wait(0.05)

    return reply


def test_a_stream_of_pings_does_not_outlast_the_timeout() -> None:
    streams = [pinging(encode_events(video(progress=7))) for _ in range(20)]
    with scripted_server(*streams) as server, client(server.url) as sdk:
        began = time.monotonic()
        with pytest.raises(kinora.WaitTimeout, match="7 %"):
            sdk.videos.wait("video_1", timeout=0.4)
    assert time.monotonic() - began < 2


def test_a_failing_server_does_not_outlast_the_timeout() -> None:
    asks = [respond(503, problem(503, "unavailable"), retry_after="30") for _ in range(9)]
    with (
        scripted_server(video_feed(video(progress=7)), *asks) as server,
        Kinora(api_key="k", base_url=server.url) as sdk,
    ):
        began = time.monotonic()
        with pytest.raises(kinora.WaitTimeout, match="7 %"):
            sdk.videos.wait("video_1", timeout=1)
    assert time.monotonic() - began < 10


def test_a_page_in_place_of_a_stream_fails_watch_but_not_wait() -> None:
    pages = [respond(200, raw=b"<html>", content_type="text/html") for _ in range(MAX_EMPTY_STREAMS)]
    with scripted_server(*pages[:1]) as server, client(server.url) as sdk, pytest.raises(kinora.UnreadableAnswer):
        next(sdk.videos.watch("video_1"))
    with scripted_server(*pages, respond(200, DONE)) as server, client(server.url) as sdk:
        assert sdk.videos.wait("video_1").status == "completed"


def test_create_and_wait_reports_the_video_before_waiting() -> None:
    told: list[str] = []
    replies = (respond(200, video(status="queued")), video_feed(video(status="cancelled")))
    with scripted_server(*replies) as server, client(server.url) as sdk, pytest.raises(kinora.VideoCancelled):
        sdk.videos.create_and_wait(prompt="a boat", on_created=lambda one: told.append(one.id))
    assert told == [video()["id"]]


async def test_the_async_client_waits_and_awaits_callbacks() -> None:
    told: list[int] = []

    async def note(one: kinora.types.Video) -> None:
        told.append(one.progress)

    replies = (
        respond(200, video(status="queued", progress=0)),
        reset_connection(),
        video_feed(video(progress=40), DONE),
    )
    with scripted_server(*replies) as server:
        async with AsyncKinora(api_key="k", base_url=server.url, retry_pause=0.001) as sdk:
            done = await sdk.videos.create_and_wait(prompt="a boat", on_created=note, on_progress=note)
            assert done.status == "completed"
    assert told == [0, 40, 100]


def test_watching_after_the_last_event_ends_at_once() -> None:
    with scripted_server(respond(204, raw=b"")) as server, client(server.url) as sdk:
        assert list(sdk.videos.watch("video_1", last_event_id="9-video_1")) == []
    assert [request.headers["last-event-id"] for request in server.requests] == ["9-video_1"]
