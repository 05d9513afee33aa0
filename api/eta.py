"""How long a clip will take, from how long the last ones took. A guess until there are any."""

from __future__ import annotations

from time import monotonic

from api.db import Pool
from api.models import Quality
from api.sql import upkeep

FRESH = 10.0  # seconds for which a reading of the database serves
GUESS = 10.0 / (5 * 320 * 192)  # seconds of work per pixel-second before anything was measured


class Pace:
    """Seconds of work per second and pixel of clip, by model and quality; read again when old."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._measured: dict[tuple[str, str], float] = {}
        self._until = 0.0

    async def seconds(self, model: str, quality: Quality, length: float, width: int, height: int) -> float:
        """Seconds of rendering for such a clip on one worker, without its time in the queue."""
        if monotonic() > self._until:
            self._until = monotonic() + FRESH
            async with self._pool.acquire() as db:
                self._measured = {(name, kind): pace for name, kind, pace in await upkeep.pace(db)}
        return self._measured.get((model, quality), GUESS) * length * width * height
