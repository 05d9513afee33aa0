"""The engine's own process: takes jobs from a socket, runs them one after another, reports each event.

A thread watches the socket, so that a cancel is seen while torch computes and the end of the parent ends this
process at once. A job that fails by name is answered; an error without a name kills the process, whose parent
then starts a fresh one: after an unknown fault nothing in here is to be trusted.
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
    """Serve jobs until the other end of `connection` closes, or the engine wants a fresh process."""
    parent_death.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Not above: the parent imports this module to name the function, and torch is not for the parent.
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
                # The worker is gone. Waiting for the main thread to come back from torch may take a minute.
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
