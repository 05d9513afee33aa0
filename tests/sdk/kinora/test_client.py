"""Settings and connections of a client."""

from __future__ import annotations

import asyncio
import gc
import math
from typing import Any

import kinora
import pytest
from kinora import AsyncKinora, Kinora

from tests.support.api_examples import video
from tests.support.scripted_server import connect, respond, scripted_server


def test_server_and_key_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted_server(respond(200, video())) as server:
        monkeypatch.setenv("KINORA_API_KEY", "kin_env")
        monkeypatch.setenv("KINORA_BASE_URL", f"{server.url}/v1/")
        with Kinora() as sdk:
            sdk.videos.get("video_1")
    assert server.requests[0].path == "/v1/videos/video_1"
    assert server.requests[0].headers["authorization"] == "Bearer kin_env"


@pytest.mark.parametrize(
    "setting",
    [{"timeout": 0}, {"timeout": -1}, {"timeout": math.nan}, {"max_retries": -1}, {"retry_pause": -1}],
    ids=str,
)
def test_an_invalid_setting_is_refused_at_once(setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        Kinora(**setting)
    with Kinora() as sdk, pytest.raises(ValueError, match=next(iter(setting))):
        sdk.with_options(**setting)


async def test_cancelling_an_async_call_ends_it_at_once() -> None:
    """A server that accepts and never answers must not hold the task."""
    heard = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with kinora.AsyncKinora(api_key="k", base_url=url) as sdk:
            task = asyncio.create_task(sdk.videos.get("video_1"))
            await heard.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


def test_a_local_server_is_not_reached_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with scripted_server(respond(200, video())) as server, connect(server) as sdk:
        assert sdk.videos.get("video_1").id == video()["id"]


def test_one_async_client_serves_several_event_loops() -> None:
    """As in a script that calls `asyncio.run` twice. Each loop leaves no connection behind."""
    with scripted_server(*(respond(200, video()) for _ in range(5))) as server:
        sdk = AsyncKinora(api_key="k", base_url=server.url)

        async def get_twice() -> list[str]:
            videos = await asyncio.gather(sdk.videos.get("video_1"), sdk.videos.get("video_1"))
            return [video.id for video in videos]

        async def get_within() -> str:
            async with sdk:
                return (await sdk.videos.get("video_1")).id

        assert asyncio.run(get_twice()) == asyncio.run(get_twice()) == [video()["id"]] * 2
        assert asyncio.run(get_within()) == video()["id"]
    gc.collect()  # a connection left open would warn, and a warning is an error here


async def test_a_closed_async_client_opens_again_when_it_is_used() -> None:
    with scripted_server(respond(200, video()), respond(200, video())) as server:
        sdk = AsyncKinora(api_key="k", base_url=server.url)
        await sdk.videos.get("video_1")
        await sdk.close()
        async with sdk:
            assert (await sdk.videos.get("video_1")).id == video()["id"]
