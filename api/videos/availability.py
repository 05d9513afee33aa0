"""Checks whether a caller may read a video and its media, and builds the problem for each case where not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeVar

from api import ids
from api.errors import Conflict, Expired, NotFound, NotReady, Problem, StreamNotFound, VideoHasFailed, VideoWasCancelled
from api.schemas.videos import Status
from api.sql import generations
from api.sql.connection import Database
from api.sql.generations import IMAGE_KIND, Generation
from api.sql.media import RenditionLookup
from api.sql.segments import StreamRow
from api.videos.failures import FAILURE_REASONS

STREAM_LIFETIME: Final = timedelta(hours=24)  # after the video's creation; then there is the whole file


class Owned(Protocol):
    """A row that belongs to a user."""

    @property
    def user_id(self) -> str: ...


class VideoOutcome(Protocol):
    """What became of a video."""

    @property
    def state(self) -> Status: ...
    @property
    def failure(self) -> str | None: ...


OwnedRow = TypeVar("OwnedRow", bound=Owned)


async def require_video(db: Database, video_id: str, user_id: str | None = None) -> Generation:
    """The video if it is not deleted and, with `user_id`, theirs. Raises NotFound."""
    row = await generations.find_generation(db, video_id, user_id) if ids.is_valid_id(video_id, ids.VIDEO) else None
    if row is None:
        raise video_not_found(video_id)
    return row


def require_owner(row: OwnedRow | None, video_id: str, user_id: str | None) -> OwnedRow:
    """The row, for its owner or (None) for the bearer of a signed URL. Raises NotFound."""
    if row is None or (user_id is not None and row.user_id != user_id):
        raise video_not_found(video_id)
    return row


def video_not_found(video_id: str) -> NotFound:
    """The problem of an id that names no video of the user's."""
    return NotFound(f"There is no video {video_id[:64]!r} of yours.", param="video_id")


def rendition_error(row: RenditionLookup) -> Problem | None:
    """Why no rendition can be read, now or later; None where it can or will."""
    if error := _terminal_error(row):
        return error
    if row.purged_at or (row.expires_at and row.expires_at < datetime.now(UTC)):
        return _expired_error()
    return None


def stream_error(row: StreamRow, *, has_segments: bool) -> Problem | None:
    """Why a video cannot be streamed, and where its media is instead; None where it can."""
    if error := stream_closed_error(row):
        return error
    if has_segments:
        return None
    if row.state == "cancelled":
        return _cancelled_error(row)
    if row.kind == IMAGE_KIND:
        return StreamNotFound("An image has no stream; once made it is at GET /v1/videos/{id}/content?variant=poster.")
    if row.state == "completed":
        detail = "This video was made before streams were kept; fetch the file from GET /v1/videos/{id}/content."
        return StreamNotFound(detail)
    return not_ready_error(row)


def preview_error(row: StreamRow) -> Problem | None:
    """Why the previews of a video cannot be read; None where they can."""
    if error := stream_closed_error(row):
        return error
    return _cancelled_error(row) if row.state == "cancelled" else None


def stream_closed_error(row: StreamRow) -> Problem | None:
    """Why a video can no longer be streamed; None while it may be."""
    late = row.kind != IMAGE_KIND and datetime.now(UTC) > row.created_at + STREAM_LIFETIME
    if row.state == "failed":
        return _failed_error(row)
    if row.state == "cancelled" and (row.purged_at or late):
        return Expired("This video was cancelled, and the part that was made is no longer kept.")
    if row.purged_at:
        return _expired_error()
    if late:
        file = "fetch the file from" if row.state == "completed" else "once it is made, the file is at"
        return Expired(f"A stream can be watched for a day; {file} GET /v1/videos/{{id}}/content.")
    return None


def _terminal_error(row: VideoOutcome) -> Conflict | None:
    if row.state == "failed":
        return _failed_error(row)
    return _cancelled_error(row) if row.state == "cancelled" else None


def _failed_error(row: VideoOutcome) -> VideoHasFailed:
    failure = row.failure or "internal"
    return VideoHasFailed(
        f"This video failed ({failure}): {FAILURE_REASONS[failure].en}", state=row.state, reason=failure
    )


def _cancelled_error(row: VideoOutcome) -> VideoWasCancelled:
    return VideoWasCancelled("This video was cancelled before what you ask for was made.", state=row.state)


def _expired_error() -> Expired:
    return Expired("The media of this video is past its retention and no longer kept.")


def not_ready_error(row: VideoOutcome) -> NotReady:
    """The problem of media that is still to come."""
    detail = "This video is still being made; GET /v1/videos/{id} shows its status and, in `assets`, what can be read."
    return NotReady(detail, state=row.state)
