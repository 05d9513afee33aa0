"""Server-sent events about videos, and waiting for one with `Prefer: wait`.

Every stream subscribes first and then reads the current state, so no change is missed in between. An event is the
whole video, so a client that lost its connection needs no replay.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from time import monotonic

from api import ids
from api.errors import NotFound
from api.messaging.events import EventHub, SnapshotLoader, VideoSnapshot
from api.schemas.videos import TERMINAL_STATUSES
from api.sql import generations
from api.sql.connection import AWAY, Pool
from api.sql.generations import Generation
from api.videos.library import VideoLibrary
from api.videos.serializers import VideoSerializer

PING_SECONDS = 15.0  # seconds of silence after which a stream reads the database, and sends at least a comment
STREAM_SECONDS = 600.0  # seconds after which a stream ends and asks its reader to reconnect
POLL_SECONDS = 1.0  # seconds between reads of the database while Redis is away
OVERLAP = timedelta(seconds=60)  # how far such a read reaches back: commits do not come in the order of their times
PING_FRAME = b": ping\n\n"
RECONNECT_FRAME = b"event: reconnect\nretry: 500\ndata: {}\n\n"
EVENT_ID = re.compile(r"(\d{1,17})-(\w{1,64})")


def encode_event(snapshot: VideoSnapshot) -> bytes:
    """A server-sent event with the whole video."""
    return b"id: %d-%s\nevent: video\ndata: %s\n\n" % (snapshot.version, snapshot.video_id.encode(), snapshot.data)


class VideoEventStreams:
    """Streams of changes that the hub announces and the library reads."""

    def __init__(self, hub: EventHub, library: VideoLibrary, serializer: VideoSerializer) -> None:
        self._hub = hub
        self._library = library
        self._serializer = serializer

    async def stream_video(self, video_id: str, user_id: str) -> AsyncGenerator[bytes, None]:
        """The events of a video until it is terminal or deleted."""
        ends = monotonic() + STREAM_SECONDS
        async with self._hub.watch(user_id, video_id) as watcher:
            snapshots = await self._load_present(video_id, user_id)
            seen = 0
            while snapshots and monotonic() < ends:
                newer = [snapshot for snapshot in snapshots if snapshot.version > seen]
                yield b"".join(map(encode_event, newer)) or PING_FRAME
                seen = max((snapshot.version for snapshot in newer), default=seen)
                if snapshots[-1].terminal:
                    return
                snapshots = await watcher.take_snapshots(self._seconds_until_check(ends))
                snapshots = snapshots or await self._load_present(video_id, user_id)
        if snapshots:
            yield RECONNECT_FRAME

    async def stream_all_videos(self, user_id: str, last_event_id: str | None) -> AsyncGenerator[bytes, None]:
        """The events of all of a user's videos: what changed since the last event seen, then every change."""
        ends, since = monotonic() + STREAM_SECONDS, parse_last_event_id(last_event_id)
        sent: dict[str, int] = {}
        async with self._hub.watch(user_id) as watcher:
            snapshots = await self._load_changed(user_id, since)
            since = since or datetime.now(UTC)
            while monotonic() < ends:
                fresh = [snapshot for snapshot in snapshots if snapshot.version > sent.get(snapshot.video_id, 0)]
                yield b"".join(map(encode_event, fresh)) or PING_FRAME
                sent |= {snapshot.video_id: snapshot.version for snapshot in fresh}
                since = max((_changed_at(snapshot) for snapshot in fresh), default=since)
                snapshots = await watcher.take_snapshots(self._seconds_until_check(ends))
                snapshots = snapshots or await self._load_changed(user_id, since - OVERLAP)
        yield RECONNECT_FRAME

    def is_last_event(self, last_event_id: str | None, row: Generation) -> bool:
        """Whether this is the id of the event with the video's terminal state, after which none comes."""
        seen, own = parse_last_event_id(last_event_id), (last_event_id or "").endswith(f"-{row.id}")
        last = self._serializer.to_snapshot(row)
        return last.terminal and own and seen is not None and seen >= _changed_at(last)

    async def wait_until_terminal(self, video_id: str, user_id: str, seconds: float) -> Generation:
        """The video once it is terminal, or as it is after `seconds`. Raises NotFound."""
        ends = monotonic() + seconds
        async with self._hub.watch(user_id, video_id) as watcher:
            row = await self._library.get(video_id, user_id)
            while row.state not in TERMINAL_STATUSES and monotonic() < ends:
                await watcher.take_snapshots(self._seconds_until_check(ends))
                row = await self._library.get(video_id, user_id)
        return row

    def _seconds_until_check(self, ends: float) -> float:
        return max(0.0, min(PING_SECONDS if self._hub.connected else POLL_SECONDS, ends - monotonic()))

    async def _load_present(self, video_id: str, user_id: str) -> list[VideoSnapshot]:
        """The video as it is now; nothing once it is deleted."""
        try:
            return [self._serializer.to_snapshot(await self._library.get(video_id, user_id))]
        except NotFound:
            return []

    async def _load_changed(self, user_id: str, since: datetime | None) -> list[VideoSnapshot]:
        return [self._serializer.to_snapshot(row) for row in await self._library.list_changed(user_id, since)]


def _changed_at(snapshot: VideoSnapshot) -> datetime:
    return datetime.fromtimestamp(snapshot.version / 1_000_000, UTC)


def parse_last_event_id(last_event_id: str | None) -> datetime | None:
    """The time of the last event seen, by its id; None without an id, or for one that is not ours."""
    match = EVENT_ID.fullmatch(last_event_id or "")
    if match is None or not ids.is_valid_id(match[2], ids.VIDEO):
        return None
    return datetime.fromtimestamp(int(match[1]) / 1_000_000, UTC)


def snapshot_loader(pool: Pool, serializer: VideoSerializer) -> SnapshotLoader:
    """The function by which the hub reads videos that have changed."""

    async def load(video_ids: list[str]) -> list[VideoSnapshot]:
        """An empty list while PostgreSQL is away: a watcher that hears nothing reads the database itself."""
        await serializer.pace.refresh_if_stale()
        try:
            async with pool.acquire() as db:
                return [serializer.to_snapshot(row) for row in await generations.list_by_ids(db, video_ids)]
        except AWAY:
            return []

    return load
