"""Sockets for the awaited client; `_transport` says the same for the other world, line for line.

A module of its own, because asyncio is half of what importing the client would cost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, BinaryIO

import httpx2

from kinora._errors import ConnectionFailed, UnreadableAnswer
from kinora._request import Prepared
from kinora._transport import failure_of, request_of


class AsyncHands:
    """The same for the other world."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client
        self._open: set[httpx2.Response] = set()

    async def fetch(self, prepared: Prepared) -> httpx2.Response:
        """The whole answer. Raises ConnectionFailed, UnreadableAnswer."""
        try:
            return await self._client.send(request_of(prepared))
        except httpx2.RequestError as error:
            raise failure_of(error, prepared) from error

    async def open(self, prepared: Prepared) -> tuple[httpx2.Response, AsyncIterator[bytes]]:
        """The answer's head, and its body as it comes. Raises ConnectionFailed."""
        try:
            response = await self._client.send(request_of(prepared), stream=True)
        except httpx2.RequestError as error:
            raise failure_of(error, prepared) from error
        self._open.add(response)
        return response, response.aiter_bytes()

    async def chunk(self, body: AsyncIterator[bytes]) -> bytes | None:
        """The next bytes, or None at the end. Raises ConnectionFailed, UnreadableAnswer."""
        try:
            return await anext(body, None)
        except httpx2.DecodingError as error:
            raise UnreadableAnswer(f"The answer cannot be read: {error}.") from error
        except httpx2.TransportError as error:
            raise ConnectionFailed(f"The connection broke: {str(error) or type(error).__name__}.") from error

    async def close(self, response: httpx2.Response) -> None:
        await response.aclose()
        self._open.discard(response)

    async def sleep(self, wait: float) -> None:
        await asyncio.sleep(wait)

    async def tell(self, callback: Callable[..., Any], *values: Any) -> None:
        """Let the caller's own function hear of it; a coroutine is awaited."""
        said = callback(*values)
        if hasattr(said, "__await__"):
            await said

    async def read(self, file: BinaryIO, position: int, length: int) -> bytes:
        file.seek(position)
        return await asyncio.to_thread(file.read, length)

    async def write(self, file: BinaryIO, data: bytes) -> None:
        await asyncio.to_thread(file.write, data)

    async def close_all(self) -> None:
        for response in self._open:
            await response.aclose()


class AsyncTransport:
    """The connections of one `AsyncKinora`."""

    def __init__(self, client: httpx2.AsyncClient | None, local: bool) -> None:  # noqa: FBT001 - said by one caller
        self._client = client or httpx2.AsyncClient(trust_env=not local)

    @asynccontextmanager
    async def scope(self) -> AsyncIterator[AsyncHands]:
        hands = AsyncHands(self._client)
        try:
            yield hands
        finally:
            await hands.close_all()

    async def close(self) -> None:
        await self._client.aclose()
