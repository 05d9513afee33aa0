"""uvicorn's HTTP protocol with a way for the application to reset its connection."""

from __future__ import annotations

import socket
import struct

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

ABORT_SCOPE_KEY = "fake_stripe.abort"
"""Key of the abort function in the ASGI scope."""
NO_LINGER = struct.pack("ii", 1, 0)
"""SO_LINGER value that closes with a reset and sends nothing more."""


class AbortableProtocol(HttpToolsProtocol):
    """Puts an abort function into every ASGI scope."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[ABORT_SCOPE_KEY] = self._abort_connection  # type: ignore[literal-required]

    def _abort_connection(self) -> None:
        connection = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.cycle.disconnected = True
        self.transport.abort()
