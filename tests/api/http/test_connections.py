"""Bytes on a socket: what clients and proxies send that no HTTP library in Python does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from api.http.connections import ProxiedProtocol

H2C = "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAAA\r\nUpgrade: h2c\r\n"
"""What JDK's HttpClient and `curl --http2` add to a request."""


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Respond with the request line, the headers of an offer, and the body."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message.get("more_body", False)
    offers = [name for name, _ in scope["headers"] if name in (b"upgrade", b"http2-settings", b"connection")]
    text = f"{scope['method']} {scope['path']}?{scope['query_string'].decode()} {offers} ".encode() + body + b"\n"
    head = [(b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": text})


class Connection:
    """A client of the protocol, on a real socket."""

    def __init__(self, protocols: list[ProxiedProtocol], reader: asyncio.StreamReader, writer: Any) -> None:
        self._protocols = protocols
        self._reader = reader
        self._writer = writer

    @property
    def protocol(self) -> ProxiedProtocol:
        return self._protocols[-1]

    def send(self, text: str) -> None:
        self._writer.write(text.encode())

    async def read_line(self) -> str:
        """The first line of the next response, or an echo."""
        async with asyncio.timeout(10):
            return (await self._reader.readline()).decode().strip()

    async def read_echo(self) -> str:
        while await self.read_line():
            pass
        return await self.read_line()


@asynccontextmanager
async def open_connection() -> AsyncIterator[Connection]:
    protocols: list[ProxiedProtocol] = []

    def accept() -> ProxiedProtocol:
        protocols.append(ProxiedProtocol(uvicorn.Config(echo, lifespan="off"), ServerState(), {}))
        return protocols[-1]

    server = await asyncio.get_running_loop().create_server(accept, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    async with server:
        try:
            yield Connection(protocols, reader, writer)
        finally:
            writer.close()
            await writer.wait_closed()


def request(body: str, more: str = H2C, *, line: str = "POST /v1/videos?a=%20b HTTP/1.1") -> str:
    return f"{line}\r\nHost: a\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}"


async def test_a_request_that_offers_http_2_keeps_its_body() -> None:
    async with open_connection() as connection:
        connection.send(request("first"))
        assert await connection.read_echo() == "POST /v1/videos?a=%20b [] first"
        connection.send(request("again") + request("pipelined") + request("plain", ""))
        echoes = [await connection.read_echo() for _ in range(3)]
        assert [echo.rpartition(" ")[2] for echo in echoes] == ["again", "pipelined", "plain"]


async def test_the_body_may_arrive_after_the_head() -> None:
    whole = request("a body in two pieces")
    head, body = whole[: whole.index("a body")], "a body in two pieces"
    async with open_connection() as connection:
        for piece in (head[:60], head[60:], body[:7], body[7:]):
            connection.send(piece)
            await asyncio.sleep(0)
        assert (await connection.read_echo()).endswith(body)


async def test_chunks_and_expectations_survive_the_offer() -> None:
    chunked = f"POST /x HTTP/1.1\r\nHost: a\r\n{H2C}Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    async with open_connection() as connection:
        connection.send(chunked)
        assert await connection.read_line() == "HTTP/1.1 100 Continue"
        assert await connection.read_line() == ""
        connection.send("5\r\nhello\r\n0\r\n\r\n")
        assert await connection.read_echo() == "POST /x? [] hello"


@pytest.mark.parametrize("offer", ["websocket", "h2c, TLS/1.0"])
async def test_any_offer_is_declined(offer: str) -> None:
    async with open_connection() as connection:
        connection.send(request("x", f"Upgrade: {offer}\r\nConnection: keep-alive, upgrade\r\n"))
        assert await connection.read_echo() == "POST /v1/videos?a=%20b [b'connection'] x"


async def test_a_thousand_offers_at_once_are_served_in_order() -> None:
    async with open_connection() as connection:
        connection.send("".join(request(str(index)) for index in range(1000)))
        bodies = [(await connection.read_echo()).rpartition(" ")[2] for _ in range(1000)]
        assert bodies == [str(index) for index in range(1000)]


@pytest.mark.parametrize(
    "sent", ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "nonsense\r\n\r\n", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"]
)
async def test_what_is_no_request_is_refused(sent: str) -> None:
    async with open_connection() as connection:
        connection.send(sent)
        assert await connection.read_line() == "HTTP/1.1 400 Bad Request"


@pytest.mark.parametrize(
    ("version", "more"), [("1.0", ""), ("1.0", H2C), ("1.1", H2C.replace("Upgrade,", "close, Upgrade,"))]
)
async def test_who_wants_no_connection_kept_is_answered_and_it_is_closed(version: str, more: str) -> None:
    async with open_connection() as connection:
        connection.send(request("x", more, line=f"POST /x HTTP/{version}"))
        assert (await connection.read_echo()).endswith(" x")
        assert await connection.read_line() == "", "the connection is closed"


async def test_an_idle_connection_outlives_those_of_proxies() -> None:
    """Google's load balancers keep theirs for 600 seconds, the longest of all."""
    async with open_connection() as connection:
        connection.send(request("x"))
        await connection.read_echo()
        timer = connection.protocol.timeout_keep_alive_task
        assert timer is not None
        assert timer.when() - asyncio.get_running_loop().time() > 600
