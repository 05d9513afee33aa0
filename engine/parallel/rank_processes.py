"""The further processes of a clip that several GPUs share, as rank 0 sees them: started, spoken to, watched and ended.

It knows processes and what they say; what a pass is, and how its tokens are parted, is the business of
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
"""What another process says when its weights are read."""
FULL: Final = b"full\n"
"""And when its device has no room for a pass."""
BROKEN: Final = b"broken\n"
"""And when it ends for any other reason."""
_GOING: Final = 10.0  # seconds to end in order

Start: TypeAlias = Callable[[int], "subprocess.Popen[bytes]"]
"""Starts the process of a rank, which speaks by its standard streams."""


def start(rank: int) -> subprocess.Popen[bytes]:
    """`engine.parallel.rank_main` in a process of its own, tied to this one."""
    environment = os.environ | {parent_death.PARENT: str(os.getpid())}
    command = [sys.executable, "-m", "engine.parallel.rank_main", str(rank)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)


class Crew:
    """The processes behind rank 0, in the order of their ranks. `abandon` frees this process from an exchange that
    waits for one that has failed; another thread calls it.
    """

    def __init__(self, processes: Sequence[subprocess.Popen[bytes]], abandon: Callable[[], None]) -> None:
        self._processes = processes
        self._abandon = abandon
        self._over = False
        self._heard: list[bytes] = []
        self._watching: list[threading.Thread] = []

    def say(self, *messages: Any) -> None:
        """One message to each, or the same to all. Raises BrokenPipeError where one has ended."""
        for process, message in zip(self._processes, messages * (len(self._processes) // len(messages)), strict=True):
            if process.stdin is not None:
                pickle.dump(message, process.stdin)
                process.stdin.flush()

    def seat(self, *seats: Any) -> None:
        """Give each its seat, and wait until all have read their weights: whoever waits for one in a process group
        waits for minutes in vain. Raises EngineError `model_broken` where one does not come.
        """
        try:
            self.say(*seats)
            for process in self._processes:
                _await(process)
        except BrokenPipeError as error:
            reason = "A further process of a clip that several GPUs share ended while it loaded; the log says why."
            raise EngineError("model_broken", reason) from error

    def watch(self) -> None:
        """From now on nobody has anything to say but that it fails."""
        for process in self._processes:
            thread = threading.Thread(target=self._watch, args=(process,), name="rank", daemon=True)
            self._watching.append(thread)
            thread.start()

    @contextmanager
    def unbroken(self) -> Iterator[None]:
        """A pass that all make. Whoever fails in it ends it at once for all, and with it the crew: an exchange that
        broke off cannot be gone on with. Raises torch.OutOfMemoryError where it was another's device that is full.
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
        """End the others, which go when nobody can speak to them any more."""
        self._over = True
        for process in self._processes:
            if process.stdin is not None:
                with suppress(BrokenPipeError):  # one that has ended already, with something unsaid
                    process.stdin.close()
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GOING)
            process.kill()  # who waits in an exchange hears nothing; on one that has ended it does nothing
            process.wait()
            if process.stdout is not None and not self._watching:  # else whoever watches closes it
                process.stdout.close()

    def _check(self) -> None:
        if self._heard:
            raise BrokenPipeError("A further process of a clip that several GPUs share has ended.")

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Until it says that it fails, or ends without a word."""
        if process.stdout is not None:
            with process.stdout as words:
                self._heard.append(words.readline())
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
