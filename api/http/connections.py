"""uvicorn's HTTP protocol for clients that offer to upgrade, and for proxies that keep connections open.

Knows bytes and headers, no routes.
"""

from __future__ import annotations

import asyncio
from typing import Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

KEEP_ALIVE: Final = 620
"""Seconds that an idle connection stays open. A proxy that sends a request on a connection closed at the same moment
answers 502, so this is longer than proxies keep theirs: nginx and AWS 60 s, Traefik 90 s, Caddy 120 s, Google 600 s."""

OFFER_HEADERS: Final = {b"upgrade", b"http2-settings"}


class ProxiedProtocol(HttpToolsProtocol):
    """Keeps idle connections longer than proxies do, and declines every offer of another protocol.

    RFC 9110 lets a server ignore an offer such as `Upgrade: h2c` and go on in HTTP/1.1. But the parser takes what
    follows such a head for the other protocol. So the head is parsed again without the offer, in front of the bytes
    that follow it, which are the body.
    """

    _offers = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called with the new connection."""
        super().connection_made(transport)
        self.timeout_keep_alive = KEEP_ALIVE

    def data_received(self, data: bytes) -> None:
        """Parse bytes of the connection."""
        self._unset_keepalive_if_required()
        try:
            self._parse_bytes(memoryview(data))
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _parse_bytes(self, data: memoryview) -> None:
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                if not self._offers:
                    return
                data = data[upgrade.args[0] :]
            head = self._head_without_offer()
            self.parser = httptools.HttpRequestParser(self)  # the old one may expect the connection to end here
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.parser.feed_data(head)

    def on_headers_complete(self) -> None:
        """Start the request, unless its head makes an offer and is going to be parsed again."""
        self._offers = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if not self._offers:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End the body of the request, which has not begun if its head makes an offer."""
        if not self._offers:
            super().on_message_complete()

    def _head_without_offer(self) -> bytes:
        """The head of the request with its headers as they came, except those of the offer."""
        request_line = b"%b %b HTTP/%b" % (
            self.parser.get_method(),
            self.url,
            self.parser.get_http_version().encode(),
        )
        headers = [b"%b: %b" % header for header in self.headers if header[0] not in (b"connection", *OFFER_HEADERS)]
        return b"\r\n".join([request_line, *headers, *self._kept_connection_options(), b"", b""])

    def _kept_connection_options(self) -> list[bytes]:
        """The line of the `Connection` header without the headers that are dropped, if it names more than them."""
        values = [value for name, value in self.headers if name == b"connection"]
        options = [option.strip() for value in values for option in value.split(b",")]
        kept = [option for option in options if option.lower() not in OFFER_HEADERS]
        return [b"Connection: " + b", ".join(kept)] if kept else []
