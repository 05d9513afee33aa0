"""An event loop in which waiting takes no time: its clock jumps to the next timer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop that moves its clock to the next timer as soon as nothing else is to be done."""

    _now = 0.0

    def time(self) -> float:
        """Seconds since the loop was made, most of which nobody waited for."""
        return self._now

    def _run_once(self) -> None:
        ready, scheduled = vars(self)["_ready"], vars(self)["_scheduled"]
        due = [timer.when() for timer in scheduled if not timer.cancelled()]
        if due and not ready:
            self._now = max(self._now, min(due))
        super()._run_once()  # type: ignore[misc]


def run_in_virtual_time(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, in a loop of its own."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(work)
