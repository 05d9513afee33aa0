"""Runs functions in a fresh process, whose memory and threads are theirs alone.

A process lives as long as its `with` block, so that a call finds what an earlier one has loaded.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar

Answer = TypeVar("Answer")


@contextmanager
def isolated_process() -> Iterator[Executor]:
    """A process that starts with its first call. Not forked: torch's threads would not come along."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads; why: engine.process.forkserver
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        yield process


async def call_in_process(where: Executor, function: Callable[..., Answer], *given: object) -> Answer:
    """Run a module's function there; what it raises is raised here."""
    return await asyncio.get_running_loop().run_in_executor(where, function, *given)


async def run_isolated(function: Callable[..., Answer], *given: object) -> Answer:
    """Run it in a process that ends with it."""
    with isolated_process() as process:
        return await call_in_process(process, function, *given)
