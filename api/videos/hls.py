"""Watching a clip while it is made: its HLS playlist, and where its pieces lie. Knows no engine and no player.

A playlist only ever grows. A piece is in storage before it is listed, and what is listed never changes, whatever
becomes of the attempt that made it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from api import ids
from api.errors import Conflict, Expired, HasFailed, NoStream, NotFound, NotReady, Problem, WasCancelled
from api.sql import segments
from api.sql.connection import Database, Pool
from api.sql.generations import IMAGE_KIND
from api.sql.segments import Segment, Stream
from api.storage.keys import RESUME_STATES, STREAMS
from api.videos.failures import REASONS

TYPE: Final = "application/vnd.apple.mpegurl"
WATCHABLE: Final = timedelta(hours=24)  # after its creation; then there is the whole file
PIECE: Final = re.compile(r"(?:[0-9]{1,6}-[0-9]{1,6}\.m4s|[0-9a-f]{16}\.mp4)\Z")
PREVIEW: Final = re.compile(r"[0-9]{1,6}-[0-9]{1,6}\.jpg\Z")
LONGEST: Final = 3  # seconds; no piece is longer, and a playlist must say so from its start


def key(video_id: str, name: str) -> str:
    """Where a piece or a head lies in storage."""
    return f"{STREAMS}/{video_id}/{name}"


def piece(segment: Segment) -> str:
    """The name of a piece: a stalled attempt may still write its own, so that each has names of its own."""
    return f"{segment.attempt}-{segment.number}.m4s"


def state(video_id: str, segment: Segment) -> str:
    """Where it lies in storage what an attempt needs to go on after a piece. Nobody is ever given that."""
    return f"{RESUME_STATES}/{video_id}/{segment.attempt}-{segment.number}.safetensors"


def preview(attempt: int, number: int) -> str:
    """The name of a guess at what is still being made; an attempt's own, like a piece's."""
    return f"{attempt}-{number}.jpg"


def path(video_id: str) -> str:
    """What one signature opens: the playlist of a clip and all its pieces."""
    return f"{video_id}/stream"


def preview_path(video_id: str) -> str:
    """What one signature opens: the previews of a clip."""
    return f"{video_id}/preview"


def expires(created_at: datetime) -> int:
    """When a clip's stream can no longer be opened, Unix seconds."""
    return int((created_at + WATCHABLE).timestamp())


async def find(pool: Pool, video_id: str, user_id: str | None) -> tuple[Stream, list[Segment]]:
    """The stream, for its owner or (None) for the bearer of a signature. Raises NotFound, Expired, Conflict."""
    async with pool.acquire() as db:
        stream = await _found(db, video_id, user_id)
        found = await segments.segments(db, video_id)
    if gone := _gone(stream):
        raise gone
    if not found:
        raise _nothing(stream)
    return stream, found


async def check_preview(pool: Pool, video_id: str, user_id: str | None) -> None:
    """Raise NotFound, Expired or Conflict where the clip's previews are not for this reader, or for nobody any more."""
    async with pool.acquire() as db:
        stream = await _found(db, video_id, user_id)
    if gone := _gone(stream):
        raise gone
    if stream.state == "cancelled":
        raise _cancelled(stream)


async def _found(db: Database, video_id: str, user_id: str | None) -> Stream:
    stream = await segments.find(db, video_id) if ids.valid(video_id, ids.VIDEO) else None
    if stream is None or (user_id is not None and stream.user_id != user_id):
        raise NotFound("There is no such video of yours.", param="video_id")
    return stream


def _gone(stream: Stream) -> Problem | None:
    """Why nothing of a clip can be watched any more, and what is left of it; None while something may be."""
    late = stream.kind != IMAGE_KIND and datetime.now(UTC) > stream.created_at + WATCHABLE
    if stream.state == "failed":
        return _failed(stream)
    if stream.state == "cancelled" and (stream.purged_at or late):
        return Expired("This video was cancelled, and what had been made of it is no longer kept.")
    if stream.purged_at:
        return Expired("The media of this video is past its retention and no longer kept.")
    if late:
        file = "fetch the file from" if stream.state == "completed" else "once it is made, the file is at"
        return Expired(f"A stream can be watched for a day; {file} GET /v1/videos/{{id}}/content.")
    return None


def _nothing(stream: Stream) -> Problem:
    """Why there is no piece of a clip, and whether there will be."""
    if stream.state == "cancelled":
        return _cancelled(stream)
    if stream.kind == IMAGE_KIND:
        return NoStream("An image has no stream; once completed, it is at GET /v1/videos/{id}/content?variant=poster.")
    if stream.state == "completed":
        detail = "This video was made before streams were kept; fetch the file from GET /v1/videos/{id}/content."
        return NoStream(detail)
    detail = "Nothing of this video can be watched yet; `assets.stream` of GET /v1/videos/{id} says when."
    return NotReady(detail, state=stream.state)


def _failed(stream: Stream) -> Conflict:
    failure = stream.failure or "internal"
    return HasFailed(f"This video failed ({failure}): {REASONS[failure].en}", state=stream.state, reason=failure)


def _cancelled(stream: Stream) -> Conflict:
    return WasCancelled("This video was cancelled before what you ask for was made.", state=stream.state)


def playlist(stream: Stream, found: list[Segment], query: str) -> str:
    """The playlist of what is published; `query` goes behind every URL, which are relative to the playlist's own."""
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{LONGEST}",
        "#EXT-X-PLAYLIST-TYPE:EVENT",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]
    head = ""
    for segment in found:
        if segment.discontinuity or (head and segment.head != head):
            lines.append("#EXT-X-DISCONTINUITY")
        if segment.head != head:
            lines.append(f'#EXT-X-MAP:URI="stream/{segment.head}.mp4{query}"')
        head = segment.head
        lines += [f"#EXTINF:{segment.seconds:.6f},", f"stream/{piece(segment)}{query}"]
    if stream.state in ("completed", "cancelled"):
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"
