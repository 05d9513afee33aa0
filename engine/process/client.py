"""The worker's side of the engine's child: start it, run jobs in it, cancel, kill, and know when it died.

All waiting is asyncio's; nothing polls and nothing here imports torch. The child is forked from
multiprocessing's forkserver, which has torch, transformers and diffusers imported already: the first start
takes seconds, a restart a fraction of one.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import multiprocessing
import multiprocessing.forkserver
import os
import queue
import socket
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Final

from engine import parent_death
from engine.process import server as child
from engine.process.protocol import CancelJob, JobEnded, JobEvent, RunJob, pack_message, receive_message_async
from engine.types import EngineConfig, EngineError, Event, JobCancelled, Request, Resume

_PRELOAD: Final = ["engine.process.forkserver", "engine.runtime.engine"]
_UNKNOWN: Final = 255


class EngineDied(Exception):
    """The child ended without an answer: out of memory, a crash, or a kill.

    `exitcode` is the process's: negative is the signal that ended it, 255 unknown.
    """

    def __init__(self, exitcode: int) -> None:
        super().__init__(f"The engine's process ended with exit code {exitcode}.")
        self.exitcode = exitcode


class EngineProcess:
    """A child process that runs one job at a time."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._alive: _EngineChild | None = None
        self._job = 0
        self._running: int | None = None

    @property
    def alive(self) -> bool:
        return self._alive is not None and not self._alive.died.done()

    @property
    def pid(self) -> int | None:
        """The child's process id while it lives."""
        return self._alive.process.pid if self._alive is not None and self.alive else None

    async def start(self) -> None:
        """Start a child and wait until it can take a job; does nothing while one lives. Raises EngineDied."""
        if not self.alive:
            self._alive = await _spawn_child(self._config)

    async def run(self, request: Request, out_dir: Path, resume: Resume | None = None) -> AsyncGenerator[Event, None]:
        """Run one job and yield its events, as `Engine.run` does. Raises Cancelled, EngineError, or EngineDied.

        Leaving the iteration early cancels the job and waits until it has stopped, so close the iterator
        (`contextlib.aclosing`) when you may break out of it.
        """
        if self._alive is None:
            raise RuntimeError("Start the engine's process before running a job in it.")
        if self._running is not None:
            raise RuntimeError("The engine's process runs one job at a time.")
        self._job += 1
        self._running = self._job
        try:
            self._alive.send(RunJob(self._job, request, out_dir, resume))
            async for event in self._job_events(self._alive, self._job):
                yield event
        except (GeneratorExit, asyncio.CancelledError):
            self.cancel()
            await self._drain_job(self._alive, self._job)
            raise
        finally:
            self._running = None

    def cancel(self) -> None:
        """Ask the running job to stop; `run` then raises Cancelled.

        Without a job whose first event was awaited, or asked again, it does nothing.
        """
        if self._alive is not None and self._running is not None:
            self._alive.send(CancelJob(self._running))

    async def kill(self) -> None:
        """End the child at once and wait until it is gone; a running job raises EngineDied."""
        if self._alive is None:
            return
        if not self._alive.died.done():
            self._alive.process.kill()
        await asyncio.wait([self._alive.died])

    async def _job_events(self, alive: _EngineChild, job: int) -> AsyncIterator[Event]:
        while True:
            match await alive.receive():
                case JobEvent(number, event) if number == job:
                    yield event
                case JobEnded(number, cancelled, failure) if number == job:
                    if cancelled:
                        raise JobCancelled
                    if failure is not None:
                        raise failure
                    return

    async def _drain_job(self, alive: _EngineChild, job: int) -> None:
        try:
            async for _event in self._job_events(alive, job):
                pass
        except (JobCancelled, EngineError, EngineDied):
            return  # stopped, as intended


class _EngineChild:
    """A started process: its socket, and `died`, a future of its exit code."""

    def __init__(self, process: ForkServerProcess, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.process = process
        self.died: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._reader = reader
        self._writer = writer
        asyncio.get_running_loop().add_reader(process.sentinel, self._reap_child)

    def send(self, message: object) -> None:
        if not self.died.done():
            self._writer.write(pack_message(message))

    async def receive(self) -> Any:
        """The next message, or EngineDied."""
        try:
            return await receive_message_async(self._reader)
        except EOFError:
            raise EngineDied(await asyncio.shield(self.died)) from None

    def _reap_child(self) -> None:
        asyncio.get_running_loop().remove_reader(self.process.sentinel)
        self.process.join()
        self._writer.close()
        exitcode = self.process.exitcode
        self.died.set_result(_UNKNOWN if exitcode is None else exitcode)


async def _spawn_child(config: EngineConfig) -> _EngineChild:
    ours, theirs = socket.socketpair()
    with contextlib.ExitStack() as unless_ready:
        # A half-started child reads the end of file and goes.
        unless_ready.callback(ours.close)
        process = await _fork_child(theirs, config)
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        unless_ready.callback(writer.close)
        alive = _EngineChild(process, reader, writer)
        await alive.receive()
        unless_ready.pop_all()
    return alive


async def _fork_child(theirs: socket.socket, config: EngineConfig) -> ForkServerProcess:
    """Start a child on its end of the socket, which is closed here.

    Nothing interrupts a start: a request that breaks off in the middle brings the forkserver down.
    """
    os.environ[parent_death.PARENT] = str(os.getpid())
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    process = context.Process(target=child.main, args=(theirs, config), name="engine", daemon=True)
    started: concurrent.futures.Future[None] = concurrent.futures.Future()
    started.set_running_or_notify_cancel()

    def start() -> None:
        try:
            with theirs:
                _start_process(process)
        except (OSError, EOFError):
            started.set_exception(EngineDied(_UNKNOWN))
        else:
            started.set_result(None)

    _start_queue().put(start)
    await asyncio.wrap_future(started)
    return process


@functools.cache
def _start_queue() -> queue.SimpleQueue[Callable[[], None]]:
    """What is put here runs in the one thread that starts all children of this process.

    A thread, because the first start waits until the forkserver has imported everything. Always the same, because
    Linux ends the forkserver with the *thread* that started it. A daemon, so that nobody waits for it at the end.
    """
    starts: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def serve() -> None:
        while True:
            starts.get()()

    threading.Thread(target=serve, name="engine starts", daemon=True).start()
    return starts


def _start_process(process: ForkServerProcess) -> None:
    try:
        process.start()
    except (EOFError, ConnectionError):
        # The forkserver was killed, and is not quite gone; once it is, the next start begins another.
        server = multiprocessing.forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]  # noqa: SLF001
        os.waitid(os.P_PID, server, os.WEXITED | os.WNOWAIT)
        process.start()
