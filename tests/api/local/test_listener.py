"""Listening sockets."""

from __future__ import annotations

import socket

import pytest

from api.local.listener import AddressError, listener_url, open_listener, open_listener_near


@pytest.mark.parametrize(
    ("host", "port"), [("no.such.host.invalid", 0), ("192.0.2.1", 0), ("127.0.0.1", 65536), ("127.0.0.1", -1)]
)
def test_an_unusable_address_is_reported_in_a_sentence(host: str, port: int) -> None:
    with pytest.raises(AddressError, match=r"^[^()]+\.$"):
        open_listener(host, port)


def test_a_default_port_that_is_taken_is_replaced() -> None:
    told: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with open_listener_near("127.0.0.1", port, told.append) as found:
            assert told == [f"port {port} is taken; using {found.getsockname()[1]}"]


def test_an_unspecified_ipv6_address_also_takes_ipv4() -> None:
    with open_listener("::", 0) as listener:
        port = listener.getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port)).close()
        assert listener_url(listener) == f"http://[::1]:{port}"
