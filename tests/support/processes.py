"""Looking at processes that may end while they are looked at: PostgreSQL's children come and go."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import psutil

T = TypeVar("T")


def read_process(process: psutil.Process, read: Callable[[psutil.Process], T]) -> T | None:
    """What is read of a process, or None if it has ended."""
    try:
        return read(process) if process.is_running() else None
    except psutil.NoSuchProcess:
        return None


def list_living(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; what is dead and merely not yet fetched by its parent does not count."""
    return [p for p in processes if read_process(p, psutil.Process.status) not in (None, psutil.STATUS_ZOMBIE)]


def open_exit_descriptors(processes: list[psutil.Process]) -> list[int]:
    """A descriptor for each that still runs, readable once it has ended; for the caller to close."""
    found = []
    for process in processes:
        try:
            found.append(os.pidfd_open(process.pid))
        except ProcessLookupError:
            continue
    return found
