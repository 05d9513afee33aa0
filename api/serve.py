"""One web process: the application in uvicorn, on an address or on an open socket."""

from __future__ import annotations

import signal
import socket
import sys

import uvicorn

from api import logs
from api.app import create_asgi_app
from api.http.connections import ProxiedProtocol
from api.settings import Settings

SHUTDOWN_TIMEOUT = 5  # seconds for open responses at shutdown; event streams would never end
MAX_HEAD_BYTES = 64 * 1024  # of a request line and headers; the parser has no limit of its own


class HeadLimitProtocol(ProxiedProtocol):
    """uvicorn's protocol; closes connections whose request head is too long."""

    _unfinished = False
    _received = 0

    def on_message_begin(self) -> None:
        """Called at the first byte of a request."""
        self._unfinished, self._received = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Called at the end of the headers."""
        self._unfinished = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Parse the bytes, and close the connection if the unfinished head is too long."""
        super().data_received(data)
        if self._unfinished:
            self._received += len(data)
            if self._received > MAX_HEAD_BYTES:
                self.transport.close()


def run_server(settings: Settings, *, descriptor: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT. `descriptor` is a listening socket that the parent process owns."""
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
    # uvicorn shuts down and then raises the signal again; without this handler the process would end as if killed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = uvicorn.Server(config)
    server.run(sockets=None if descriptor is None else [socket.socket(fileno=descriptor)])
    if not server.started:
        sys.exit(3)
