"""A server that answers what the test says, in that order, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

Reply = Callable[[BaseHTTPRequestHandler], None]


class Asked(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Script:
    """The replies that are left, and the requests so far."""

    def __init__(self, url: str, replies: list[Reply]) -> None:
        self.url = url
        self.replies = replies
        self.asked: list[Asked] = []
        self.lock = threading.Lock()


def says(status: int, body: object = None, *, raw: bytes | None = None, **headers: str) -> Reply:
    """An answer with a JSON body, or with these bytes."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        content = raw if raw is not None else json.dumps(body).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return reply


def breaks(status: int, content: bytes, whole: int, **headers: str) -> Reply:
    """An answer that promises `whole` bytes, sends these, and resets the connection."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(whole))
        handler.end_headers()
        handler.wfile.write(content)
        handler.wfile.flush()
        _reset(handler)

    return reply


def resets() -> Reply:
    """No answer: the connection is reset."""
    return _reset


def _reset(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.shutdown(socket.SHUT_RD)
    handler.connection.close()


@contextmanager
def scripted(*replies: Reply) -> Iterator[Script]:
    """Serve these replies on a free port of this machine. Requests beyond them are answered 599."""
    script = Script("", list(replies))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            asked = Asked(
                self.command,
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length),
            )
            with script.lock:
                script.asked.append(asked)
                reply = script.replies.pop(0) if script.replies else says(599, {"detail": "not in the script"})
            reply(self)

        do_GET = do_HEAD = do_POST = do_DELETE = do_PATCH = handle_one  # noqa: N815 - http.server's own names

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def finish(self) -> None:
            try:
                super().finish()
            except (OSError, ValueError):  # reset on purpose
                return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        script.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield script
        finally:
            server.shutdown()
            thread.join()
