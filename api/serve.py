"""One web process: uvicorn around the application, on an address or on a socket that is already open."""

from __future__ import annotations

import signal
import socket
import sys

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api import logs
from api.app import create_asgi_app
from api.settings import Settings

SHUTDOWN_TIMEOUT = 5
"""Seconds that answers under way may take when it is told to stop; event streams would take for ever."""


MAX_HEAD_BYTES = 64 * 1024
"""Bytes of a request's line and headers. The parser has no limit of its own."""


class HeadLimitProtocol(HttpToolsProtocol):
    """uvicorn's protocol, closing on whoever sends a head that does not end."""

    _unfinished = False
    _received = 0

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._unfinished, self._received = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The last byte of its head."""
        self._unfinished = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Read on, unless what came so far is all head and too much of it."""
        super().data_received(data)
        if self._unfinished:
            self._received += len(data)
            if self._received > MAX_HEAD_BYTES:
                self.transport.close()


def run_server(settings: Settings, *, descriptor: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT. `descriptor` is a listening socket that whoever started us keeps open."""
    logs.configure_logging(settings.log_level)
    config = uvicorn.Config(
        create_asgi_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=HeadLimitProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=2048,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT,
    )
    # uvicorn stops in order and then raises the signal again, which would end us as if we had been killed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = uvicorn.Server(config)
    server.run(sockets=None if descriptor is None else [socket.socket(fileno=descriptor)])
    if not server.started:
        sys.exit(3)
