"""The processes of the ranks above 0, as rank 0 sees them: started, sent messages, watched and ended.

It knows processes and their reports; forward calls and how their tokens are split are the business of
engine/parallel/context_parallel.py.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeAlias

import torch

from engine import parent_death
from engine.placement.hardware import is_out_of_memory
from engine.types import EngineError

READY: Final = b"ready\n"
"""Report of a rank whose weights are read."""
FULL: Final = b"full\n"
"""Report of a rank whose device ran out of memory in a forward call."""
BROKEN: Final = b"broken\n"
"""Report of a rank that ends for any other reason."""
_EXIT_TIMEOUT: Final = 10.0  # seconds to exit by itself

RankStarter: TypeAlias = Callable[[int], "subprocess.Popen[bytes]"]
"""Starts the process of a rank, which communicates by its standard streams."""


def start_rank(rank: int) -> subprocess.Popen[bytes]:
    """Start `engine.parallel.rank_main` in a process that dies with this one."""
    environment = os.environ | {parent_death.PARENT: str(os.getpid())}
    command = [sys.executable, "-m", "engine.parallel.rank_main", str(rank)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)


class RankProcesses:
    """The processes of ranks 1 and up, in the order of their ranks. `abandon` releases this process from an exchange
    that waits for a failed rank; it is called on another thread.
    """

    def __init__(self, processes: Sequence[subprocess.Popen[bytes]], abandon: Callable[[], None]) -> None:
        self._processes = processes
        self._abort_exchange = abandon
        self._closing = False
        self._reports: list[bytes] = []
        self._watchers: list[threading.Thread] = []

    def send(self, *messages: Any) -> None:
        """Send one message to each rank, or the same to all. Raises BrokenPipeError where one has ended."""
        for process, message in zip(self._processes, messages * (len(self._processes) // len(messages)), strict=True):
            if process.stdin is not None:
                pickle.dump(message, process.stdin)
                process.stdin.flush()

    def configure(self, *configs: Any) -> None:
        """Send each rank its config, and wait until all have read their weights: joining a process group without
        them would block for minutes. Raises EngineError `model_broken` where one ends meanwhile.
        """
        try:
            self.send(*configs)
            for process in self._processes:
                _wait_until_ready(process)
        except BrokenPipeError as error:
            reason = "A further process of a clip that several GPUs share ended while it loaded; the log says why."
            raise EngineError("model_broken", reason) from error

    def watch_failures(self) -> None:
        """Watch every rank for failure from now on: it is the only thing they still report."""
        for process in self._processes:
            thread = threading.Thread(target=self._await_failure, args=(process,), name="rank", daemon=True)
            self._watchers.append(thread)
            thread.start()

    @contextmanager
    def guard_forward(self) -> Iterator[None]:
        """Guard a forward call that all ranks make. A failure in any of them ends it, and all processes, at once: an
        aborted exchange cannot be continued. Raises torch.OutOfMemoryError where another rank ran out of memory.
        """
        try:
            yield
            self._raise_if_ended()
        except BaseException as error:
            self._kill_all()
            for process, thread in zip(self._processes, self._watchers, strict=True):
                thread.join()
                process.wait()
            if FULL in self._reports and not is_out_of_memory(error):
                raise torch.OutOfMemoryError("Another GPU of those that share this clip has no room for it.") from error
            raise

    def close(self) -> None:
        """End the processes, which exit when their standard input closes."""
        self._closing = True
        for process in self._processes:
            if process.stdin is not None:
                with suppress(BrokenPipeError):  # it has ended already, with unsent input
                    process.stdin.close()
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_EXIT_TIMEOUT)
            process.kill()  # it may wait in an exchange; on an ended process this does nothing
            process.wait()
            if process.stdout is not None and not self._watchers:  # else the watching thread closes it
                process.stdout.close()

    def _raise_if_ended(self) -> None:
        if self._reports:
            raise BrokenPipeError("A further process of a clip that several GPUs share has ended.")

    def _await_failure(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until a rank reports a failure or ends without a report."""
        if process.stdout is not None:
            with process.stdout as reports:
                self._reports.append(reports.readline())
        if not self._closing:
            self._kill_all()
            self._abort_exchange()

    def _kill_all(self) -> None:
        self._closing = True
        for process in self._processes:
            process.kill()


def _wait_until_ready(process: subprocess.Popen[bytes]) -> None:
    if process.stdout is None or READY not in iter(process.stdout.readline, b""):
        raise BrokenPipeError
