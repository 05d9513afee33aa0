"""Serves the application below a path, as a proxy that shares its host with other sites publishes it.

`KINORA_PUBLIC_URL=https://example.com/kinora` names the path. Proxies strip it from requests or do not, and both work,
as does a request that comes past the proxy; addresses in responses always have it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final
from urllib.parse import unquote

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

PUBLIC_PATH: Final = "kinora.public_path"
"""The key of the path in the ASGI scope; absent without one."""


def top_folders(app: Litestar) -> set[str]:
    """The first part of the path of every route."""
    return {route.path.split("/")[1] for route in app.routes}


def serve_below(public_path: str, folders: Collection[str], app: ASGIApp) -> ASGIApp:
    """The application, whose paths begin with one of `folders`, also below `public_path`, which is percent-encoded."""
    if not public_path:
        return app
    plain = unquote(public_path)

    async def app_below(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        inner: Any = {**scope, "path": _inner_path(scope["path"], plain, folders), PUBLIC_PATH: public_path}
        await app(inner, receive, _send_with_location(public_path, send))

    return app_below


def _inner_path(path: str, public_path: str, folders: Collection[str]) -> str:
    """The path without the public one, unless a proxy has stripped that before."""
    rest = path.removeprefix(public_path)
    is_below = rest != path and rest[:1] in ("", "/") and rest.lstrip("/").split("/")[0] in folders
    return (rest or "/") if is_below else path


def _send_with_location(public_path: str, send: Send) -> Send:
    """Wrap `send` to write `Location` as the client must ask for it."""

    async def send_with_location(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [
                (name, public_path.encode() + value if name == b"location" and value.startswith(b"/") else value)
                for name, value in message.get("headers", ())
            ]
        await send(message)

    return send_with_location
