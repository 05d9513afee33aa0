"""Refusal of new work while the disk is nearly full."""

from __future__ import annotations

from api.errors import Unavailable
from api.storage.local import Storage


def refuse_full_disk(storage: Storage, full_at: float, consequence: str) -> None:
    """Raise Unavailable, naming the consequence, if the used share of the disk is at least `full_at` (0 to 1)."""
    if storage.used_share() >= full_at:
        raise Unavailable(f"The server's disk is nearly full, so {consequence}.")
