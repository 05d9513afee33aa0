"""Sockets: what fulfils a flow's asks, on httpx2. `_transport_async` says the same, awaited, line for line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import httpx2

from kinora._errors import ConnectionFailed, KinoraError, TimedOut, UnreadableAnswer
from kinora._request import Prepared

LONGEST = 1e6  # seconds a socket is told to wait; above that, for ever: not every clock can count further


def request_of(prepared: Prepared) -> httpx2.Request:
    wait = prepared.timeout if prepared.timeout < LONGEST else None
    return httpx2.Request(
        prepared.method,
        prepared.url,
        headers=prepared.headers,
        content=prepared.content,
        data=prepared.fields,
        files=prepared.files,
        extensions={"timeout": {"connect": min(prepared.timeout, 10.0), "read": wait, "write": wait, "pool": wait}},
    )


def failure_of(error: httpx2.RequestError, prepared: Prepared) -> KinoraError:
    where = prepared.url.partition("?")[0]
    if not isinstance(error, httpx2.TransportError):  # an encoding that is none, or redirections in a circle
        return UnreadableAnswer(f"The answer from {where} cannot be read: {error}.")
    if isinstance(error, httpx2.TimeoutException):
        return TimedOut(f"No answer from {where} within {prepared.timeout:g} seconds.")
    return ConnectionFailed(f"Cannot reach {where}: {str(error) or type(error).__name__}.")


class SyncHands:
    """What one flow has in its hands: the client, and the answers it has opened."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client
        self._open: set[httpx2.Response] = set()

    def fetch(self, prepared: Prepared) -> httpx2.Response:
        """The whole answer. Raises ConnectionFailed, UnreadableAnswer."""
        try:
            return self._client.send(request_of(prepared))
        except httpx2.RequestError as error:
            raise failure_of(error, prepared) from error

    def open(self, prepared: Prepared) -> tuple[httpx2.Response, Iterator[bytes]]:
        """The answer's head, and its body as it comes. Raises ConnectionFailed."""
        try:
            response = self._client.send(request_of(prepared), stream=True)
        except httpx2.RequestError as error:
            raise failure_of(error, prepared) from error
        self._open.add(response)
        return response, response.iter_bytes()

    def chunk(self, body: Iterator[bytes]) -> bytes | None:
        """The next bytes, or None at the end. Raises ConnectionFailed, UnreadableAnswer."""
        try:
            return next(body, None)
        except httpx2.DecodingError as error:
            raise UnreadableAnswer(f"The answer cannot be read: {error}.") from error
        except httpx2.TransportError as error:
            raise ConnectionFailed(f"The connection broke: {str(error) or type(error).__name__}.") from error

    def close(self, response: httpx2.Response) -> None:
        response.close()
        self._open.discard(response)

    def sleep(self, wait: float) -> None:
        time.sleep(wait)

    def tell(self, callback: Callable[..., Any], *values: Any) -> None:
        """Let the caller's own function hear of it."""
        callback(*values)

    def read(self, file: BinaryIO, position: int, length: int) -> bytes:
        file.seek(position)
        return file.read(length)

    def write(self, file: BinaryIO, data: bytes) -> None:
        file.write(data)

    def close_all(self) -> None:
        for response in self._open:
            response.close()


class SyncTransport:
    """The connections of one `Kinora`."""

    def __init__(self, client: httpx2.Client | None, local: bool) -> None:  # noqa: FBT001 - said by one caller
        self._client = client or httpx2.Client(trust_env=not local)

    @contextmanager
    def scope(self) -> Iterator[SyncHands]:
        hands = SyncHands(self._client)
        try:
            yield hands
        finally:
            hands.close_all()

    def close(self) -> None:
        self._client.close()
