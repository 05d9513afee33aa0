"""Processor time and memory of processes, as the kernel counts them."""

from __future__ import annotations

import math
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


@dataclass(slots=True)
class ResourceUsage:
    """Seconds that passed in a block, and seconds of processor time that each named process took meanwhile."""

    wall: float = 0.0
    cpu: tuple[float, ...] = ()

    def add(self, other: ResourceUsage) -> None:
        """Count another block of the same processes."""
        self.wall += other.wall
        self.cpu = tuple(a + b for a, b in zip(self.cpu or (0.0,) * len(other.cpu), other.cpu, strict=True))


@contextmanager
def measure_usage(*pids: int) -> Iterator[ResourceUsage]:
    """Measure a block; the figures are there at its end.

    A process counts with those it has started, as PostgreSQL's does with its backends; ourselves count alone. What
    ends within the block is not counted.
    """
    spent = ResourceUsage()
    began, before = time.perf_counter(), [_cpu_seconds(pid) for pid in pids]
    yield spent
    spent.cpu = tuple(_cpu_growth(then, _cpu_seconds(pid)) for pid, then in zip(pids, before, strict=True))
    spent.wall = time.perf_counter() - began


def _cpu_growth(before: dict[int, float], after: dict[int, float]) -> float:
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def _cpu_seconds(pid: int) -> dict[int, float]:
    """Seconds so far, of each process that counts, in steps of 10 ms."""
    times = {}
    for each in [psutil.Process()] if pid == os.getpid() else process_tree(pid):
        with suppress(psutil.NoSuchProcess):
            used = each.cpu_times()
            times[each.pid] = used.user + used.system
    return times


def process_tree(pid: int) -> list[psutil.Process]:
    """The process and all that it has started."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def resident_bytes(pid: int) -> int:
    """Bytes of memory the process has in use, without those it has started."""
    return int(psutil.Process(pid).memory_info().rss)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share of them lies: nearest rank."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


class PeakMemory:
    """Bytes of memory that this process needs from now on, at most, beyond what it has in use now.

    Linux says so itself and can be told to forget an earlier peak; elsewhere a peak before now hides a lower one. What
    was freed before and not given back to the system counts as in use.
    """

    def __init__(self) -> None:
        if _CLEAR.exists():
            _CLEAR.write_text("5")  # proc(5): 5 resets the peak
        self._began = resident_bytes(os.getpid())

    def growth(self) -> int:
        """The peak so far, without what was in use before."""
        return max(0, _peak_resident_bytes() - self._began)


def _peak_resident_bytes() -> int:
    """Not `getrusage` on Linux: what it says of a fresh process includes the one that started it."""
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
