"""uvicorn's protocol, with a way for an application to cut its connection: what a network does, at will."""

from __future__ import annotations

import socket
import struct

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

ABORT_SCOPE_KEY = "fake_stripe.abort"
"""Where the way is found in the ASGI scope."""
NO_LINGER = struct.pack("ii", 1, 0)
"""For SO_LINGER: close by a reset, sending nothing more."""


class AbortableProtocol(HttpToolsProtocol):
    """Puts ABORT into every scope."""

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self.scope[ABORT_SCOPE_KEY] = self._abort_connection  # type: ignore[literal-required]

    def _abort_connection(self) -> None:
        connection = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.cycle.disconnected = True
        self.transport.abort()
