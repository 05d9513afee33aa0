"""Progress of a training stage: a progress bar, and once a minute a log line of mean values."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from statistics import fmean
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from types import TracebackType

EVERY: Final = 60.0  # seconds between lines


class TrainingLog(AbstractContextManager["TrainingLog"]):
    """The clock and the log of a stage that may take `minutes` in all, of which `spent` seconds are behind it.

    `running()` says whether there is time left; `note` takes a step's values; `due()` is true once a minute,
    after a line was written: the moment to save.
    """

    def __init__(self, stage: str, minutes: float, spent: float = 0.0) -> None:
        self.stage = stage
        self.seconds = minutes * 60
        self._began = time.monotonic() - spent
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
        return time.monotonic() - self._began

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
        """Once a minute write the means since the last line, with `also` as they are."""
        if time.monotonic() - self._told < EVERY or not self._seen:
            return False
        means = {name: fmean(values) for name, values in self._seen.items()} | also
        said = "  ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in means.items())
        self._bar.console.print(
            f"{self.stage} {self.seconds_spent / 60:5.1f} min  step {step:5d}  {said}", highlight=False, soft_wrap=True
        )
        self._told, self._seen = time.monotonic(), {}
        return True
