"""Event streams of videos: watched, broken, and opened again."""

from __future__ import annotations

import gc
import weakref
from itertools import islice

import httpx2
import kinora
import pytest
from kinora import Kinora

from tests.support.api_examples import video
from tests.support.event_feeds import video_feed
from tests.support.scripted_server import respond, scripted_server


def client(url: str) -> Kinora:
    return Kinora(api_key="k", base_url=url, retry_pause=0.001, max_retries=1)


def test_an_unreadable_event_raises() -> None:
    broken = respond(200, raw=b"event: video\ndata: {\n\n", content_type="text/event-stream")
    with scripted_server(broken) as server, client(server.url) as sdk, pytest.raises(kinora.UnreadableAnswer):
        next(sdk.videos.watch("video_1"))


def test_watch_all_resumes_from_the_last_event() -> None:
    again = b"event: reconnect\nretry: 1\ndata: {}\n\n"
    with (
        scripted_server(video_feed(video(id="a"), video(id="b"), end=again), video_feed(video(id="c"))) as server,
        client(server.url) as sdk,
    ):
        stream = sdk.videos.watch_all()
        assert [next(stream).id for _ in range(3)] == ["a", "b", "c"]
        stream.close()
    assert "last-event-id" not in server.requests[0].headers
    assert server.requests[1].headers["last-event-id"] == "1-x"


def test_watching_keeps_no_reference_to_streams_that_have_ended() -> None:
    responses: list[weakref.ref[httpx2.Response]] = []
    hooks = {"response": [lambda response: responses.append(weakref.ref(response))]}
    again = b"event: reconnect\nretry: 1\ndata: {}\n\n"
    with (
        scripted_server(*(video_feed(video(id=str(at)), end=again) for at in range(5))) as server,
        httpx2.Client(event_hooks=hooks) as http_client,
        Kinora(api_key="k", base_url=server.url, http_client=http_client) as sdk,
    ):
        states = sdk.videos.watch_all()
        assert [one.id for one in islice(states, 5)] == ["0", "1", "2", "3", "4"]
        gc.collect()
        assert [response() is not None for response in responses] == [False, False, False, False, True]
        states.close()
