"""What processes use: processor time and memory, as the kernel counts them."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil


@dataclass(slots=True)
class Spent:
    """Seconds that passed in a block, and seconds of processor time that each named process took meanwhile."""

    wall: float = 0.0
    cpu: tuple[float, ...] = ()

    def add(self, other: Spent) -> None:
        """Count another block of the same processes."""
        self.wall += other.wall
        self.cpu = tuple(a + b for a, b in zip(self.cpu or (0.0,) * len(other.cpu), other.cpu, strict=True))


@contextmanager
def spending(*pids: int) -> Iterator[Spent]:
    """Measure a block; the figures are there at its end.

    A process counts with those it has started, as PostgreSQL's does with its backends; ourselves count alone. What
    ends within the block is not counted.
    """
    spent = Spent()
    began, before = time.perf_counter(), [_processor_times(pid) for pid in pids]
    yield spent
    spent.cpu = tuple(_grown(then, _processor_times(pid)) for pid, then in zip(pids, before, strict=True))
    spent.wall = time.perf_counter() - began


def _grown(before: dict[int, float], after: dict[int, float]) -> float:
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def _processor_times(pid: int) -> dict[int, float]:
    """Seconds so far, of each process that counts, in steps of 10 ms."""
    times = {}
    for each in [psutil.Process()] if pid == os.getpid() else family(pid):
        with suppress(psutil.NoSuchProcess):
            used = each.cpu_times()
            times[each.pid] = used.user + used.system
    return times


def family(pid: int) -> list[psutil.Process]:
    """The process and all that it has started."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def resident(pid: int) -> int:
    """Bytes of memory the process has in use, without those it has started."""
    return int(psutil.Process(pid).memory_info().rss)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share of them lies: nearest rank."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
