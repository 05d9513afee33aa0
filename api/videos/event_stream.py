"""Watching videos until they are done: the SSE feeds and `Prefer: wait`.

Every feed subscribes first and then reads the present state, so nothing falls between the two. An event is the
whole video, so a phone that lost its connection needs no replay.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from time import monotonic

from api import ids
from api.errors import NotFound
from api.messaging.events import Hub, Load, Snapshot
from api.schemas.videos import TERMINAL_STATUSES
from api.sql import generations
from api.sql.connection import AWAY, Pool
from api.sql.generations import Generation
from api.videos.library import VideoLibrary
from api.videos.serializers import VideoSerializer

PING_SECONDS = 15.0  # seconds of silence after which a feed looks for itself, and sends at least a comment
STREAM_SECONDS = 600.0  # seconds after which a feed ends and asks its reader to come back
POLL_SECONDS = 1.0  # seconds between own looks while Redis is away
OVERLAP = timedelta(seconds=60)  # how far an own look reaches back: commits do not come in the order of their times
PING_FRAME = b": ping\n\n"
RECONNECT_FRAME = b"event: reconnect\nretry: 500\ndata: {}\n\n"
EVENT_ID = re.compile(r"(\d{1,17})-(\w{1,64})")


def encode_event(shot: Snapshot) -> bytes:
    """One event: the whole video."""
    return b"id: %d-%s\nevent: video\ndata: %s\n\n" % (shot.version, shot.video_id.encode(), shot.data)


class VideoEventStreams:
    """Where feeds come from: the hub for news, the videos for the state."""

    def __init__(self, hub: Hub, library: VideoLibrary, serializer: VideoSerializer) -> None:
        self._hub = hub
        self._library = library
        self._serializer = serializer

    async def stream_video(self, video_id: str, user_id: str) -> AsyncGenerator[bytes, None]:
        """A video from now until it is terminal or deleted."""
        ends = monotonic() + STREAM_SECONDS
        async with self._hub.watch(user_id, video_id) as watcher:
            shots = await self._load_present(video_id, user_id)
            seen = 0
            while shots and monotonic() < ends:
                newer = [shot for shot in shots if shot.version > seen]
                yield b"".join(map(encode_event, newer)) or PING_FRAME
                seen = max((shot.version for shot in newer), default=seen)
                if shots[-1].terminal:
                    return
                shots = await watcher.take(self._seconds_until_check(ends)) or await self._load_present(
                    video_id, user_id
                )
        if shots:
            yield RECONNECT_FRAME

    async def stream_all_videos(self, user_id: str, last_event_id: str | None) -> AsyncGenerator[bytes, None]:
        """All of a user's videos: what changed since the last event seen, then everything that changes."""
        ends, since = monotonic() + STREAM_SECONDS, parse_last_event_id(last_event_id)
        sent: dict[str, int] = {}
        async with self._hub.watch(user_id) as watcher:
            shots = await self._load_changed(user_id, since)
            since = since or datetime.now(UTC)
            while monotonic() < ends:
                fresh = [shot for shot in shots if shot.version > sent.get(shot.video_id, 0)]
                yield b"".join(map(encode_event, fresh)) or PING_FRAME
                sent |= {shot.video_id: shot.version for shot in fresh}
                since = max((_changed_at(shot) for shot in fresh), default=since)
                shots = await watcher.take(self._seconds_until_check(ends)) or await self._load_changed(
                    user_id, since - OVERLAP
                )
        yield RECONNECT_FRAME

    async def wait_until_terminal(self, video_id: str, user_id: str, seconds: float) -> Generation:
        """The video once it is terminal, or as it is after `seconds`. Raises NotFound."""
        ends = monotonic() + seconds
        async with self._hub.watch(user_id, video_id) as watcher:
            row = await self._library.get(video_id, user_id)
            while row.state not in TERMINAL_STATUSES and monotonic() < ends:
                await watcher.take(self._seconds_until_check(ends))
                row = await self._library.get(video_id, user_id)
        return row

    def _seconds_until_check(self, ends: float) -> float:
        return max(0.0, min(PING_SECONDS if self._hub.connected else POLL_SECONDS, ends - monotonic()))

    async def _load_present(self, video_id: str, user_id: str) -> list[Snapshot]:
        """The video as it is now; nothing once it is deleted."""
        try:
            return [self._serializer.to_snapshot(await self._library.get(video_id, user_id))]
        except NotFound:
            return []

    async def _load_changed(self, user_id: str, since: datetime | None) -> list[Snapshot]:
        return [self._serializer.to_snapshot(row) for row in await self._library.list_changed(user_id, since)]


def _changed_at(shot: Snapshot) -> datetime:
    return datetime.fromtimestamp(shot.version / 1_000_000, UTC)


def parse_last_event_id(last_event_id: str | None) -> datetime | None:
    """When the last event seen happened; None for no id or one that is not ours."""
    match = EVENT_ID.fullmatch(last_event_id or "")
    if match is None or not ids.valid(match[2], ids.VIDEO):
        return None
    return datetime.fromtimestamp(int(match[1]) / 1_000_000, UTC)


def snapshot_loader(pool: Pool, serializer: VideoSerializer) -> Load:
    """The function by which the hub reads videos that have changed."""

    async def load(video_ids: list[str]) -> list[Snapshot]:
        """An empty list while PostgreSQL is away: a watcher that hears nothing reads the database itself."""
        await serializer.pace.refresh_if_stale()
        try:
            async with pool.acquire() as db:
                return [serializer.to_snapshot(row) for row in await generations.list_by_ids(db, video_ids)]
        except AWAY:
            return []

    return load
