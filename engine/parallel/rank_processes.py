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
from engine.placement.hardware import full
from engine.types import EngineError

READY: Final = b"ready\n"
"""Report of a rank whose weights are read."""
FULL: Final = b"full\n"
"""Report of a rank whose device ran out of memory in a forward call."""
BROKEN: Final = b"broken\n"
"""Report of a rank that ends for any other reason."""
_GOING: Final = 10.0  # seconds to exit by itself

Start: TypeAlias = Callable[[int], "subprocess.Popen[bytes]"]
"""Starts the process of a rank, which communicates by its standard streams."""


def start(rank: int) -> subprocess.Popen[bytes]:
    """Start `engine.parallel.rank_main` in a process that dies with this one."""
    environment = os.environ | {parent_death.PARENT: str(os.getpid())}
    command = [sys.executable, "-m", "engine.parallel.rank_main", str(rank)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)


class Crew:
    """The processes of ranks 1 and up, in the order of their ranks. `abandon` releases this process from an exchange
    that waits for a failed rank; it is called on another thread.
    """

    def __init__(self, processes: Sequence[subprocess.Popen[bytes]], abandon: Callable[[], None]) -> None:
        self._processes = processes
        self._abandon = abandon
        self._over = False
        self._heard: list[bytes] = []
        self._watching: list[threading.Thread] = []

    def say(self, *messages: Any) -> None:
        """Send one message to each rank, or the same to all. Raises BrokenPipeError where one has ended."""
        for process, message in zip(self._processes, messages * (len(self._processes) // len(messages)), strict=True):
            if process.stdin is not None:
                pickle.dump(message, process.stdin)
                process.stdin.flush()

    def seat(self, *configs: Any) -> None:
        """Send each rank its config, and wait until all have read their weights: joining a process group without
        them would block for minutes. Raises EngineError `model_broken` where one ends meanwhile.
        """
        try:
            self.say(*configs)
            for process in self._processes:
                _await(process)
        except BrokenPipeError as error:
            reason = "A further process of a clip that several GPUs share ended while it loaded; the log says why."
            raise EngineError("model_broken", reason) from error

    def watch(self) -> None:
        """Watch every rank for failure from now on: it is the only thing they still report."""
        for process in self._processes:
            thread = threading.Thread(target=self._watch, args=(process,), name="rank", daemon=True)
            self._watching.append(thread)
            thread.start()

    @contextmanager
    def unbroken(self) -> Iterator[None]:
        """Guard a forward call that all ranks make. A failure in any of them ends it, and all processes, at once: an
        aborted exchange cannot be continued. Raises torch.OutOfMemoryError where another rank ran out of memory.
        """
        try:
            yield
            self._check()
        except BaseException as error:
            self._kill()
            for process, thread in zip(self._processes, self._watching, strict=True):
                thread.join()
                process.wait()
            if FULL in self._heard and not full(error):
                raise torch.OutOfMemoryError("Another GPU of those that share this clip has no room for it.") from error
            raise

    def leave(self) -> None:
        """End the processes, which exit when their standard input closes."""
        self._over = True
        for process in self._processes:
            if process.stdin is not None:
                with suppress(BrokenPipeError):  # it has ended already, with unsent input
                    process.stdin.close()
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GOING)
            process.kill()  # it may wait in an exchange; on an ended process this does nothing
            process.wait()
            if process.stdout is not None and not self._watching:  # else the watching thread closes it
                process.stdout.close()

    def _check(self) -> None:
        if self._heard:
            raise BrokenPipeError("A further process of a clip that several GPUs share has ended.")

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until a rank reports a failure or ends without a report."""
        if process.stdout is not None:
            with process.stdout as reports:
                self._heard.append(reports.readline())
        if not self._over:
            self._kill()
            self._abandon()

    def _kill(self) -> None:
        self._over = True
        for process in self._processes:
            process.kill()


def _await(process: subprocess.Popen[bytes]) -> None:
    if process.stdout is None or READY not in iter(process.stdout.readline, b""):
        raise BrokenPipeError
