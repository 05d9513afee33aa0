"""An HTTP server that gives scripted responses in order and records the requests."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from kinora import Kinora

Reply = Callable[[BaseHTTPRequestHandler], None]


class RecordedRequest(NamedTuple):
    """A request as the server received it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class ScriptedServer:
    """The replies still to be given, and the requests so far."""

    def __init__(self, url: str, replies: list[Reply]) -> None:
        self.url = url
        self.replies = replies
        self.requests: list[RecordedRequest] = []
        self.lock = threading.Lock()


def respond(status: int, body: object = None, *, raw: bytes | None = None, **headers: str) -> Reply:
    """A response with a JSON body, or with the bytes of `raw`."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        content = raw if raw is not None else json.dumps(body).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return reply


def break_off(status: int, content: bytes, whole: int, **headers: str) -> Reply:
    """A response that announces `whole` bytes, sends `content`, and resets the connection."""

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


def reset_connection() -> Reply:
    """No response: the connection is reset."""
    return _reset


def _reset(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.shutdown(socket.SHUT_RD)
    handler.connection.close()


@contextmanager
def scripted_server(*replies: Reply) -> Iterator[ScriptedServer]:
    """Serve these replies on a free port of this machine; 599 to any request beyond them."""
    server = ScriptedServer("", list(replies))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            asked = RecordedRequest(
                self.command,
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length),
            )
            with server.lock:
                server.requests.append(asked)
                reply = server.replies.pop(0) if server.replies else respond(599, {"detail": "not in the script"})
            reply(self)

        do_GET = do_HEAD = do_POST = do_DELETE = do_PATCH = handle_one  # noqa: N815 - http.server's own names

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

        def finish(self) -> None:
            try:
                super().finish()
            except (OSError, ValueError):  # reset on purpose
                return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        http_server.daemon_threads = True
        server.url = f"http://127.0.0.1:{http_server.server_port}"
        thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http_server.shutdown()
            thread.join()


def connect(server: ScriptedServer, **options: Any) -> Kinora:
    """A client of the server that pauses for about a millisecond between retries."""
    return Kinora(api_key="kin_test", base_url=server.url, retry_pause=0.001, **options)
