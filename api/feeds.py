"""Watching videos until they are done: the SSE feeds and `Prefer: wait`.

Every feed subscribes first and then reads the present state, so nothing falls between the two. An event is the
whole video, so a phone that lost its connection needs no replay.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from time import monotonic

from api import ids, views
from api.events import Hub, Snapshot
from api.settings import Settings
from api.sql.generations import Generation
from api.tokens import Keyring
from api.videos import KIND, Videos, snapshot

PING = 15.0  # seconds of silence after which a comment keeps proxies from closing the connection
LASTS = 600.0  # seconds after which a feed ends and asks its reader to come back
BLIND = 1.0  # seconds between own looks while Redis is away
PING_FRAME = b": ping\n\n"
RECONNECT_FRAME = b"event: reconnect\nretry: 500\ndata: {}\n\n"
LAST_ID = re.compile(r"(\d{1,17})-(\w{1,64})")


def frame(shot: Snapshot) -> bytes:
    """One event: the whole video."""
    return b"id: %d-%s\nevent: video\ndata: %s\n\n" % (shot.version, shot.video_id.encode(), shot.data)


class Feeds:
    """Where feeds come from: the hub for news, the videos for the state."""

    def __init__(self, hub: Hub, videos: Videos, keyring: Keyring, settings: Settings) -> None:
        self._hub = hub
        self._videos = videos
        self._keyring = keyring
        self._settings = settings

    async def one(self, video_id: str, user_id: str) -> AsyncIterator[bytes]:
        """A video from now until it is terminal."""
        ends = monotonic() + LASTS
        async with self._hub.watch(user_id, video_id) as watcher:
            shot = self._draw(await self._videos.get(video_id, user_id))
            yield frame(shot)
            while not shot.terminal:
                if monotonic() >= ends:
                    yield RECONNECT_FRAME
                    return
                news = await watcher.take(self._patience(ends))
                if not news and not self._hub.connected:
                    news = [self._draw(await self._videos.get(video_id, user_id))]
                newer = [new for new in news if new.version > shot.version]
                yield b"".join(map(frame, newer)) if newer else PING_FRAME
                shot = newer[-1] if newer else shot

    async def all(self, user_id: str, last_event_id: str | None) -> AsyncIterator[bytes]:
        """All of a user's videos: what changed since the last event seen, then everything that changes."""
        ends, since = monotonic() + LASTS, moment(last_event_id)
        async with self._hub.watch(user_id) as watcher:
            for row in await self._videos.changed(user_id, since):
                since = row.updated_at
                yield frame(self._draw(row))
            while monotonic() < ends:
                news = await watcher.take(self._patience(ends))
                if not news and not self._hub.connected:
                    since = since or datetime.now(UTC)
                    news = [self._draw(row) for row in await self._videos.changed(user_id, since)]
                since = max((_at(shot) for shot in news), default=since)
                yield b"".join(map(frame, news)) or PING_FRAME
        yield RECONNECT_FRAME

    async def terminal(self, video_id: str, user_id: str, seconds: float) -> Generation:
        """The video once it is terminal, or as it is after `seconds`. Raises NotFound."""
        ends = monotonic() + seconds
        async with self._hub.watch(user_id, video_id) as watcher:
            row = await self._videos.get(video_id, user_id)
            while row.state not in views.TERMINAL and monotonic() < ends:
                await watcher.take(self._patience(ends))
                row = await self._videos.get(video_id, user_id)
        return row

    def _patience(self, ends: float) -> float:
        return max(0.0, min(PING if self._hub.connected else BLIND, ends - monotonic()))

    def _draw(self, row: Generation) -> Snapshot:
        return snapshot(row, self._keyring, self._settings)


def _at(shot: Snapshot) -> datetime:
    return datetime.fromtimestamp(shot.version / 1_000_000, UTC)


def moment(last_event_id: str | None) -> datetime | None:
    """When the last event seen happened; None for no id or one that is not ours."""
    match = LAST_ID.fullmatch(last_event_id or "")
    if match is None or not ids.valid(match[2], KIND):
        return None
    return datetime.fromtimestamp(int(match[1]) / 1_000_000, UTC)
