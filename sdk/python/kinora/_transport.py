"""The synchronous executor of commands, on httpx2. `_transport_async` mirrors it line for line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple, assert_never

import httpx2

from kinora._errors import ConnectionFailed, KinoraError, TimedOut, UnreadableAnswer
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

CONNECT_TIMEOUT = 10.0  # seconds
LONGEST_TIMEOUT = 1e6  # seconds; above that a socket waits without limit, since not every clock can count further


def to_httpx_request(request: PreparedRequest) -> httpx2.Request:
    """The request as httpx2 takes it."""
    wait = request.timeout if request.timeout < LONGEST_TIMEOUT else None
    connect = min(request.timeout, CONNECT_TIMEOUT)
    return httpx2.Request(
        request.method,
        request.url,
        headers=request.headers,
        content=request.content,
        data=request.fields,
        files=request.files,
        extensions={"timeout": {"connect": connect, "read": wait, "write": wait, "pool": wait}},
    )


def request_failure(error: httpx2.RequestError, request: PreparedRequest) -> KinoraError:
    """The error of a request that got no response, or none that can be read."""
    url = request.url.partition("?")[0]
    if not isinstance(error, httpx2.TransportError):  # a wrong content encoding, or a loop of redirects
        return UnreadableAnswer(f"The response from {url} cannot be read: {error}.")
    if isinstance(error, httpx2.TimeoutException):
        return TimedOut(f"No response from {url} within {request.timeout:g} seconds.")
    return ConnectionFailed(f"Cannot reach {url}: {str(error) or type(error).__name__}.")


def stream_failure(error: httpx2.DecodingError | httpx2.TransportError) -> KinoraError:
    """The error of a body that cannot be read to its end."""
    if isinstance(error, httpx2.DecodingError):
        return UnreadableAnswer(f"The response cannot be read: {error}.")
    return ConnectionFailed(f"The connection broke: {str(error) or type(error).__name__}.")


class _OpenResponse(NamedTuple):
    response: httpx2.Response
    chunks: Iterator[bytes]


class SyncExecutor:
    """Carries out the commands of one flow and keeps the streams it has opened."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client
        self._streams: dict[ResponseHead, _OpenResponse] = {}

    def execute(self, command: Command) -> Any:  # noqa: PLR0911 - one for each command
        """The command's result, as its class declares it."""
        match command:
            case Fetch():
                return self._send(command.request, stream=False)
            case OpenStream():
                return self._open_stream(command.request)
            case ReadChunk():
                return self._read_chunk(command.response)
            case CloseStream():
                return self._close_stream(command.response)
            case Sleep():
                return time.sleep(command.seconds)
            case Notify():
                return self._notify(command)
            case ReadFile():
                return self._read_file(command)
            case WriteFile():
                return self._write_file(command.file, command.content)
            case _:
                assert_never(command)

    def _send(self, request: PreparedRequest, *, stream: bool) -> httpx2.Response:
        try:
            return self._client.send(to_httpx_request(request), stream=stream)
        except httpx2.RequestError as error:
            raise request_failure(error, request) from error

    def _open_stream(self, request: PreparedRequest) -> httpx2.Response:
        response = self._send(request, stream=True)
        self._streams[response] = _OpenResponse(response, response.iter_bytes())
        return response

    def _read_chunk(self, head: ResponseHead) -> bytes | None:
        try:
            return next(self._streams[head].chunks, None)
        except (httpx2.DecodingError, httpx2.TransportError) as error:
            raise stream_failure(error) from error

    def _close_stream(self, head: ResponseHead) -> None:
        opened = self._streams.pop(head, None)
        if opened is not None:
            opened.response.close()

    def _notify(self, command: Notify) -> None:
        command.callback(*command.arguments)

    def _read_file(self, command: ReadFile) -> bytes:
        command.file.seek(command.position)
        return command.file.read(command.length)

    def _write_file(self, file: BinaryIO, content: bytes) -> None:
        file.write(content)

    def close_streams(self) -> None:
        """Close every stream that is still open."""
        for opened in self._streams.values():
            opened.response.close()


class SyncTransport:
    """The connections of one `Kinora`."""

    def __init__(self, client: httpx2.Client | None, *, is_local: bool) -> None:
        self._client = client or httpx2.Client(trust_env=not is_local)

    @contextmanager
    def open_executor(self) -> Iterator[SyncExecutor]:
        """An executor for one flow, whose streams are closed at the end of the block."""
        executor = SyncExecutor(self._client)
        try:
            yield executor
        finally:
            executor.close_streams()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
