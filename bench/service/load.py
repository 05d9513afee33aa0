"""A cheap load generator: ready-made requests over keep-alive connections, whose responses are counted and not parsed.

An HTTP library would take more of the two cores than the server under test. Every load ends by count or by time.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar, cast

from bench.service.testbed import HOST

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length: "
PATIENCE = 60.0  # seconds after which a load that should have ended is an error

Job = TypeVar("Job")


@dataclass(slots=True)
class ResponseTally:
    """What came back: answers by status, in how many seconds."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def count(self) -> int:
        """All answers."""
        return self.statuses.total()

    def add(self, other: ResponseTally) -> None:
        """Count another load too."""
        self.statuses += other.statuses
        self.seconds += other.seconds


def build_request(method: str, path: str, token: str = "", body: bytes = b"") -> bytes:
    """A whole request, ready to be sent again and again."""
    head = [f"{method} {path} HTTP/1.1", f"Host: {HOST}"]
    head += [f"Authorization: Bearer {token}"] if token else []
    head += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([*head, "", ""]).encode() + body


class _LoadConnection(asyncio.Protocol):
    """One connection that asks again as soon as it has its answer."""

    def __init__(self, requests: Iterator[bytes], deadline: float, tally: ResponseTally) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._deadline = deadline
        self._tally = tally
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send_next()

    def _send_next(self) -> None:
        following = next(self._requests, None) if time.perf_counter() < self._deadline else None
        if following is None:
            self._transport.close()
        else:
            self._transport.write(following)

    def data_received(self, data: bytes) -> None:
        held = self._held + data
        head = held.find(HEAD_END)
        if head < 0 or len(held) < head + len(HEAD_END) + _content_length(held):
            self._held = held
            return
        self._held = b""
        self._tally.statuses[int(held[9:12])] += 1
        self._send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(exc)


def _content_length(answer: bytes) -> int:
    """Every answer measured here says its length."""
    start = answer.index(LENGTH) + len(LENGTH)
    return int(answer[start : answer.index(b"\r", start)])


async def send_requests(port: int, requests: Iterator[bytes], *, lanes: int, seconds: float) -> ResponseTally:
    """Send the requests over so many connections at once, until they or the time run out."""
    tally, began = ResponseTally(), time.perf_counter()
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(seconds + PATIENCE):
        opened = [
            await loop.create_connection(lambda: _LoadConnection(requests, began + seconds, tally), HOST, port)
            for _ in range(lanes)
        ]
        await asyncio.gather(*(lane.ended for _, lane in opened))
    tally.seconds = time.perf_counter() - began
    return tally


async def run_calls(
    work: Callable[[Job], Awaitable[None]], jobs: Iterator[Job], *, lanes: int, seconds: float
) -> ResponseTally:
    """The same with calls in place of requests; one that returns counts as 200."""
    tally, began = ResponseTally(), time.perf_counter()

    async def run_lane() -> None:
        for job in jobs:
            await work(job)
            tally.statuses[200] += 1
            if time.perf_counter() > began + seconds:
                return

    async with asyncio.timeout(seconds + PATIENCE):
        await asyncio.gather(*(run_lane() for _ in range(lanes)))
    tally.seconds = time.perf_counter() - began
    return tally
