"""The engine's child process: receives jobs on a socket, runs them one after another, and reports each event.

A thread reads the socket, so that a cancellation arrives while torch computes, and the end of the parent ends this
process at once. A job that fails with an EngineError is answered with it. Any other error ends the process, because
its state can no longer be trusted, and the parent starts another one.
"""

from __future__ import annotations

import os
import queue
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING

from engine import parent_death
from engine.process.protocol import CancelJob, EngineReady, JobEnded, JobEvent, RunJob, pack_message, receive_message
from engine.safety.rules import BadRuleError
from engine.types import EngineConfig, EngineError, JobCancelled

if TYPE_CHECKING:
    from engine.runtime.engine import Engine


def main(connection: socket.socket, config: EngineConfig) -> None:
    """Serve jobs until the other end of `connection` closes, or the engine requires a new process."""
    parent_death.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Imported here because the parent imports this module for `main` and must not load torch.
    from engine.runtime.engine import Engine

    inbox = _JobInbox(connection)
    try:
        engine = Engine(config)
    except BadRuleError as error:
        sys.exit(str(error))  # on standard error, for the worker's log
    connection.sendall(pack_message(EngineReady()))
    while not engine.must_restart:
        run = inbox.next_job()
        connection.sendall(pack_message(_run_job(engine, run, inbox, connection)))


class _JobInbox:
    """Incoming jobs and cancels, read by a thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._runs: queue.SimpleQueue[RunJob] = queue.SimpleQueue()
        self._cancelled = 0
        threading.Thread(target=self._watch_socket, name="inbox", daemon=True).start()

    def next_job(self) -> RunJob:
        return self._runs.get()

    def is_cancelled(self, job: int) -> bool:
        return self._cancelled >= job

    def _watch_socket(self) -> None:
        while True:
            try:
                message = receive_message(self._connection)
            except (EOFError, ConnectionError):
                # The worker has ended. The main thread might not return from torch for a minute.
                os._exit(0)
            match message:
                case RunJob():
                    self._runs.put(message)
                case CancelJob(job):
                    self._cancelled = job


def _run_job(engine: Engine, run: RunJob, inbox: _JobInbox, connection: socket.socket) -> JobEnded:
    try:
        for event in engine.run(run.request, run.out_dir, lambda: inbox.is_cancelled(run.job), run.resume):
            connection.sendall(pack_message(JobEvent(run.job, event)))
    except JobCancelled:
        return JobEnded(run.job, cancelled=True)
    except EngineError as failure:
        return JobEnded(run.job, failure=failure)
    return JobEnded(run.job)
