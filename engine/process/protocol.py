"""What the worker's process and the engine's child say to each other, and how it goes over a socket.

A message is one of the values below, pickled, with its length in front. Both ends are the same code on the
same machine; nothing from outside ever reaches this socket.
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
    """Make this clip, or go on with it. Jobs are numbered upwards."""

    job: int
    request: Request
    out_dir: Path
    resume: Resume | None = None


@dataclass(frozen=True, slots=True)
class CancelJob:
    """Stop this job; if it has already ended this means nothing, and never concerns the next."""

    job: int


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something happened in a job."""

    job: int
    event: Event


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job is over; with neither a cancel nor a failure it went well."""

    job: int
    cancelled: bool = False
    failure: EngineError | None = None


def pack_message(message: object) -> bytes:
    """A message as it goes over the socket."""
    body = pickle.dumps(message)
    return _LENGTH.pack(len(body)) + body


def receive_message(connection: socket.socket) -> Any:
    """Wait for the next message; EOFError when the other end is gone."""
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    return pickle.loads(_exactly(connection, length))  # noqa: S301 (from our own process)


async def receive_message_async(reader: asyncio.StreamReader) -> Any:
    """Wait for the next message; EOFError when the other end is gone."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return pickle.loads(await reader.readexactly(length))  # noqa: S301 (from our own process)
    except ConnectionError as error:
        raise EOFError from error


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        chunk = connection.recv(count - len(received))
        if not chunk:
            raise EOFError
        received += chunk
    return bytes(received)
