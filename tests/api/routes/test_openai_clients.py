"""OpenAI's own Python client, unchanged, against a whole running backend: only its base URL is ours."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import urlsplit

import av
import httpx
import openai
import pytest
from openai import AsyncOpenAI
from PIL import Image

from tests.support.media_files import encode_video
from tests.support.users import Person

pytestmark = [
    pytest.mark.filterwarnings("ignore:The Sora API is scheduled"),
    pytest.mark.xdist_group("backend"),
]

PROMPT = "a red ball bounces over green hills at sunset"
PATIENCE = 60


@pytest.fixture
async def api_key(backend_client: httpx.AsyncClient, backend_user: Person) -> str:
    """An API key, as one would paste it into OPENAI_API_KEY."""
    answer = await backend_client.post("/v1/api_keys", json={"name": "old script"}, headers=backend_user.headers)
    return str(answer.raise_for_status().json()["key"])


def picture() -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (90, 160), "teal").save(drawn, "PNG")
    return drawn.getvalue()


def frames(clip: bytes) -> tuple[int, int, int]:
    with av.open(io.BytesIO(clip), "r") as container:
        stream = container.streams.video[0]
        return len(list(container.decode(stream))), stream.width, stream.height


async def test_a_script_written_for_openai_runs_here(backend_url: str, api_key: str) -> None:
    async with AsyncOpenAI(base_url=f"{backend_url}/v1", api_key=api_key, max_retries=0) as client:
        video = await client.videos.create_and_poll(prompt=PROMPT, model="sora-2", seconds="4", size="720x1280")
        assert (video.status, video.progress, video.seconds, video.size) == ("completed", 100, "4", "720x1280")
        assert video.model == "sora-2"

        clip = await client.videos.download_content(video.id)
        count, width, height = await asyncio.to_thread(frames, await clip.aread())
        assert (width, height) == (720, 1280)
        assert count % 4 == 0
        variants: tuple[Literal["thumbnail", "spritesheet"], ...] = ("thumbnail", "spritesheet")
        for variant in variants:
            asset = await client.videos.download_content(video.id, variant=variant)
            assert Image.open(io.BytesIO(await asset.aread())).width > 16

        with_picture = await client.videos.create_and_poll(
            prompt=PROMPT, model="sora-2", seconds="4", input_reference=("first.png", picture(), "image/png")
        )
        assert with_picture.status == "completed"

        remix = await client.videos.poll((await client.videos.remix(with_picture.id, prompt="the same at night")).id)
        assert (remix.status, remix.remixed_from_video_id) == ("completed", with_picture.id)
        await client.videos.delete(remix.id)
        edit = await client.videos.edit(prompt="the same in blue", video=("clip.mp4", encode_video(), "video/mp4"))
        longer = await client.videos.extend(prompt="and on", seconds="4", video=encode_video())
        for made, seconds in ((edit, "2"), (longer, "6")):
            done = await client.videos.poll(made.id)
            assert (done.status, done.seconds, done.size) == ("completed", seconds, "192x320")
            await client.videos.delete(done.id)

        assert (await client.videos.retrieve(video.id)).id == video.id
        assert [one.id async for one in client.videos.list(limit=1)] == [with_picture.id, video.id]
        assert [one.id async for one in client.videos.list(order="asc")] == [video.id, with_picture.id]

        gone = await client.videos.delete(video.id)
        assert (gone.id, gone.deleted, gone.object) == (video.id, True, "video.deleted")
        with pytest.raises(openai.NotFoundError):
            await client.videos.retrieve(video.id)


async def test_images_come_as_openais_do(backend_url: str, api_key: str) -> None:
    async with AsyncOpenAI(base_url=f"{backend_url}/v1", api_key=api_key, max_retries=0) as client:
        inline = await client.images.generate(prompt=PROMPT, n=2, response_format="b64_json")
        assert inline.data is not None
        shown = [Image.open(io.BytesIO(base64.b64decode(one.b64_json or ""))) for one in inline.data]
        assert [(one.format, one.size) for one in shown] == [("JPEG", (320, 192))] * 2
        assert shown[0].tobytes() != shown[1].tobytes()
        linked = await client.images.generate(prompt=PROMPT, size="192x320")
        assert linked.data is not None
        async with httpx.AsyncClient(trust_env=False) as browser:
            fetched = await browser.get(linked.data[0].url or "")
        assert Image.open(io.BytesIO(fetched.content)).size == (192, 320)
        listed = [one async for one in client.videos.list()]
        assert [(one.model_extra or {})["kind"] for one in listed] == ["image"] * 3
        assert {(one.model_extra or {})["cost"]["credits"] for one in listed} == {1}


async def test_mistakes_arrive_as_openais_errors(backend_url: str, api_key: str) -> None:
    async with AsyncOpenAI(base_url=f"{backend_url}/v1", api_key=api_key, max_retries=0) as client:
        with pytest.raises(openai.UnprocessableEntityError) as unknown:
            await client.videos.create(prompt=PROMPT, model="sora-9")
        assert (unknown.value.param, unknown.value.code) == ("model", "invalid")
        with pytest.raises(openai.UnprocessableEntityError) as empty:
            await client.videos.create(prompt="")
        assert empty.value.param == "prompt"
        with pytest.raises(openai.PermissionDeniedError) as long:
            await client.videos.create(prompt=PROMPT, seconds="12")
        assert long.value.param == "seconds"
    async with AsyncOpenAI(base_url=f"{backend_url}/v1", api_key="kin_wrong", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError):
            await stranger.videos.list()


async def test_a_connection_cut_after_the_commit_makes_one_video_and_one_hold(
    backend_url: str, api_key: str, backend_client: httpx.AsyncClient, backend_user: Person
) -> None:
    async with (
        cutting_first_answer(backend_url) as cut,
        AsyncOpenAI(base_url=f"{cut.url}/v1", api_key=api_key) as client,
    ):
        video = await client.videos.create(prompt=PROMPT, model="sora-2", seconds="4")
        assert cut.answers == 2
        assert [one.id async for one in client.videos.list()] == [video.id]
        another = await client.videos.create(prompt=PROMPT, model="sora-2", seconds="4")
        assert another.id != video.id
    entries = (await backend_client.get("/v1/billing/ledger?limit=100", headers=backend_user.headers)).json()["data"]
    assert len([entry for entry in entries if entry["kind"] == "hold"]) == 2


class Cut:
    """A proxy that loses the first answer to a create: the request arrives, the client hears nothing."""

    url = ""
    answers = 0

    connections = 0

    def __init__(self, backend_url: str) -> None:
        self._target = urlsplit(backend_url)
        self.idle = asyncio.Semaphore(0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        upstream, sender = await asyncio.open_connection(self._target.hostname, self._target.port)
        creating = asyncio.Event()
        requests = asyncio.create_task(self._forward(reader, sender, creating))
        await self._answer(upstream, writer, creating)
        requests.cancel()
        for stream in (sender, writer):
            stream.close()
        await asyncio.gather(requests, sender.wait_closed(), writer.wait_closed(), return_exceptions=True)
        self.idle.release()

    async def _answer(
        self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter, creating: asyncio.Event
    ) -> None:
        while chunk := await upstream.read(65536):
            if creating.is_set():
                creating.clear()
                self.answers += 1
                if self.answers == 1:
                    return
            writer.write(chunk)

    async def _forward(
        self, reader: asyncio.StreamReader, sender: asyncio.StreamWriter, creating: asyncio.Event
    ) -> None:
        while chunk := await reader.read(65536):
            if chunk.startswith(b"POST /v1/videos "):
                creating.set()
            sender.write(chunk)
        sender.close()


@asynccontextmanager
async def cutting_first_answer(backend_url: str) -> AsyncIterator[Cut]:
    cut = Cut(backend_url)
    server = await asyncio.start_server(cut.serve, "127.0.0.1", 0)
    cut.url = "http://{}:{}".format(*server.sockets[0].getsockname()[:2])
    async with server:
        yield cut
        for _ in range(cut.connections):
            await asyncio.wait_for(cut.idle.acquire(), PATIENCE)
