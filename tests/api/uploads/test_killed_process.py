"""A web process killed in the middle of an upload."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
from redis.asyncio import Redis

from api.local.listener import open_listener
from api.settings import Settings
from api.uploads.store import UploadLimits
from bench.chaos.processes import ChaosProcess
from tests.support.media_files import encode_noise_png
from tests.support.uploads import append_bytes, create_upload, get_offset, get_upload
from tests.support.users import sign_up


@asynccontextmanager
async def run_web_process(settings: Settings) -> AsyncIterator[tuple[ChaosProcess, httpx.AsyncClient]]:
    """A real web process behind a socket that outlives it, and a client."""
    settings.data.mkdir(parents=True, exist_ok=True)
    with open_listener("127.0.0.1", 0) as listener:
        arguments, fd = ("serve", "--fd", str(listener.fileno())), listener.fileno()
        web_process = ChaosProcess("web", settings, settings.data, *arguments, shared=(fd,))
        await web_process.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
            yield web_process, client
        await web_process.stop()


async def test_a_killed_web_process_loses_only_bytes_that_were_not_durable(
    database: str, base_settings: Settings, redis: Redis, tmp_path: Path
) -> None:
    """SIGKILL between two steps; the next process goes on at once, since a lock dies with its holder."""
    content, ours, dead = encode_noise_png(), asyncio.Event(), asyncio.Event()
    settings = msgspec.structs.replace(base_settings, database_url=database, data=tmp_path / "data")

    async def half() -> AsyncIterator[bytes]:
        for start in range(0, 5_000_000, 100_000):
            yield content[start : start + 100_000]
        ours.set()
        await dead.wait()
        yield content[5_000_000:]

    async with run_web_process(settings) as (web_process, client):
        account = await sign_up(client)
        url = await create_upload(client, account, len(content))
        sending = asyncio.create_task(append_bytes(client, account, url, 0, half()))
        await ours.wait()
        async with asyncio.timeout(30):
            while not (have := await get_offset(client, account, url)):  # noqa: ASYNC110 (nobody tells us)
                await asyncio.sleep(0.01)
        assert UploadLimits().flush_bytes <= have < 5_000_000
        assert (await append_bytes(client, account, url, have, b"x")).status_code == 423
        await web_process.kill()
        dead.set()
        with pytest.raises(httpx.TransportError):
            await sending
        await web_process.start()
        assert await get_offset(client, account, url) == have
        assert (await append_bytes(client, account, url, have, content[have:])).status_code == 204
        picture = await get_upload(client, account, url)
        assert (picture["status"], picture["width"], picture["height"]) == ("ready", 2000, 1600)
