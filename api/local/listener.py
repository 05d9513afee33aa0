"""Listening sockets, opened before the process that serves them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from api.settings import bracket_host

BACKLOG = 2048
UNSPECIFIED = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
"""Unspecified addresses, and the loopback address at which this machine reaches them."""


class AddressError(Exception):
    """The address cannot be listened on; the message says which and why."""


def open_listener(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free port, and `::` listens on IPv4 as well. Raises AddressError.

    It is opened here and inherited by the web process, so that no other process takes the port in between and clients
    wait during a restart instead of being refused.
    """
    if not 0 <= port <= 65535:
        raise AddressError(f"{port} is not a port: they go from 0 to 65535.")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        both = host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(address[:2], family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "this is no valid host name"
        raise AddressError(f"Cannot listen on {host}: {reason}.") from error
    except OSError as error:  # whose own words repeat the address
        raise AddressError(f"Cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}.") from error


def open_listener_near(host: str, port: int, tell: Callable[[str], None]) -> socket.socket:
    """A listening socket at the port, or at any free port if it is taken. Raises AddressError."""
    try:
        return open_listener(host, port)
    except AddressError:
        found = open_listener(host, 0)
        tell(f"port {port} is taken; using {found.getsockname()[1]}")
        return found


def listener_url(listener: socket.socket) -> str:
    """The URL at which this machine reaches the listener; an unspecified address cannot be connected to."""
    host, port = listener.getsockname()[:2]
    return f"http://{bracket_host(UNSPECIFIED.get(host, host))}:{port}"
