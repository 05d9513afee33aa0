"""One web process: uvicorn around the application, on an address or on a socket that is already open."""

from __future__ import annotations

import signal
import socket
import sys

import uvicorn

from api import logs
from api.app import asgi
from api.settings import Settings

LAST_ANSWERS = 5
"""Seconds that answers under way may take when it is told to stop; event streams would take for ever."""


def run(settings: Settings, *, descriptor: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT. `descriptor` is a listening socket that whoever started us keeps open."""
    logs.configure(settings.log_level)
    config = uvicorn.Config(
        asgi(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=2048,
        timeout_graceful_shutdown=LAST_ANSWERS,
    )
    # uvicorn stops in order and then raises the signal again, which would end us as if we had been killed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = uvicorn.Server(config)
    server.run(sockets=None if descriptor is None else [socket.socket(fileno=descriptor)])
    if not server.started:
        sys.exit(3)
