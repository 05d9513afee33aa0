"""The asynchronous executor of commands, on httpx2; it mirrors `_transport` line for line.

A module of its own, because asyncio is half of what importing the client would cost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, BinaryIO, NamedTuple, assert_never
from weakref import WeakKeyDictionary

import httpx2

from kinora._request import PreparedRequest
from kinora._sansio import (
    CloseStream,
    Command,
    Fetch,
    Notify,
    OpenStream,
    ReadChunk,
    ReadFile,
    ResponseHead,
    Sleep,
    WriteFile,
)
from kinora._transport import request_failure, stream_failure, to_httpx_request


class _AsyncOpenResponse(NamedTuple):
    response: httpx2.Response
    chunks: AsyncIterator[bytes]


class AsyncExecutor:
    """Carries out the commands of one flow and keeps the streams it has opened."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client
        self._streams: dict[ResponseHead, _AsyncOpenResponse] = {}

    async def execute(self, command: Command) -> Any:  # noqa: PLR0911 - one for each command
        """The command's result, as its class declares it."""
        match command:
            case Fetch():
                return await self._send(command.request, stream=False)
            case OpenStream():
                return await self._open_stream(command.request)
            case ReadChunk():
                return await self._read_chunk(command.response)
            case CloseStream():
                return await self._close_stream(command.response)
            case Sleep():
                return await asyncio.sleep(command.seconds)
            case Notify():
                return await self._notify(command)
            case ReadFile():
                return await self._read_file(command)
            case WriteFile():
                return await self._write_file(command.file, command.content)
            case _:
                assert_never(command)

    async def _send(self, request: PreparedRequest, *, stream: bool) -> httpx2.Response:
        try:
            return await self._client.send(to_httpx_request(request), stream=stream)
        except httpx2.RequestError as error:
            raise request_failure(error, request) from error

    async def _open_stream(self, request: PreparedRequest) -> httpx2.Response:
        response = await self._send(request, stream=True)
        self._streams[response] = _AsyncOpenResponse(response, response.aiter_bytes())
        return response

    async def _read_chunk(self, head: ResponseHead) -> bytes | None:
        try:
            return await anext(self._streams[head].chunks, None)
        except (httpx2.DecodingError, httpx2.TransportError) as error:
            raise stream_failure(error) from error

    async def _close_stream(self, head: ResponseHead) -> None:
        opened = self._streams.pop(head, None)
        if opened is not None:
            await opened.response.aclose()

    async def _notify(self, command: Notify) -> None:
        returned = command.callback(*command.arguments)
        if hasattr(returned, "__await__"):
            await returned

    async def _read_file(self, command: ReadFile) -> bytes:
        command.file.seek(command.position)
        return await asyncio.to_thread(command.file.read, command.length)

    async def _write_file(self, file: BinaryIO, content: bytes) -> None:
        await asyncio.to_thread(file.write, content)

    async def close_streams(self) -> None:
        """Close every stream that is still open."""
        for opened in self._streams.values():
            await opened.response.aclose()


class AsyncTransport:
    """The connections of one `AsyncKinora`: those of each event loop apart, since no other loop can use them.

    They are closed with the client, or when their loop ends, as `asyncio.run` does it: an asynchronous generator that
    is still open is closed then. A client of the user's own stays with the loop that it was used in first.
    """

    def __init__(self, client: httpx2.AsyncClient | None, *, is_local: bool) -> None:
        self._given = client
        self._is_local = is_local
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _OpenClient] = WeakKeyDictionary()

    @asynccontextmanager
    async def open_executor(self) -> AsyncIterator[AsyncExecutor]:
        """An executor for one flow, whose streams are closed at the end of the block."""
        executor = AsyncExecutor(self._given or await self._open_client())
        try:
            yield executor
        finally:
            await executor.close_streams()

    async def _open_client(self) -> httpx2.AsyncClient:
        """The client of the running loop."""
        loop = asyncio.get_running_loop()
        opened = self._by_loop.get(loop)
        if opened is None or opened.client.is_closed:
            client = httpx2.AsyncClient(trust_env=not self._is_local)
            opened = self._by_loop[loop] = _OpenClient(client, _close_at_end(client))
            await anext(opened.closing)
        return opened.client

    async def close(self) -> None:
        """Close the connections of this loop."""
        if self._given is not None:
            await self._given.aclose()
        opened = self._by_loop.pop(asyncio.get_running_loop(), None)
        if opened is not None:
            await opened.closing.aclose()


class _OpenClient(NamedTuple):
    client: httpx2.AsyncClient
    closing: AsyncGenerator[None, None]


async def _close_at_end(client: httpx2.AsyncClient) -> AsyncGenerator[None, None]:
    """Close the client when this generator is closed, which its event loop does at the latest when it ends."""
    try:
        yield
    finally:
        await client.aclose()
