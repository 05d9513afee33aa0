"""Waiting for a video: live events, streams that break, servers without them, and every way it can end."""

from __future__ import annotations

import gc
import json
import threading
import time
import weakref
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from itertools import chain, islice, pairwise, repeat
from typing import Any

import httpx2
import kinora
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kinora import AsyncKinora, Kinora
from kinora._sse import ServerSentEvent, SSEParser
from kinora._wait import MAX_EMPTY_STREAMS

from tests.sdk.objects import problem, video
from tests.sdk.scripted import Reply, breaks, resets, says, scripted

DONE = video(status="completed", progress=100)
FAILURE = {"code": "bad_frames", "retryable": True, "refunded": True, "user_message": "The picture broke."}


def frames(*videos: dict[str, Any]) -> bytes:
    return b"".join(
        f"id: {at}-x\nevent: video\ndata: {json.dumps(one)}\n\n: ping\n\n".encode() for at, one in enumerate(videos)
    )


def feed(*videos: dict[str, Any], end: bytes = b"") -> Reply:
    return says(200, raw=frames(*videos) + end, content_type="text/event-stream")


def client(url: str) -> Kinora:
    return Kinora(api_key="k", base_url=url, retry_pause=0.001, max_retries=1)


def test_it_is_done_when_the_stream_says_so_and_progress_is_told() -> None:
    states = [video(status="queued", progress=0), video(progress=40), video(progress=40), DONE]
    told: list[int] = []
    with scripted(feed(*states)) as script, client(script.url) as sdk:
        done = sdk.videos.wait("video_1", on_progress=lambda one: told.append(one.progress))
    assert done.status == "completed"
    assert told == [0, 40, 100]
    assert [asked.path for asked in script.asked] == ["/v1/videos/video_1/events"]
    assert script.asked[0].headers["accept"] == "text/event-stream"


def test_a_stream_that_breaks_is_opened_again() -> None:
    half = frames(video(progress=10)) + b"id: 1-x\nevent: vid"
    script_of = (
        breaks(200, half, len(half) + 100, content_type="text/event-stream"),
        feed(video(progress=60), end=b"event: reconnect\nretry: 1\ndata: {}\n\n"),
        feed(DONE),
    )
    told: list[int] = []
    with scripted(*script_of) as script, client(script.url) as sdk:
        sdk.videos.wait("video_1", on_progress=lambda one: told.append(one.progress))
    assert told == [10, 60, 100]
    assert len(script.asked) == 3


def test_where_no_stream_comes_it_asks_at_the_servers_pace() -> None:
    streams = [says(404, problem(404, "not_found"))]
    with scripted(*streams) as script, client(script.url) as sdk, pytest.raises(kinora.NotFound):
        sdk.videos.wait("video_1")

    blind = [says(500, raw=b"no streams through this proxy") for _ in range(2 * MAX_EMPTY_STREAMS)]
    asks = [says(200, video(progress=50), openai_poll_after_ms="1"), says(200, DONE)]
    with scripted(*blind, *asks) as script, client(script.url) as sdk:
        assert sdk.videos.wait("video_1").status == "completed"
    assert [asked.path for asked in script.asked[-2:]] == ["/v1/videos/video_1"] * 2


@pytest.mark.parametrize(
    ("ended", "kind"),
    [
        (video(status="failed", failure=FAILURE), kinora.VideoFailed),
        (video(status="cancelled"), kinora.VideoCancelled),
    ],
)
def test_an_end_without_a_film_is_raised_with_the_video(ended: dict[str, Any], kind: type[Exception]) -> None:
    with scripted(feed(ended)) as script, client(script.url) as sdk, pytest.raises(kind) as caught:
        sdk.videos.wait("video_1")
    seen = getattr(caught.value, "video", None)
    assert isinstance(seen, kinora.types.Video)
    assert seen.status == ended["status"]


def test_a_failure_is_said_in_words() -> None:
    ended = video(status="failed", failure=FAILURE)
    with (
        scripted(feed(ended)) as script,
        client(script.url) as sdk,
        pytest.raises(kinora.VideoFailed, match="The picture broke"),
    ):
        sdk.videos.wait("video_1")


def test_the_time_to_wait_ends_with_the_video_as_last_seen() -> None:
    with (
        scripted(feed(video(progress=7))) as script,
        client(script.url) as sdk,
        pytest.raises(kinora.WaitTimeout, match="7 %") as caught,
    ):
        sdk.videos.wait("video_1", timeout=0)
    assert caught.value.video.progress == 7
    with (
        scripted(says(500), says(200, video(progress=8))) as script,
        client(script.url) as sdk,
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


def test_a_stream_of_nothing_but_pings_does_not_outlast_the_time_to_wait() -> None:
    streams = [pinging(frames(video(progress=7))) for _ in range(20)]
    with scripted(*streams) as script, client(script.url) as sdk:
        began = time.monotonic()
        with pytest.raises(kinora.WaitTimeout, match="7 %"):
            sdk.videos.wait("video_1", timeout=0.4)
    assert time.monotonic() - began < 2


def test_a_server_in_trouble_does_not_outlast_the_time_to_wait() -> None:
    asks = [says(503, problem(503, "unavailable"), retry_after="30") for _ in range(9)]
    with scripted(feed(video(progress=7)), *asks) as script, Kinora(api_key="k", base_url=script.url) as sdk:
        began = time.monotonic()
        with pytest.raises(kinora.WaitTimeout, match="7 %"):
            sdk.videos.wait("video_1", timeout=1)
    assert time.monotonic() - began < 10


def test_a_page_in_place_of_a_stream_is_an_error_for_who_watches_and_none_for_who_waits() -> None:
    pages = [says(200, raw=b"<html>", content_type="text/html") for _ in range(MAX_EMPTY_STREAMS)]
    with scripted(*pages[:1]) as script, client(script.url) as sdk, pytest.raises(kinora.UnreadableAnswer):
        next(sdk.videos.watch("video_1"))
    with scripted(*pages, says(200, DONE)) as script, client(script.url) as sdk:
        assert sdk.videos.wait("video_1").status == "completed"


def test_an_event_that_cannot_be_read_is_an_error_of_this_package() -> None:
    broken = says(200, raw=b"event: video\ndata: {\n\n", content_type="text/event-stream")
    with scripted(broken) as script, client(script.url) as sdk, pytest.raises(kinora.UnreadableAnswer):
        next(sdk.videos.watch("video_1"))


def test_create_and_wait_tells_the_id_before_it_waits() -> None:
    told: list[str] = []
    replies = (says(200, video(status="queued")), feed(video(status="cancelled")))
    with scripted(*replies) as script, client(script.url) as sdk, pytest.raises(kinora.VideoCancelled):
        sdk.videos.create_and_wait(prompt="a boat", on_created=lambda one: told.append(one.id))
    assert told == [video()["id"]]


def test_watching_all_goes_on_from_the_last_event() -> None:
    again = b"event: reconnect\nretry: 1\ndata: {}\n\n"
    with (
        scripted(feed(video(id="a"), video(id="b"), end=again), feed(video(id="c"))) as script,
        client(script.url) as sdk,
    ):
        stream = sdk.videos.watch_all()
        assert [next(stream).id for _ in range(3)] == ["a", "b", "c"]
        stream.close()
    assert "last-event-id" not in script.asked[0].headers
    assert script.asked[1].headers["last-event-id"] == "1-x"


def test_watching_keeps_no_reference_to_streams_that_have_ended() -> None:
    responses: list[weakref.ref[httpx2.Response]] = []
    hooks = {"response": [lambda response: responses.append(weakref.ref(response))]}
    again = b"event: reconnect\nretry: 1\ndata: {}\n\n"
    with (
        scripted(*(feed(video(id=str(at)), end=again) for at in range(5))) as script,
        httpx2.Client(event_hooks=hooks) as http_client,
        Kinora(api_key="k", base_url=script.url, http_client=http_client) as sdk,
    ):
        states = sdk.videos.watch_all()
        assert [one.id for one in islice(states, 5)] == ["0", "1", "2", "3", "4"]
        gc.collect()
        assert [response() is not None for response in responses] == [False, False, False, False, True]
        states.close()


async def test_the_awaited_client_waits_alike_and_awaits_what_it_tells() -> None:
    told: list[int] = []

    async def note(one: kinora.types.Video) -> None:
        told.append(one.progress)

    replies = (says(200, video(status="queued", progress=0)), resets(), feed(video(progress=40), DONE))
    with scripted(*replies) as script:
        async with AsyncKinora(api_key="k", base_url=script.url, retry_pause=0.001) as sdk:
            done = await sdk.videos.create_and_wait(prompt="a boat", on_created=note, on_progress=note)
            assert done.status == "completed"
    assert told == [0, 40, 100]


STREAM = (
    b"\xef\xbb\xbf: hello\n\nid: 7\nevent: video\ndata: one\ndata: two\n\ndata\n\n"
    b"retry: 12\r\ndata:  spaced\r\n\r\nunknown: x\rdata: \xc3\xa9\r\rid: a\0b\ndata: last\n\ndata: never ended"
)
EVENTS = [
    ServerSentEvent("video", "one\ntwo", "7", None),
    ServerSentEvent("message", "", "7", None),
    ServerSentEvent("message", " spaced", "7", 12),
    ServerSentEvent("message", "é", "7", None),
    ServerSentEvent("message", "last", "7", None),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_events_are_the_same_wherever_the_bytes_are_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    parser = SSEParser()
    found = [event for begin, end in pairwise(edges) for event in parser.feed(STREAM[begin:end])]
    assert found == EVENTS
