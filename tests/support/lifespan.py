"""Starts and stops ASGI applications in tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def running(asgi: Any) -> AsyncIterator[None]:
    """The time between start and shutdown of an application."""
    told: asyncio.Queue[str] = asyncio.Queue()
    stop = asyncio.Event()
    messages = iter(("lifespan.startup", "lifespan.shutdown"))

    async def receive() -> dict[str, str]:
        message = next(messages)
        if message == "lifespan.shutdown":
            await stop.wait()
        return {"type": message}

    async def send(message: dict[str, str]) -> None:
        await told.put(message["type"])

    task = asyncio.create_task(asgi({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send))
    assert await told.get() == "lifespan.startup.complete"
    yield
    stop.set()
    await task
