"""Puts what can be watched of a clip where its watchers find it, piece by piece, while the rest is made."""

from __future__ import annotations

import asyncio
import hashlib

from api import streams, studio
from api.sql import streams as rows
from api.sql.moves import Claimed
from api.storage import Storage
from api.videos import Videos
from engine.types import Request, Segment


class Publisher:
    """One attempt's side. What an earlier attempt has published is not published again: seeds make the same clip."""

    def __init__(self, claimed: Claimed, request: Request, videos: Videos, storage: Storage) -> None:
        self._claimed = claimed
        self._request = request
        self._videos = videos
        self._storage = storage
        self._before: int | None = None
        self._seconds = 0.0

    async def publish(self, segment: Segment) -> bool:
        """Store a piece, then list it; False when the lease is lost."""
        began, self._seconds = self._seconds, segment.seconds_done
        if self._before is None:
            self._before = await self._videos.published(self._claimed)
        if segment.index < self._before:
            return True
        listed = await asyncio.to_thread(self._store, segment, segment.seconds_done - began)
        generated = studio.generated(self._request, segment.frames)
        return await self._videos.publish(self._claimed, listed, segment.seconds_done, generated)

    def _store(self, segment: Segment, seconds: float) -> rows.Segment:
        """Move the files in. A head is named by its content: where it changes, players must read it again."""
        head = hashlib.sha256(segment.head.read_bytes()).hexdigest()[:16]
        video_id, attempt = self._claimed.id, self._claimed.attempt
        listed = rows.Segment(number=segment.index, attempt=attempt, head=head, seconds=seconds)
        if not self._storage.path(stored := streams.key(video_id, f"{head}.mp4")).is_file():
            self._storage.adopt(segment.head, stored)
        self._storage.adopt(segment.file, streams.key(video_id, streams.piece(listed)))
        return listed
