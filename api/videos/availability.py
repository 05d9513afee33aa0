"""Whether somebody may read a video, and the problem that says why not. One sentence for each case."""

from __future__ import annotations

from typing import Final

from api import ids
from api.errors import NotFound
from api.sql import generations
from api.sql.connection import Database
from api.sql.generations import Generation

ID_KIND: Final = "video"


async def require_video(db: Database, video_id: str, user_id: str | None = None) -> Generation:
    """The video if it is not deleted and, with `user_id`, theirs. Raises NotFound."""
    row = await generations.find_generation(db, video_id, user_id) if ids.valid(video_id, ID_KIND) else None
    if row is None:
        raise video_not_found(video_id)
    return row


def video_not_found(video_id: str) -> NotFound:
    """The problem of an id that names no video of the user's."""
    return NotFound(f"There is no video {video_id[:64]!r} of yours.", param="video_id")
