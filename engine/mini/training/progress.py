"""Progress of a training stage: a progress bar, once a minute a log line of mean values, and checkpoints."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final, Self

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

EVERY: Final = 60.0  # seconds between lines


def save_checkpoint(file: Path, state: dict[str, Any]) -> None:
    """Write `state` so that the file is whole at any moment, even if the process is killed."""
    part = file.with_suffix(".part")
    torch.save(state, part)
    part.rename(file)


def training_clock() -> float:
    """Seconds of this thread's work. On a busy CPU that is less than the time that passes, and the learning rate must
    not fall while nothing is learnt; on a GPU, which works while the thread waits for it, it is the time that passes.
    """
    return time.monotonic() if torch.cuda.is_available() else time.thread_time()


class TrainingLog(AbstractContextManager["TrainingLog"]):
    """The clock and the log of a stage that may take `minutes` in all by `training_clock`, `spent` seconds of them
    before this process.
    """

    def __init__(self, stage: str, minutes: float, spent: float = 0.0) -> None:
        self.stage = stage
        self.seconds = minutes * 60
        self._began = training_clock() - spent
        self._told = time.monotonic()
        self._seen: dict[str, list[float]] = {}
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=Console(width=None)
        )
        self._task = self._bar.add_task(stage, total=self.seconds, completed=int(spent))

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    @property
    def seconds_spent(self) -> float:
        """Seconds of training, stops not counted."""
        return training_clock() - self._began

    @property
    def time_fraction(self) -> float:
        """The share of the time that is over, at most 1."""
        return min(1.0, self.seconds_spent / self.seconds)

    def has_time_left(self) -> bool:
        self._bar.update(self._task, completed=min(self.seconds_spent, self.seconds))
        return self.seconds_spent < self.seconds

    def add_values(self, **values: float) -> None:
        for name, value in values.items():
            self._seen.setdefault(name, []).append(value)

    def write_when_due(self, step: int, **also: float) -> bool:
        """Once a minute write the means since the last line, with `also` as they are, and return True: it is time for a
        checkpoint.
        """
        if time.monotonic() - self._told < EVERY or not self._seen:
            return False
        means = {name: fmean(values) for name, values in self._seen.items()} | also
        said = "  ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in means.items())
        self._bar.console.print(
            f"{self.stage} {self.seconds_spent / 60:5.1f} min  step {step:5d}  {said}", highlight=False, soft_wrap=True
        )
        self._told, self._seen = time.monotonic(), {}
        return True
