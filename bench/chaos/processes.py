"""The processes that chaos kills: real workers and a real web process, started again after each kill.

Knows pids, process trees and the events in a worker's log, but no jobs. Linux only: processes are held by descriptor,
so that neither a zombie nor a reused pid passes for a live process.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import psutil

from api.local.child_process import Child, Program
from api.settings import Settings

FOLLOWS_WITHIN = 1.0
"""Seconds within which the children of a killed process must be gone."""


class KillOutcome(NamedTuple):
    """What became of the children of a killed process: the seconds until they ended, and those that did not end."""

    seconds: float
    survivors: list[str]


class LoggedAttempt(NamedTuple):
    """A worker's claim of a video, at a Unix time."""

    video_id: str
    number: int
    began: float


class ChaosProcess:
    """One `kinora` command. Each start of it is a new process with a new log."""

    def __init__(
        self, name: str, settings: Settings, logs: Path, *arguments: str, shared: tuple[int, ...] = ()
    ) -> None:
        self.name = name
        self._argv = [sys.executable, "-m", "api.cli", *arguments]
        self._environment = os.environ | settings.to_environment()
        self._shared = shared
        self._logs = logs
        self._lives: list[tuple[Path, float]] = []

    async def start(self) -> None:
        """Start a process that is killed if we are."""
        log = self._logs / f"{self.name}.{len(self._lives)}.log"
        self._lives.append((log, time.time()))
        # Nothing is left to be done when we stop it, so it is not asked but killed.
        self._child = Child(
            Program(self.name, self._argv, self._environment, log=log, stop_signals=(), inherited_fds=self._shared)
        )
        await self._child.start()
        self._end = asyncio.create_task(self._child.wait_ended())

    def raise_if_ended(self) -> None:
        """Raise ChildEndedError if it has ended without being killed."""
        if self._end.done():
            raise self._end.result()

    async def kill(self) -> KillOutcome:
        """Send SIGKILL, and find which children outlive it."""
        self.raise_if_ended()
        held = list(_open_descriptors(psutil.Process(self._child.pid).children(recursive=True)))
        killed = time.monotonic()
        await self.stop()
        return await asyncio.to_thread(_wait_for_children, held, killed)

    async def stop(self) -> None:
        """Send SIGKILL without a restart. It is no error if the process has ended already."""
        await self._child.stop()
        await self._end


class WorkerProcess(ChaosProcess):
    """A `kinora worker`."""

    def __init__(self, number: int, settings: Settings, logs: Path) -> None:
        super().__init__(f"worker-{number}", settings, logs, "worker")

    @property
    def database_name(self) -> str | None:
        """Its worker name in the database; None until it is ready."""
        return next(
            (line["worker"] for line in _read_log_lines(self._lives[-1][0]) if line["event"] == "worker_ready"), None
        )

    @property
    def find_engine(self) -> int | None:
        """The process of its engine, which is a child of its forkserver."""
        children = psutil.Process(self._child.pid).children()
        return next((grandchild.pid for child in children for grandchild in child.children()), None)

    def kill_engine(self) -> bool:
        """Send SIGKILL to the engine alone; False if there is none at the moment."""
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if engine := self.find_engine:
                os.kill(engine, signal.SIGKILL)
                return True
        return False

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Stop it with SIGSTOP while the block runs. Its engine continues."""
        os.kill(self._child.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._child.pid, signal.SIGCONT)

    def startup_seconds(self) -> list[float]:
        """Seconds from each start until it was ready, without starts that never were."""
        return [
            _parse_timestamp(line) - began
            for log, began in self._lives
            for line in _read_log_lines(log)
            if line["event"] == "worker_ready"
        ]

    def logged_attempts(self) -> list[LoggedAttempt]:
        """Every attempt that it started, over all its starts."""
        return [
            LoggedAttempt(line["video_id"], line["attempt"], _parse_timestamp(line))
            for log, _ in self._lives
            for line in _read_log_lines(log)
            if line["event"] == "attempt_started"
        ]


def _open_descriptors(processes: list[psutil.Process]) -> Iterator[tuple[int, str]]:
    """A descriptor and a name for each process that is alive."""
    for process in processes:
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            yield os.pidfd_open(process.pid), f"Process {process.pid} ({' '.join(process.cmdline())[:60]})"


def _wait_for_children(held: list[tuple[int, str]], killed: float) -> KillOutcome:
    """Wait for the processes behind these descriptors to end, up to the limit."""
    survivors = []
    for descriptor, name in held:
        left = max(0.0, killed + FOLLOWS_WITHIN - time.monotonic())
        if not select.select([descriptor], [], [], left)[0]:
            survivors.append(name)
        os.close(descriptor)
    return KillOutcome(time.monotonic() - killed, survivors)


def _read_log_lines(log: Path) -> Iterator[dict[str, Any]]:
    """The events of a log, without lines that a kill cut short and without output of libraries."""
    for line in log.read_bytes().splitlines():
        if line.startswith(b'{"') and line.endswith(b"}"):
            yield msgspec.json.decode(line)


def _parse_timestamp(line: dict[str, Any]) -> float:
    return datetime.fromisoformat(line["time"]).timestamp()
