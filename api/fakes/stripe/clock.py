"""The double's own time: real time plus an offset, which only ever grows; and what is due when.

A step is a name and the object it is about; what a step does is in `steps.py`.
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
"""What comes first when several steps are due in the same second: a new price before the bill for it."""


@dataclass(frozen=True, slots=True)
class DueAction:
    """Something that happens by itself at a time."""

    kind: str
    subject: str
    due_at: int


class Clock:
    """Seconds since 1970, as the double sees them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._offset = int(store.get_setting(OFFSET_SETTING) or 0)
        self._fixed_time: int | None = None

    def exact_time(self) -> float:
        """Now, with fractions of a second; stands still inside `at`."""
        return float(self._fixed_time) if self._fixed_time is not None else time.time() + self._offset

    def now(self) -> int:
        """Now, in whole seconds."""
        return int(self.exact_time())

    @contextlib.contextmanager
    def standing_at(self, moment: int) -> Iterator[None]:
        """Inside, it is `moment`: a step happens when it was due, not when somebody looked."""
        before, self._fixed_time = self._fixed_time, moment
        try:
            yield
        finally:
            self._fixed_time = before

    def move_forward(self, seconds: int) -> None:
        """Go ahead by that much."""
        self._offset += seconds
        self._store.set_setting(OFFSET_SETTING, str(self._offset))

    def reset_offset(self) -> None:
        """Back to real time."""
        self._offset = 0
        self._store.set_setting(OFFSET_SETTING, None)


class DueActions:
    """The steps to come: at most one of each kind for an object."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def schedule(self, kind: str, subject: str, due: int) -> None:
        """Let it happen then, and not when it was to happen before."""
        self._store.connection.execute(
            "INSERT OR REPLACE INTO timetable (kind, subject, due, rank) VALUES (?, ?, ?, ?)",
            (kind, subject, due, ACTION_RANKS.get(kind, 9)),
        )

    def cancel(self, kind: str, subject: str) -> None:
        """It will not happen."""
        self._store.connection.execute("DELETE FROM timetable WHERE kind = ? AND subject = ?", (kind, subject))

    def next_action(self) -> DueAction | None:
        """What happens first, due or not."""
        query = "SELECT kind, subject, due FROM timetable ORDER BY due, rank, rowid LIMIT 1"
        row = self._store.connection.execute(query).fetchone()
        return None if row is None else DueAction(*row)
