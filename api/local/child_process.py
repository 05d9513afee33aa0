"""A program run as a child process: it dies with its parent, stops in order, and is restarted when it ends.

Knows processes and signals; knows nothing of what the program does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engine import parent_death

Answer = TypeVar("Answer")

RESTART_DELAYS = (0.1, 0.5, 2.0, 10.0)
"""Seconds before the first, second, … restart in a row. A program that then ends by itself is not started again."""
KILLED = (-signal.SIGKILL, -signal.SIGTERM)
"""Exit statuses of a program that somebody else ended."""
STABLE_AFTER = 60.0
"""Seconds of running after which the next end of a program counts as the first again."""


class ChildEndedError(Exception):
    """A program ended that should be running; the message says how, with the end of its log."""


@dataclass(frozen=True, slots=True)
class Program:
    """A command and how to stop it.

    `stop_signals` ask it to stop, each with the seconds it may take; SIGKILL follows. The kernel sends
    `parent_death_signal` if this process is killed. `log` takes its output, which otherwise goes to our standard error.
    `inherited_fds` stay open as long as any of its processes lives. `config_error_statuses` are exit statuses that mean
    its configuration is wrong, so that a restart would not help. `restart_delays` are the seconds before each
    restart in a row.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    stdin: bytes = b""
    log: Path | None = None
    parent_death_signal: signal.Signals = signal.SIGKILL
    stop_signals: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 10.0),)
    inherited_fds: Sequence[int] = ()
    config_error_statuses: Sequence[int] = ()
    restart_delays: Sequence[float] = RESTART_DELAYS

    def command_line(self) -> list[str]:
        """The command line that sets the parent death signal before it executes the program."""
        tie = [sys.executable, "-I", "-S", parent_death.__file__, self.parent_death_signal.name, str(os.getpid())]
        return [*tie, *self.argv]

    def log_tail(self) -> str:
        """The last eight lines of the log, to be shown with a failure."""
        if self.log is None or not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])


class Child:
    """A running Program. Start it on the main thread: the kernel ties it to the thread that forked it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """Process id of the current run."""
        return self._current_process.pid

    @property
    def _current_process(self) -> Process:
        if self._process is None:
            raise RuntimeError(f"{self.program.name} was never started")
        return self._process

    async def start(self) -> None:
        """Start the program. If it cannot be executed, it ends at once."""
        with contextlib.ExitStack() as stack:
            words = stack.enter_context(self.program.log.open("ab")) if self.program.log else sys.stderr
            self._process = await asyncio.create_subprocess_exec(
                *self.program.command_line(),
                env=dict(self.program.env),
                stdin=PIPE if self.program.stdin else DEVNULL,
                stdout=words,
                stderr=words,
                pass_fds=tuple(self.program.inherited_fds),
                start_new_session=True,  # Ctrl-C in a terminal is for us; we stop the others in order
            )
        if self._process.stdin is not None:
            self._process.stdin.write(self.program.stdin)
            self._process.stdin.close()

    async def wait_ended(self) -> ChildEndedError:
        """Wait until the program has ended; the error says how."""
        status = await self._current_process.wait()
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        if status in self.program.config_error_statuses:
            how = f"cannot run as it is set up (status {status}): fix what it names"
        words = self.program.log_tail()
        return ChildEndedError(f"{self.program.name} {how}." + (f" The end of its log:\n{words}" if words else ""))

    async def stop(self) -> None:
        """Send the stop signals in order, then SIGKILL; return when the process is gone."""
        for deadly, seconds in (*self.program.stop_signals, (signal.SIGKILL, None)):
            if self._current_process.returncode is not None:
                return
            self._current_process.send_signal(deadly)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._current_process.wait(), seconds)

    async def keep_running(self, tell: Callable[[str], None]) -> ChildEndedError:
        """Restart the program whenever it ends, until cancelled; the error is its last end, where no restart helps.

        That is the end with a configuration error, or one that it brings about itself again and again. What somebody
        kills, be it the system for lack of memory, is always started again.
        """
        delays = self.program.restart_delays
        falls = 0
        while True:
            began = time.monotonic()
            fall = await self.wait_ended()
            if self._current_process.returncode in self.program.config_error_statuses:
                return fall
            falls = 0 if time.monotonic() - began > STABLE_AFTER else falls
            if falls >= len(delays) and self._current_process.returncode not in KILLED:
                return fall
            tell(f"starting {self.program.name} again: {fall}")
            await asyncio.sleep(delays[min(falls, len(delays) - 1)])
            falls += 1
            try:
                await self.start()
            except OSError as error:  # no memory or no process left: its old end is found again, after a longer pause
                tell(f"{self.program.name} does not start: {error}.")


async def retry_until_ready(
    attempt: Callable[[], Awaitable[Answer]], not_yet: tuple[type[Exception], ...], child: Child, within: float
) -> Answer:
    """Call `attempt` until it no longer raises one of `not_yet`, and return its result.

    No event announces that a server is ready, so this polls every 20 ms. Raises ChildEndedError as soon as the child
    has ended, TimeoutError after `within` seconds; both messages are for people.
    """
    end = asyncio.ensure_future(child.wait_ended())
    try:
        async with asyncio.timeout(within):
            while not end.done():
                try:
                    return await attempt()
                except not_yet:
                    await asyncio.wait([end], timeout=0.02)
            raise end.result()
    except TimeoutError as error:
        raise TimeoutError(f"{child.program.name} does not answer after {within:g} s.") from error
    finally:
        end.cancel()
