"""A server that receives webhooks and records every request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import msgspec


@dataclass(slots=True)
class WebhookReceiver:
    """`requests` holds (signature header, body) in order of arrival; `status` is the response's."""

    url: str
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    status: int = 200
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def events(self) -> list[Any]:
        return [msgspec.json.decode(body) for _, body in self.requests]

    def object_ids(self) -> list[str]:
        """Ids of the objects of the events, in order of arrival."""
        return [event["data"]["object"]["id"] for event in self.events]

    def event_types(self) -> list[str]:
        """Event types in order of arrival."""
        return [event["type"] for event in self.events]

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await self._one(reader, writer)
        writer.close()

    async def close(self) -> None:
        """Close all connections."""
        for writer in self._open:
            writer.close()
        for writer in self._open:
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        signature = next((line.split(": ", 1)[1] for line in head if line.lower().startswith("stripe-signature")), "")
        self.requests.append((signature, await reader.readexactly(int(headers["content-length"]))))
        writer.write(f"HTTP/1.1 {self.status} X\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()


@contextlib.asynccontextmanager
async def run_receiver() -> AsyncIterator[WebhookReceiver]:
    """Serve until the block ends."""
    receiver = WebhookReceiver("")
    server = await asyncio.start_server(receiver._answer, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()
        await receiver.close()
