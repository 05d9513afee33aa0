"""One web process: the application in uvicorn, on an address or on an open socket."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import nullcontext

import uvicorn
import uvloop

from api import logs
from api.app import create_asgi_app, open_app_state
from api.http.connections import ProxiedProtocol
from api.local.listener import AddressError, open_listener
from api.settings import Settings
from api.sql.connection import DatabaseUnavailableError

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


class ServeError(Exception):
    """The server cannot start; the message says why in a sentence."""


def run_server(settings: Settings, *, descriptor: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT. `descriptor` is a listening socket that the parent process owns.

    Raises ServeError.
    """
    logs.configure_logging(settings.log_level)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop_quietly)
    try:
        with _open_socket(settings, descriptor) as listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as run:
            run.run(_serve(settings, listener))
    except (AddressError, DatabaseUnavailableError) as error:
        raise ServeError(str(error)) from error
    except OSError as error:
        raise ServeError(f"Cannot use {error.filename or settings.data}: {error.strerror or error}.") from error


def _stop_quietly(_number: int, _frame: object) -> None:
    """Uvicorn shuts down and then raises its signal again, which would end this process as if killed."""


def _open_socket(settings: Settings, descriptor: int | None) -> socket.socket:
    if descriptor is None:
        return open_listener(settings.host, settings.port)
    return socket.socket(fileno=descriptor)


async def _serve(settings: Settings, listener: socket.socket) -> None:
    """Open the state first, so that what prevents it is raised here and not inside uvicorn, which would log it."""
    async with open_app_state(settings) as app_state:
        config = uvicorn.Config(
            create_asgi_app(settings, lambda _: nullcontext(app_state)),
            http=HeadLimitProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_TIMEOUT,
        )
        await uvicorn.Server(config).serve(sockets=[listener])
