"""Cancel checks for the engine's tests."""

from __future__ import annotations

from collections.abc import Callable


def cancel_after(checks: int) -> Callable[[], bool]:
    """A cancel check that answers no `checks` times, and yes from then on."""
    answers = iter([False] * checks)
    return lambda: next(answers, True)


def never_cancelled() -> bool:
    return False
