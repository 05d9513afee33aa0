"""The pause before a failed event or report is tried again."""

from __future__ import annotations

import random

FIRST_DELAY = 2.0  # seconds after the first failure
LONGEST_DELAY = 3600.0


def retry_delay(tries: int) -> float:
    """Seconds to wait after so many failures: twice as long each time, an hour at most, and random within a quarter, so
    that what failed together is not tried together.
    """
    steady: float = FIRST_DELAY * 2 ** min(tries - 1, 20)
    return min(LONGEST_DELAY, steady) * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load
