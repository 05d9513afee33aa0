"""Puts what can be watched of a clip where its watchers find it, piece by piece, while the rest is made."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Final

from api.sql import segments
from api.sql.transitions import ClaimedGeneration
from api.storage.local import Storage
from api.videos import hls
from api.videos.lifecycle import VideoLifecycle
from api.videos.operations import generated_seconds
from engine.types import PreviewFrame, PublishedSegment, Request, Resume, Segment

ROUNDED: Final = 0.01  # seconds by which a sum of lengths may be off


class Publisher:
    """One attempt's side. What is published already is not published again, whether this attempt goes on after it or
    had to begin anew; the second is told to players where they come to it.
    """

    def __init__(
        self, claimed: ClaimedGeneration, request: Request, lifecycle: VideoLifecycle, storage: Storage
    ) -> None:
        self._claimed = claimed
        self._request = request
        self._lifecycle = lifecycle
        self._storage = storage
        self._listed: list[segments.PublishedSegment] | None = None
        self._waiting: list[Segment] = []
        self._ends: float | None = None
        self._anew = False
        self._previews = 0

    async def resume(self) -> Resume | None:
        """Where the engine can go on; None if nothing is published yet."""
        listed = await self._earlier()
        if not listed:
            return None
        pieces = (
            PublishedSegment(self._stored(f"{each.head}.mp4"), self._stored(hls.segment_name(each))) for each in listed
        )
        return Resume(tuple(pieces), self._storage.path(hls.resume_state_key(self._claimed.id, listed[-1])))

    async def publish(self, segment: Segment) -> bool:
        """Store a piece, then list it; False when the lease is lost. One that cannot be listed waits for the next."""
        self._waiting.append(segment)
        return await self.flush()

    async def preview(self, preview: PreviewFrame) -> bool:
        """Store and show a guess at what is still being made; False when the lease is lost."""
        name = hls.preview_name(self._claimed.attempt, self._previews)
        self._previews += 1
        await asyncio.to_thread(self._storage.adopt, preview.file, hls.storage_key(self._claimed.id, name))
        return await self._lifecycle.publish_preview(self._claimed, name, preview.seconds)

    async def flush(self) -> bool:
        """List what waits, in its order; False when the lease is lost."""
        while self._waiting:
            if not await self._list(self._waiting[0]):
                return False
            self._waiting.pop(0)
        return True

    async def _list(self, segment: Segment) -> bool:
        listed = await self._earlier()
        published = sum(each.seconds for each in listed)
        if self._ends is None:  # the first of this attempt says whether it goes on
            self._anew = bool(listed) and segment.index == 0
            self._ends = 0.0 if self._anew else published
        if segment.seconds_done > published + ROUNDED:
            row = await asyncio.to_thread(self._store, segment, segment.seconds_done - self._ends, listed)
            generated = generated_seconds(self._request, segment.frames)
            if not await self._lifecycle.publish_segment(self._claimed, row, segment.seconds_done, generated):
                return False
            await asyncio.to_thread(self._forget, listed)
            listed.append(row)
        self._ends = segment.seconds_done
        return True

    async def _earlier(self) -> list[segments.PublishedSegment]:
        if self._listed is None:
            self._listed = await self._lifecycle.list_published_segments(self._claimed)
        return self._listed

    def _store(
        self, segment: Segment, seconds: float, listed: list[segments.PublishedSegment]
    ) -> segments.PublishedSegment:
        """Move the files in, if an earlier try has not. A head is named by its content: where it changes, players must
        read it again.
        """
        video_id, content = self._claimed.id, segment.init_file.read_bytes()
        row = segments.PublishedSegment(
            number=len(listed),
            attempt=self._claimed.attempt,
            head=hashlib.sha256(content).hexdigest()[:16],
            seconds=seconds,
            discontinuity=self._anew and not any(each.attempt == self._claimed.attempt for each in listed),
        )
        if not (head := self._stored(f"{row.head}.mp4")).is_file():
            self._storage.write(hls.storage_key(video_id, head.name), content)
        if segment.state is not None and segment.state.is_file():
            self._storage.adopt(segment.state, hls.resume_state_key(video_id, row))
        if not (piece := self._stored(hls.segment_name(row))).is_file():
            self._storage.adopt(segment.file, hls.storage_key(video_id, piece.name))
        return row

    def _forget(self, listed: list[segments.PublishedSegment]) -> None:
        """Remove what was kept to go on after the piece before: the next attempt goes on after the last."""
        if listed:
            self._storage.path(hls.resume_state_key(self._claimed.id, listed[-1])).unlink(missing_ok=True)

    def _stored(self, name: str) -> Path:
        return self._storage.path(hls.storage_key(self._claimed.id, name))
