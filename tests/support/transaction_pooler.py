"""A PostgreSQL pooler in transaction mode that changes the session after every transaction.

PgBouncer changes it only under load, so that code which needs a session fails there now and then; here it always does.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import itertools
import secrets
import struct
from collections.abc import AsyncIterator
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

SSL_REQUEST, CANCEL_REQUEST = 80877103, 80877102
KNOWN_PARAMETERS = {"user", "database", "client_encoding", "application_name", "datestyle", "timezone"}
SESSIONS = 2


class _Session(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    greeting: bytes


@contextlib.asynccontextmanager
async def run_transaction_pooler(database_url: str) -> AsyncIterator[str]:
    """Run the pooler in front of a server on a Unix socket; yields the URL to connect to."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _serve_client(database_url, reader, writer)
        except* (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        parts = urlsplit(database_url)
        port = server.sockets[0].getsockname()[1]
        yield f"postgresql://{parts.username}:{parts.password}@127.0.0.1:{port}{parts.path}?sslmode=disable"


async def _serve_client(database_url: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    parameters = await _read_startup(reader, writer)
    if unknown := parameters.keys() - KNOWN_PARAMETERS:
        writer.write(_message(b"E", b"SFATAL\0C08P01\0Munsupported startup parameter: %b\0\0" % min(unknown).encode()))
        await writer.drain()
        return
    async with contextlib.AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(_open_session(database_url)) for _ in range(SESSIONS)]
        writer.write(sessions[0].greeting)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        turns = _SessionTurns(sessions)
        relays = [tasks.create_task(_relay_answers(session, turns, writer)) for session in sessions]
        while (message := await _read_message(reader))[:1] != b"X":
            turns.current_session().writer.write(message)
        for relay in relays:
            relay.cancel()


class _SessionTurns:
    """The session of the running transaction; the next transaction gets another one."""

    def __init__(self, sessions: list[_Session]) -> None:
        self._sessions = itertools.cycle(sessions)
        self._current: _Session | None = None

    def current_session(self) -> _Session:
        self._current = self._current or next(self._sessions)
        return self._current

    def end_transaction(self) -> None:
        self._current = None


async def _relay_answers(session: _Session, turns: _SessionTurns, writer: asyncio.StreamWriter) -> None:
    while True:
        message = await _read_message(session.reader)
        if message[:1] == b"Z" and message[-1:] == b"I":  # ReadyForQuery outside of a transaction
            turns.end_transaction()
        writer.write(message)


async def _read_startup(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, str]:
    while True:
        length, code = struct.unpack("!ii", await reader.readexactly(8))
        body = await reader.readexactly(length - 8)
        if code == CANCEL_REQUEST:
            raise ConnectionError
        if code != SSL_REQUEST:
            words = body.rstrip(b"\0").decode().split("\0")
            return dict(zip(words[::2], words[1::2], strict=True))
        writer.write(b"N")


@contextlib.asynccontextmanager
async def _open_session(database_url: str) -> AsyncIterator[_Session]:
    parts = urlsplit(database_url)
    folder = parse_qs(parts.query)["host"][0]
    reader, writer = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.5432")
    try:
        names = f"user\0{parts.username}\0database\0{parts.path[1:]}\0client_encoding\0UTF8\0\0".encode()
        writer.write(struct.pack("!ii", len(names) + 8, 196608) + names)
        await _authenticate(reader, writer, unquote(parts.password or ""))
        greeting = _message(b"R", struct.pack("!i", 0))
        while (message := await _read_message(reader))[:1] != b"Z":
            is_key = message[:1] == b"K"
            greeting += _message(b"K", struct.pack("!ii", 1, 1)) if is_key else message
        yield _Session(reader, writer, greeting + message)
    finally:
        writer.close()


async def _authenticate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, password: str) -> None:
    """Authenticate by SCRAM-SHA-256 (RFC 5802 and RFC 7677)."""
    await _read_message(reader)
    first = f"n=,r={secrets.token_hex(12)}"
    begin = f"n,,{first}".encode()
    writer.write(_message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(begin)) + begin))
    challenge = (await _read_message(reader))[9:].decode()
    values = dict(part.split("=", 1) for part in challenge.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(values["s"]), int(values["i"]))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    last = f"c=biws,r={values['r']}"
    signed = f"{first},{challenge},{last}".encode()
    signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(client_key, signature, strict=True))).decode()
    writer.write(_message(b"p", f"{last},p={proof}".encode()))
    await _read_message(reader)  # the server's own signature
    await _read_message(reader)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)
