"""A server that returns canned responses and does nothing else: the lower bound for every client.

`python -m bench.service.canned_responses --fd N VIDEO LIST TASK`: files that hold the response for one video, for the
list and for any other path.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
from pathlib import Path
from typing import cast

import uvloop


class CannedResponseProtocol(asyncio.Protocol):
    """One connection. A request has no body here, so it ends with its head."""

    def __init__(self, answers: list[bytes]) -> None:
        self._video, self._list, self._task = (
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
            for body in answers
        )
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer whatever has ended."""
        self._head += data
        while b"\r\n\r\n" in self._head:
            head, _, self._head = self._head.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1]
            self._transport.write(self._select_response(path))

    def _select_response(self, path: bytes) -> bytes:
        if path.startswith(b"/v1/videos/"):
            return self._video
        return self._list if path.startswith(b"/v1/videos") else self._task


async def serve_responses(descriptor: int, answers: list[bytes]) -> None:
    """Serve on a listening socket until the process is told to stop."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: CannedResponseProtocol(answers), sock=socket.socket(fileno=descriptor))
    await server.serve_forever()


def main() -> None:
    """Read the answers and serve them."""
    parser = argparse.ArgumentParser(prog="python -m bench.service.canned_responses")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("answers", type=Path, nargs=3)
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_responses(options.fd, [path.read_bytes() for path in options.answers]))


if __name__ == "__main__":
    main()
