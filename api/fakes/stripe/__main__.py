"""`python -m api.fakes.stripe --data FOLDER`: serve until SIGTERM; prints `ready URL` once it listens."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from api.fakes.stripe.app import assemble_server, create_app
from api.fakes.stripe.protocol import AbortableProtocol

KEY = "sk_test_local"
"""The default secret key. It is accepted by this fake only."""
LAST_ANSWERS = 1
"""Seconds that open requests may take during shutdown; one that hangs because of a fault would take longer."""
IDLE = 600
"""Keep-alive timeout in seconds: long, because a closed idle connection looks like an injected fault."""


class ReadyServer(uvicorn.Server):
    """uvicorn server that prints its URL when it is ready, unless `url` is None."""

    def __init__(self, config: uvicorn.Config, url: str | None) -> None:
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._url:
            sys.stdout.write(f"ready {self._url}\n")
            sys.stdout.flush()


def main() -> int:
    arguments = _parse_arguments()
    listener = (
        socket.socket(fileno=arguments.fd)
        if arguments.fd is not None
        else _open_listener(arguments.host, arguments.port)
    )
    url = arguments.url or _listener_url(listener)
    app = create_app(
        assemble_server(None if arguments.data == ":memory:" else Path(arguments.data), url), arguments.key
    )
    config = uvicorn.Config(
        app,
        http=AbortableProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=LAST_ANSWERS,
        timeout_keep_alive=IDLE,
    )
    # uvicorn stops in order and then raises the signal again, which would end us as if we had been killed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = ReadyServer(config, url if arguments.fd is None else None)
    server.run(sockets=[listener])
    return 0 if server.started else 3


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m api.fakes.stripe", description="A stateful fake of Stripe.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes any that is free")
    parser.add_argument("--fd", type=int, help="a listening socket that is open already, instead of host and port")
    parser.add_argument("--data", required=True, help="a folder for its state, or :memory:")
    parser.add_argument("--key", default=KEY, help="the account's secret key")
    parser.add_argument("--url", help="where a browser reaches it, if not at its own address")
    return parser.parse_args()


def _open_listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def _listener_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


if __name__ == "__main__":
    sys.exit(main())
