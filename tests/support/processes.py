"""Reading of processes that may end meanwhile: PostgreSQL's children come and go."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import psutil

T = TypeVar("T")


def read_process(process: psutil.Process, read: Callable[[psutil.Process], T]) -> T | None:
    """The value read from a process, or None if it has ended."""
    try:
        return read(process) if process.is_running() else None
    except psutil.NoSuchProcess:
        return None


def list_living(processes: list[psutil.Process]) -> list[psutil.Process]:
    """The processes that still run; zombies do not count."""
    return [p for p in processes if read_process(p, psutil.Process.status) not in (None, psutil.STATUS_ZOMBIE)]


def open_exit_descriptors(processes: list[psutil.Process]) -> list[int]:
    """A pidfd for each process that still runs, readable once it has ended. The caller closes them."""
    descriptors = []
    for process in processes:
        try:
            descriptors.append(os.pidfd_open(process.pid))
        except ProcessLookupError:
            continue
    return descriptors
