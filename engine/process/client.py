"""The engine as a child process, controlled from the worker: start it, run and cancel jobs, kill it, detect its death.

Everything waits with asyncio, nothing polls, and no module imported here imports torch. The child is forked from
multiprocessing's forkserver, which has imported torch, transformers and diffusers beforehand: the first start takes
seconds, a restart a fraction of one.
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
from engine.process import server
from engine.process.protocol import CancelJob, JobEnded, JobEvent, RunJob, pack_message, receive_message_async
from engine.process.socket_folder import shorten_socket_folder
from engine.types import EngineConfig, EngineError, Event, JobCancelled, Request, Resume

_PRELOAD: Final = ["engine.process.forkserver", "engine.runtime.engine"]
_UNKNOWN_EXITCODE: Final = 255


class EngineDied(Exception):
    """The child process ended before its job did: out of memory, a crash, or a kill.

    A negative `exitcode` is the number of the signal that ended the process; 255 means that the code is unknown.
    `reason` says why a process did not start.
    """

    def __init__(self, exitcode: int, reason: str = "") -> None:
        how = f"did not start: {reason}" if reason else f"ended with exit code {exitcode}."
        super().__init__(f"The engine's process {how}")
        self.exitcode = exitcode


class EngineProcess:
    """A child process that runs one job at a time."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._child: _EngineChild | None = None
        self._last_job = 0
        self._running_job: int | None = None

    @property
    def alive(self) -> bool:
        return self._child is not None and not self._child.died.done()

    @property
    def pid(self) -> int | None:
        """The process id of a living child, else None."""
        return self._child.process.pid if self._child is not None and self.alive else None

    async def start(self) -> None:
        """Start a child and wait until it accepts jobs; does nothing while one is alive. Raises EngineDied."""
        if not self.alive:
            self._child = await _spawn_child(self._config)

    async def run(self, request: Request, out_dir: Path, resume: Resume | None = None) -> AsyncGenerator[Event, None]:
        """Run one job and yield its events, as `Engine.run` does. Raises JobCancelled, EngineError or EngineDied.

        Closing the iterator early cancels the job and waits until it has stopped. A caller that may break out of the
        iteration must close it (`contextlib.aclosing`).
        """
        if self._child is None:
            raise RuntimeError("Start the engine's process before running a job in it.")
        if self._running_job is not None:
            raise RuntimeError("The engine's process runs one job at a time.")
        self._last_job += 1
        job = self._running_job = self._last_job
        try:
            self._child.send(RunJob(job, request, out_dir, resume))
            async for event in self._job_events(self._child, job):
                yield event
        except (GeneratorExit, asyncio.CancelledError):
            self.cancel()
            await self._drain_job(self._child, job)
            raise
        finally:
            self._running_job = None

    def cancel(self) -> None:
        """Request that the running job stops; `run` then raises JobCancelled.

        Does nothing when repeated, or while no job runs. A job runs from the moment its first event is awaited.
        """
        if self._child is not None and self._running_job is not None:
            self._child.send(CancelJob(self._running_job))

    async def kill(self) -> None:
        """Kill the child and wait until it has ended; a running job raises EngineDied."""
        if self._child is None:
            return
        if not self._child.died.done():
            self._child.process.kill()
        await asyncio.wait([self._child.died])

    async def _job_events(self, child: _EngineChild, job: int) -> AsyncIterator[Event]:
        while True:
            match await child.receive():
                case JobEvent(number, event) if number == job:
                    yield event
                case JobEnded(number, cancelled, failure) if number == job:
                    if cancelled:
                        raise JobCancelled
                    if failure is not None:
                        raise failure
                    return

    async def _drain_job(self, child: _EngineChild, job: int) -> None:
        """Discard the events of a cancelled job until it has ended."""
        try:
            async for _event in self._job_events(child, job):
                pass
        except (JobCancelled, EngineError, EngineDied):
            return  # the job has ended, which is all that this waits for


class _EngineChild:
    """A started child process and its socket. The future `died` gets the exit code when the process ends."""

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
        """The next message. Raises EngineDied."""
        try:
            return await receive_message_async(self._reader)
        except EOFError:
            raise EngineDied(await asyncio.shield(self.died)) from None

    def _reap_child(self) -> None:
        asyncio.get_running_loop().remove_reader(self.process.sentinel)
        self.process.join()
        self._writer.close()
        exitcode = self.process.exitcode
        self.died.set_result(_UNKNOWN_EXITCODE if exitcode is None else exitcode)


async def _spawn_child(config: EngineConfig) -> _EngineChild:
    ours, theirs = socket.socketpair()
    with contextlib.ExitStack() as unless_ready:
        # Closing our end makes a child that has not finished starting read end of file and exit.
        unless_ready.callback(ours.close)
        process = await _fork_child(theirs, config)
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        unless_ready.callback(writer.close)
        child = _EngineChild(process, reader, writer)
        await child.receive()
        unless_ready.pop_all()
    return child


async def _fork_child(theirs: socket.socket, config: EngineConfig) -> ForkServerProcess:
    """Start a child that holds the socket `theirs`, and close that socket in this process.

    A start is never interrupted: a request to the forkserver that breaks off in the middle would end the forkserver.
    """
    os.environ[parent_death.PARENT] = str(os.getpid())
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    process = context.Process(target=server.main, args=(theirs, config), name="engine", daemon=True)
    started: concurrent.futures.Future[None] = concurrent.futures.Future()
    started.set_running_or_notify_cancel()

    def start() -> None:
        try:
            with theirs:
                _start_process(process)
        except (OSError, EOFError) as error:
            started.set_exception(EngineDied(_UNKNOWN_EXITCODE, str(error) or type(error).__name__))
        else:
            started.set_result(None)

    _start_queue().put(start)
    await asyncio.wrap_future(started)
    return process


@functools.cache
def _start_queue() -> queue.SimpleQueue[Callable[[], None]]:
    """A queue of functions for the one thread that starts all children of this process.

    Starting needs a thread because the first start waits until the forkserver has imported everything. It is always
    the same thread because Linux ends the forkserver together with the *thread* that started it. It is a daemon
    thread, so that the interpreter can exit without waiting for it.
    """
    starts: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def serve() -> None:
        while True:
            starts.get()()

    threading.Thread(target=serve, name="engine starts", daemon=True).start()
    return starts


def _start_process(process: ForkServerProcess) -> None:
    shorten_socket_folder()
    try:
        process.start()
    except (EOFError, ConnectionError):
        # The forkserver was killed but has not ended yet. Once it has, the next start creates another one.
        forkserver_pid = multiprocessing.forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]  # noqa: SLF001
        os.waitid(os.P_PID, forkserver_pid, os.WEXITED | os.WNOWAIT)
        process.start()
