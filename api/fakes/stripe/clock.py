"""The account's clock, which is real time plus an offset that only grows, and the table of due actions.

A due action is a name and the id of the object it concerns; `due_actions.py` maps the names to functions.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from api.fakes.stripe.store import Store

HOUR, DAY = 3600, 86400
OFFSET_SETTING = "clock.offset"
ACTION_RANKS = {"phase": 0, "cycle": 1}
"""Order of actions due in the same second: a schedule's phase changes the price before the renewal bills it."""


@dataclass(frozen=True, slots=True)
class DueAction:
    """An action that runs by itself at `due_at`."""

    kind: str
    subject: str
    due_at: int


class Clock:
    """Unix time of the account."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._offset = int(store.get_setting(OFFSET_SETTING) or 0)
        self._fixed_time: int | None = None

    def exact_time(self) -> float:
        """The time with fractions of a second; fixed inside `standing_at`."""
        return float(self._fixed_time) if self._fixed_time is not None else time.time() + self._offset

    def now(self) -> int:
        """The time in whole seconds."""
        return int(self.exact_time())

    @contextlib.contextmanager
    def standing_at(self, moment: int) -> Iterator[None]:
        """Fix the time at `moment`, so that an action runs when it was due and not when the clock was checked."""
        before, self._fixed_time = self._fixed_time, moment
        try:
            yield
        finally:
            self._fixed_time = before

    def move_forward(self, seconds: int) -> None:
        """Increase the offset."""
        self._offset += seconds
        self._store.set_setting(OFFSET_SETTING, str(self._offset))

    def reset_offset(self) -> None:
        """Return to real time."""
        self._offset = 0
        self._store.set_setting(OFFSET_SETTING, None)


class DueActions:
    """The actions to come, at most one of each kind for an object."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def schedule(self, kind: str, subject: str, due: int) -> None:
        """Schedule an action, replacing an earlier one of the same kind for the same object."""
        self._store.connection.execute(
            "INSERT OR REPLACE INTO timetable (kind, subject, due, rank) VALUES (?, ?, ?, ?)",
            (kind, subject, due, ACTION_RANKS.get(kind, 9)),
        )

    def cancel(self, kind: str, subject: str) -> None:
        self._store.connection.execute("DELETE FROM timetable WHERE kind = ? AND subject = ?", (kind, subject))

    def next_action(self) -> DueAction | None:
        """The earliest action, due or not."""
        query = "SELECT kind, subject, due FROM timetable ORDER BY due, rank, rowid LIMIT 1"
        row = self._store.connection.execute(query).fetchone()
        return None if row is None else DueAction(*row)
