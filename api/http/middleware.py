"""ASGI middleware for every request: request id, access log, metrics, security headers, crash responses.

Wraps the whole application, so that it also covers errors of the framework itself.
"""

from __future__ import annotations

import re
import time
from typing import Any

import msgspec
import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

from api import ids
from api.errors import Internal
from api.http import metrics
from api.http.problems import MEDIA_TYPE, REQUEST_ID
from api.http.response_headers import missing_security_headers

CLIENT_CLOSED = 499  # nginx's status for a client that disconnected before the response
UNROUTED = "-"
DEBUG_ROUTES = {"/health/live", "/health/ready", "/metrics"}

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{8,128}")

log = structlog.get_logger()


class _Exchange:
    """One request and its response. Calling it sends a message of the response."""

    __slots__ = ("began", "id", "is_event_stream", "scope", "seconds", "send", "status")

    def __init__(self, scope: Any, send: Send) -> None:
        self.began = time.perf_counter()
        self.scope = scope
        self.send = send
        self.status = 0
        self.seconds = 0.0
        self.is_event_stream = False
        self.id = scope[REQUEST_ID] = _client_request_id(scope) or ids.new_id(ids.REQUEST)

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.seconds = time.perf_counter() - self.began
            message["headers"] = headers = list(message.get("headers", ()))
            present = dict(headers)
            headers += missing_security_headers(present)
            headers.append((b"x-request-id", self.id.encode()))
            if present.get(b"content-type", b"").startswith(b"text/event-stream"):
                self.is_event_stream = True
                metrics.OPEN_STREAMS.inc()
        await self.send(message)

    async def respond_to_crash(self, error: Exception) -> bool:
        """Log an uncaught exception and respond with 500; False if the response had already started."""
        log.error("crash", exc_info=error)
        if self.status:
            return False
        body = msgspec.json.encode(Internal().body(self.id))
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        await self({"type": "http.response.start", "status": Internal.status, "headers": headers})
        await self({"type": "http.response.body", "body": body, "more_body": False})
        return True

    def record_request(self) -> None:
        """Update metrics and write the access log, after the last byte or when the client has disconnected."""
        if self.is_event_stream:
            metrics.OPEN_STREAMS.dec()
        scope, status = self.scope, self.status or CLIENT_CLOSED
        route = scope.get("path_template", UNROUTED)
        method = scope["method"] if scope["method"] in metrics.METHODS else "OTHER"
        metrics.count_response(method, route, status, self.seconds or time.perf_counter() - self.began)
        write = log.debug if route in DEBUG_ROUTES else log.info
        write(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round((time.perf_counter() - self.began) * 1000, 1),
            user_id=getattr(scope.get("user"), "user_id", None),
        )


def _client_request_id(scope: Any) -> str | None:
    """The request id that a proxy or client sent, if it is safe in a log and in a header."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return None


def wrap_app(app: ASGIApp) -> ASGIApp:
    """Wrap the application. Lifespan and websocket scopes pass through unchanged."""

    async def wrapped_app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        tokens = bind_contextvars(request_id=exchange.id)
        try:
            await app(scope, receive, exchange)
        except Exception as error:  # the server would respond in plain text
            if not await exchange.respond_to_crash(error):
                raise
        finally:
            exchange.record_request()
            reset_contextvars(**tokens)

    return wrapped_app
