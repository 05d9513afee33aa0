"""The protocol of the SDK's logic: generators that yield commands and receive their results.

What a call does is written once, as a `Flow`; `_drivers` run it for the synchronous and for the asynchronous client,
and the executors in `_transport` and `_transport_async` carry the commands out. Nothing here performs I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, Protocol, TypeAlias, TypeVar, cast

if TYPE_CHECKING:
    from kinora._request import PreparedRequest

T = TypeVar("T")


class ResponseHead(Protocol):
    """Status and headers of a response whose body may not have been read."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


class Response(ResponseHead, Protocol):
    """A response that has been read."""

    @property
    def content(self) -> bytes: ...


class Returns(Generic[T]):
    """Base of the commands: what carrying one out returns."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Fetch(Returns[Response]):
    """Send a request and read its response. Raises ConnectionFailed, UnreadableAnswer."""

    request: PreparedRequest


@dataclass(frozen=True, slots=True)
class OpenStream(Returns[ResponseHead]):
    """Send a request and leave the body of its response to `ReadChunk`. Raises ConnectionFailed, UnreadableAnswer."""

    request: PreparedRequest


@dataclass(frozen=True, slots=True)
class ReadChunk(Returns["bytes | None"]):
    """The next bytes of an open stream, None at its end. Raises ConnectionFailed, UnreadableAnswer."""

    response: ResponseHead


@dataclass(frozen=True, slots=True)
class CloseStream(Returns[None]):
    """Close an open stream. Those left open are closed when the flow ends."""

    response: ResponseHead


@dataclass(frozen=True, slots=True)
class Sleep(Returns[None]):
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Notify(Returns[None]):
    """Call a callback of the user's; the asynchronous client awaits a coroutine that it returns."""

    callback: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ReadFile(Returns[bytes]):
    """Read up to `length` bytes from this position of a file. Raises OSError."""

    file: BinaryIO
    position: int
    length: int


@dataclass(frozen=True, slots=True)
class WriteFile(Returns[None]):
    """Write bytes at the file's position. Raises OSError."""

    file: BinaryIO
    content: bytes


Command: TypeAlias = Fetch | OpenStream | ReadChunk | CloseStream | Sleep | Notify | ReadFile | WriteFile


@dataclass(frozen=True, slots=True)
class Emit(Generic[T]):
    """One item for the user who iterates over an `ItemFlow`."""

    item: T


Flow = Generator[Command, Any, T]
"""Yields commands, receives their results or errors, and returns one value."""
ItemFlow = Generator[Command | Emit[T], Any, None]
"""Yields commands and items."""


def perform(command: Returns[T]) -> Flow[T]:
    """Yield a command and return its typed result.

    response = yield from perform(Fetch(request))
    """
    result: T = yield cast("Command", command)
    return result
