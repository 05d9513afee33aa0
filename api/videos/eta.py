"""Estimates how long a video will take from the last hundred videos; a constant until there are any."""

from __future__ import annotations

from time import monotonic

from api.schemas.videos import Quality
from api.sql import maintenance
from api.sql.connection import AWAY, Pool
from api.sql.maintenance import QueueLoad

STALE_AFTER = 10.0  # seconds after which the database is read again
DEFAULT_PACE = 10.0 / (5 * 320 * 192)  # seconds of work per pixel-second before anything was measured


class RenderPace:
    """Seconds of work per second and pixel of video, by model and quality, and how many workers share the queue."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._load = QueueLoad(paces=[], running=0)
        self._until = 0.0

    async def refresh_if_stale(self) -> None:
        """Read the database again if the last reading is old; if it does not answer, the last reading stays."""
        if monotonic() < self._until:
            return
        self._until = monotonic() + STALE_AFTER
        try:
            async with self._pool.acquire() as db:
                self._load = await maintenance.measure_load(db)
        except AWAY:
            return

    def estimate_work(self, model: str, quality: Quality, length: float, width: int, height: int) -> float:
        """Seconds of work on one worker for a video of so many seconds and pixels."""
        measured = (pace.pace for pace in self._load.paces if (pace.model, pace.quality) == (model, quality))
        return next(measured, DEFAULT_PACE) * length * width * height

    def estimate_wait(self, work: float, ahead: int) -> float:
        """Seconds until a video with `ahead` others before it in the queue is done, if each takes `work` seconds."""
        return work * (1 + ahead / max(1, self._load.running))
