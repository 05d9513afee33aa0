"""Publication of segments and previews while the rest of a video is being generated."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Final

from api.sql import segments
from api.sql.leases import ClaimedGeneration
from api.storage.local import Storage
from api.videos import hls
from api.videos.lifecycle import VideoLifecycle
from api.videos.operations import generated_seconds
from engine.planning.plan import longest_segment_seconds
from engine.planning.timeline import plan_clip
from engine.types import PreviewFrame, Request, Resume, Segment, SegmentFiles

ROUNDING_TOLERANCE: Final = 0.01  # seconds by which a sum of lengths may be off


class SegmentPublisher:
    """Publishes the segments of one attempt.

    What an earlier attempt published is not published again. If this attempt had to start over, its first new segment
    is marked as a discontinuity.
    """

    def __init__(self, job: ClaimedGeneration, request: Request, lifecycle: VideoLifecycle, storage: Storage) -> None:
        self._job = job
        self._request = request
        self._plan = plan_clip(request)
        self._lifecycle = lifecycle
        self._storage = storage
        self._published: list[segments.SegmentRow] | None = None
        self._pending: list[Segment] = []
        self._previous_end: float | None = None
        self._restarted = False
        self._preview_count = 0

    async def load_resume_point(self) -> Resume | None:
        """The published segments and the resume state to continue from; None if nothing is published yet."""
        listed = await self._load_published()
        if not listed:
            return None
        segments_so_far = (
            SegmentFiles(self._stored_path(f"{earlier.head}.mp4"), self._stored_path(hls.segment_name(earlier)))
            for earlier in listed
        )
        return Resume(tuple(segments_so_far), self._storage.file_path(hls.resume_state_key(self._job.id, listed[-1])))

    async def publish_segment(self, segment: Segment) -> bool:
        """Store a segment, then list it; False if the lease is lost. One that cannot be listed stays pending."""
        self._pending.append(segment)
        return await self.publish_pending()

    async def publish_preview(self, preview: PreviewFrame) -> bool:
        """Store and announce a preview frame; False if the lease is lost."""
        name = hls.preview_name(self._job.attempt, self._preview_count)
        self._preview_count += 1
        await asyncio.to_thread(self._storage.adopt_file, preview.file, hls.storage_key(self._job.id, name))
        return await self._lifecycle.publish_preview(self._job, name, preview.seconds)

    async def publish_pending(self) -> bool:
        """Store and list the pending segments in order; False if the lease is lost."""
        while self._pending:
            if not await self._store_and_list(self._pending[0]):
                return False
            self._pending.pop(0)
        return True

    async def _store_and_list(self, segment: Segment) -> bool:
        listed = await self._load_published()
        published = sum(earlier.seconds for earlier in listed)
        if self._previous_end is None:  # the first segment shows whether this attempt continues or starts over
            self._restarted = bool(listed) and segment.index == 0
            self._previous_end = 0.0 if self._restarted else published
        if segment.seconds_done > published + ROUNDING_TOLERANCE:
            row = await asyncio.to_thread(self._store_files, segment, segment.seconds_done - self._previous_end, listed)
            generated = generated_seconds(self._request, segment.frames)
            pace = self._pace_after(segment)
            if not await self._lifecycle.publish_segment(self._job, row, segment.seconds_done, generated, pace):
                return False
            await asyncio.to_thread(self._remove_resume_state, listed)
            listed.append(row)
        self._previous_end = segment.seconds_done
        return True

    def _pace_after(self, segment: Segment) -> segments.StreamPace:
        longest, left = longest_segment_seconds(self._plan), self._plan.seconds - segment.seconds_done
        return segments.StreamPace(longest, min(1.0, longest / left) if left > ROUNDING_TOLERANCE else 0.0)

    async def _load_published(self) -> list[segments.SegmentRow]:
        if self._published is None:
            self._published = await self._lifecycle.list_published_segments(self._job)
        return self._published

    def _store_files(self, segment: Segment, seconds: float, listed: list[segments.SegmentRow]) -> segments.SegmentRow:
        """Move the files into storage unless an earlier try has.

        An init segment is named by its content, so that players read it again where it changes.
        """
        video_id, content = self._job.id, segment.init_file.read_bytes()
        row = segments.SegmentRow(
            number=len(listed),
            attempt=self._job.attempt,
            head=hashlib.sha256(content).hexdigest()[:16],
            seconds=seconds,
            discontinuity=self._restarted and not any(earlier.attempt == self._job.attempt for earlier in listed),
        )
        if not (head := self._stored_path(f"{row.head}.mp4")).is_file():
            self._storage.write_file(hls.storage_key(video_id, head.name), content)
        if segment.state is not None and segment.state.is_file():
            self._storage.adopt_file(segment.state, hls.resume_state_key(video_id, row))
        if not (file := self._stored_path(hls.segment_name(row))).is_file():
            self._storage.adopt_file(segment.file, hls.storage_key(video_id, file.name))
        return row

    def _remove_resume_state(self, listed: list[segments.SegmentRow]) -> None:
        """Remove the resume state of the previous segment: the next attempt continues after the last one."""
        if listed:
            self._storage.file_path(hls.resume_state_key(self._job.id, listed[-1])).unlink(missing_ok=True)

    def _stored_path(self, name: str) -> Path:
        return self._storage.file_path(hls.storage_key(self._job.id, name))
