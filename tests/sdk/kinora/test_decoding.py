"""Responses that cannot be read, and those of newer and older servers."""

from __future__ import annotations

from collections.abc import Callable

import kinora
import pytest

from tests.support.api_examples import video
from tests.support.scripted_server import Reply, connect, respond, scripted_server

UNREADABLE: list[Callable[[], Reply]] = [
    lambda: respond(200, raw=b"<html>Please log in</html>", content_type="text/html"),
    lambda: respond(200, raw=b'{"id": "video_1", "sta'),
    lambda: respond(200, raw=b'{"id": "\xff"}'),
    lambda: respond(200, raw=b"no gzip", content_encoding="gzip"),
    lambda: respond(204, raw=b""),
]


@pytest.mark.parametrize("page", UNREADABLE)
def test_an_unreadable_response_raises_an_error_of_this_package(page: Callable[[], Reply]) -> None:
    with (
        scripted_server(page()) as server,
        connect(server) as sdk,
        pytest.raises(kinora.UnreadableAnswer, match="cannot be"),
    ):
        sdk.videos.get("video_1")
    assert len(server.requests) == 1


@pytest.mark.parametrize("page", UNREADABLE)
async def test_an_unreadable_response_raises_in_the_async_client(page: Callable[[], Reply]) -> None:
    with scripted_server(page()) as server:
        async with kinora.AsyncKinora(api_key="k", base_url=server.url) as sdk:
            with pytest.raises(kinora.UnreadableAnswer, match="cannot be"):
                await sdk.videos.get("video_1")


def test_values_and_fields_of_a_newer_server_are_accepted() -> None:
    future = video(
        status="dreaming", quality="ultra", holograms=[1], cost={**video()["cost"], "state": "gifted", "x": 2}
    )
    with scripted_server(respond(200, future)) as server, connect(server) as sdk:
        seen = sdk.videos.get("video_1")
    assert (seen.status, seen.quality, seen.cost.state) == ("dreaming", "ultra", "gifted")


def test_fields_that_an_older_server_lacks_are_none_or_empty() -> None:
    past = video()
    for later in ("share_url", "eta_seconds", "remixed_from_video_id", "variations"):
        past.pop(later, None)
    past["cost"] = {name: value for name, value in past["cost"].items() if name != "relaxed"}
    bare = {name: value for name, value in past.items() if name != "status"}
    with scripted_server(respond(200, past), respond(200, bare)) as server, connect(server) as sdk:
        seen = sdk.videos.get("video_1")
        assert (seen.eta_seconds, seen.cost.relaxed) == (None, False)
        with pytest.raises(kinora.UnreadableAnswer, match="status"):
            sdk.videos.get("video_1")
