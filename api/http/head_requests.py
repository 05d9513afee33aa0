"""Answers HEAD wherever GET is answered, as RFC 9110 requires: monitors, crawlers and players ask so.

A route with a HEAD handler of its own keeps it; elsewhere the GET handler runs and its content is left out.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from litestar.utils import normalize_path

LOGGED: Final = ("path_template", "user")
"""Keys that the application adds to the scope and the access log reads."""


def answer_head(app: Litestar) -> ASGIApp:
    """The application, which also answers HEAD on routes that have only GET."""

    async def app_with_head(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "HEAD" or _has_head_handler(app, scope["path"]):
            await app(scope, receive, send)
            return
        outer: Any = scope
        inner: Any = {**outer, "method": "GET"}
        head = _HeadResponse(receive, send)
        try:
            await app(inner, head.receive, head.send)
        finally:
            outer.update({key: inner[key] for key in LOGGED if key in inner})

    return app_with_head


def _has_head_handler(app: Litestar, path: str) -> bool:
    try:
        app.asgi_router.handle_routing(path=normalize_path(path), method="HEAD")
    except (MethodNotAllowedException, NotFoundException):
        return False
    return True


class _HeadResponse:
    """A response of which only the head is sent. A stream then finds the client gone, and ends."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._sent = False

    async def receive(self) -> Any:
        return {"type": "http.disconnect"} if self._sent else await self._receive()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._send(message)
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            self._sent = True
