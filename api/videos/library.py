"""A user's videos: read, listed and deleted."""

from __future__ import annotations

from datetime import datetime

from api import ids
from api.sql import generations, transitions
from api.sql.connection import Pool, transaction
from api.sql.generations import Generation
from api.videos.availability import require_video, video_not_found
from api.videos.lifecycle import VideoLifecycle


class VideoLibrary:
    """Reads rows as they are; what changes them is the lifecycle."""

    def __init__(self, pool: Pool, lifecycle: VideoLifecycle) -> None:
        self._pool = pool
        self._lifecycle = lifecycle

    async def get(self, video_id: str, user_id: str) -> Generation:
        """One of the user's videos. Raises NotFound."""
        async with self._pool.acquire() as db:
            return await require_video(db, video_id, user_id)

    async def list_page(self, user_id: str, after: str | None, limit: int, *, descending: bool) -> list[Generation]:
        """A page of the user's videos, by age."""
        async with self._pool.acquire() as db:
            return await generations.list_page(db, user_id, after, limit, descending=descending)

    async def list_changed(self, user_id: str, since: datetime | None) -> list[Generation]:
        """The videos that changed after `since`; without it, those that are not terminal."""
        async with self._pool.acquire() as db:
            return await (
                generations.list_changed(db, user_id, since) if since else generations.list_active(db, user_id)
            )

    async def delete(self, video_id: str, user_id: str) -> None:
        """Cancel the video if it still runs, and hide it; the sweeper removes its files. Raises NotFound."""
        async with transaction(self._pool) as db:
            cancelled = await self._lifecycle.cancel_within(db, video_id, user_id)
            if not ids.is_valid_id(video_id, ids.VIDEO) or not await transitions.hide_generation(db, video_id, user_id):
                raise video_not_found(video_id)
        if cancelled:
            self._lifecycle.announce_cancelled(video_id, user_id)
