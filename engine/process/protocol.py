"""Messages between the worker's process and the engine's child, and their framing on a socket.

A message is one of the types below, pickled, with its length in front. Both ends are the same code on the same machine;
no outside data reaches this socket.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.types import EngineError, Event, Request, Resume

_LENGTH: Final = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class EngineReady:
    """The child can take a job."""


@dataclass(frozen=True, slots=True)
class RunJob:
    """Run this job, or resume it. Job numbers increase."""

    job: int
    request: Request
    out_dir: Path
    resume: Resume | None = None


@dataclass(frozen=True, slots=True)
class CancelJob:
    """Cancel this job; ignored if it has already ended."""

    job: int


@dataclass(frozen=True, slots=True)
class JobEvent:
    """An event of a job."""

    job: int
    event: Event


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job has ended; with neither a cancel nor a failure it succeeded."""

    job: int
    cancelled: bool = False
    failure: EngineError | None = None


def pack_message(message: object) -> bytes:
    """A message as sent over the socket."""
    body = pickle.dumps(message)
    return _LENGTH.pack(len(body)) + body


def receive_message(connection: socket.socket) -> Any:
    """Wait for the next message; EOFError when the other end is gone."""
    (length,) = _LENGTH.unpack(_receive_exactly(connection, _LENGTH.size))
    return pickle.loads(_receive_exactly(connection, length))  # noqa: S301 (from our own process)


async def receive_message_async(reader: asyncio.StreamReader) -> Any:
    """Wait for the next message; EOFError when the other end is gone."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return pickle.loads(await reader.readexactly(length))  # noqa: S301 (from our own process)
    except ConnectionError as error:
        raise EOFError from error


def _receive_exactly(connection: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        chunk = connection.recv(count - len(received))
        if not chunk:
            raise EOFError
        received += chunk
    return bytes(received)
