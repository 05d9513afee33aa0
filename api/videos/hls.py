"""The HLS stream of a video while it is made: its playlist, and the names and storage keys of its files.

A playlist only ever grows. A segment is in storage before it is listed, and what is listed never changes, whatever
becomes of the attempt that made it.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from api import ids
from api.schemas.common import unix_seconds
from api.sql import segments
from api.sql.connection import Database, Pool
from api.sql.segments import SegmentRow, StreamRow
from api.storage.keys import RESUME_STATES, STREAMS
from api.videos.availability import STREAM_LIFETIME, preview_error, require_owner, stream_error

PLAYLIST_TYPE: Final = "application/vnd.apple.mpegurl"
SEGMENT_NAME: Final = re.compile(r"(?:[0-9]{1,6}-[0-9]{1,6}\.m4s|[0-9a-f]{16}\.mp4)\Z")
PREVIEW_NAME: Final = re.compile(r"[0-9]{1,6}-[0-9]{1,6}\.jpg\Z")
TARGET_DURATION: Final = 3  # seconds, of streams whose first segment was published before they had their own


def storage_key(video_id: str, name: str) -> str:
    """The storage key of a segment, an initialization segment or a preview."""
    return f"{STREAMS}/{video_id}/{name}"


def segment_name(segment: SegmentRow) -> str:
    """The file name of a segment. It names the attempt, since a stalled one may still write its own."""
    return f"{segment.attempt}-{segment.number}.m4s"


def resume_state_key(video_id: str, segment: SegmentRow) -> str:
    """The storage key of the resume state saved after a segment. It is never served."""
    return f"{RESUME_STATES}/{video_id}/{segment.attempt}-{segment.number}.safetensors"


def preview_name(attempt: int, number: int) -> str:
    """The file name of a preview image; it names the attempt, as a segment's does."""
    return f"{attempt}-{number}.jpg"


def signed_path(video_id: str) -> str:
    """The path for which a stream is signed: one signature opens the playlist and all segments."""
    return f"{video_id}/stream"


def signed_preview_path(video_id: str) -> str:
    """The path for which previews are signed: one signature opens all of a video."""
    return f"{video_id}/preview"


def stream_expires_at(created_at: datetime) -> int:
    """When a video can no longer be streamed, in Unix seconds."""
    return unix_seconds(created_at + STREAM_LIFETIME)


async def open_stream(pool: Pool, video_id: str, user_id: str | None) -> tuple[StreamRow, list[SegmentRow]]:
    """The stream, for its owner or (None) for the bearer of a signed URL. Raises NotFound, Expired, Conflict."""
    async with pool.acquire() as db:
        row = await _require_stream(db, video_id, user_id)
        published = await segments.list_segments(db, video_id)
    if error := stream_error(row, has_segments=bool(published)):
        raise error
    return row, published


async def check_preview(pool: Pool, video_id: str, user_id: str | None) -> None:
    """Raise NotFound, Expired or Conflict where this reader, or nobody, may read the previews of the video."""
    async with pool.acquire() as db:
        row = await _require_stream(db, video_id, user_id)
    if error := preview_error(row):
        raise error


async def _require_stream(db: Database, video_id: str, user_id: str | None) -> StreamRow:
    row = await segments.find_stream(db, video_id) if ids.is_valid_id(video_id, ids.VIDEO) else None
    return require_owner(row, video_id, user_id)


def build_playlist(stream: StreamRow, published: list[SegmentRow], query: str) -> str:
    """The playlist of the published segments. `query` is appended to every URL; they are relative to the playlist's."""
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{stream.target_duration or TARGET_DURATION}",
        "#EXT-X-PLAYLIST-TYPE:EVENT",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "#EXT-X-START:TIME-OFFSET=0,PRECISE=YES",  # or players begin near the end of a playlist that still grows
    ]
    head = ""
    for segment in published:
        if segment.discontinuity or (head and segment.head != head):
            lines.append("#EXT-X-DISCONTINUITY")
        if segment.head != head:
            lines.append(f'#EXT-X-MAP:URI="stream/{segment.head}.mp4{query}"')
        head = segment.head
        lines += [f"#EXTINF:{segment.seconds:.6f},", f"stream/{segment_name(segment)}{query}"]
    if stream.state in ("completed", "cancelled"):
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"
