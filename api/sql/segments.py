"""The segments table: the published segments of a video, which can be streamed while the rest is generated."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from msgspec import Struct

from api.schemas.videos import Status
from api.sql.connection import Database, changed_one_row, row, rows


class SegmentRow(Struct, frozen=True, kw_only=True):
    """A segment: its place, the name of its initialization segment (`head`), and its length in seconds.

    `discontinuity` is set where its attempt could not go on from the segment before.
    """

    number: int
    attempt: int
    head: str
    seconds: float
    discontinuity: bool = False


class StreamRow(Struct, frozen=True, kw_only=True):
    """The owner and the state of a video, as its stream needs them."""

    user_id: str
    kind: str
    state: Status
    failure: str | None
    created_at: datetime
    purged_at: datetime | None
    target_duration: int | None = None


class StreamPace(NamedTuple):
    """The pace at which segments of a clip come: `longest` is the longest in seconds of the clip, and `share` its share
    of the clip that is still to be generated.
    """

    longest: float
    share: float


LONGEST_TARGET: Final = 120
"""Seconds; beyond, a player would look too rarely to be worth watching."""


async def publish_segment(
    db: Database, generation_id: str, segment: SegmentRow, published: float, generated: float, pace: StreamPace
) -> bool:
    """Add a segment that ends at second `published` of the video, `generated` seconds of which were generated so far.

    False if the attempt has lost its lease. A segment that an earlier attempt has published stays as it is: a line
    once listed never changes. The first segment sets the target duration of the playlist: no segment is longer, and
    the next one comes within it, by the worker's estimate of the time left.
    """
    tag = await db.execute(
        """
        UPDATE generations
        SET published_seconds = greatest(published_seconds, $3),
            published_generated = greatest(published_generated, $4),
            updated_at = clock_timestamp(),
            preview = CASE WHEN preview_at < $3 THEN NULL ELSE preview END,
            target_duration = coalesce(
                target_duration,
                ceil(greatest($5, least(coalesce(eta_seconds, 0) * $6, $7), 1))::integer
            )
        WHERE id = $1
          AND attempt = $2
          AND state = 'in_progress'
        """,
        generation_id,
        segment.attempt,
        published,
        generated,
        max(pace.longest, segment.seconds),
        pace.share,
        float(LONGEST_TARGET),
    )
    if not changed_one_row(tag):
        return False
    await db.execute(
        """
        INSERT INTO segments (generation_id, number, attempt, head, seconds, discontinuity)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (generation_id, number) DO NOTHING
        """,
        generation_id,
        segment.number,
        segment.attempt,
        segment.head,
        segment.seconds,
        segment.discontinuity,
    )
    return True


async def set_preview(db: Database, generation_id: str, attempt: int, name: str, at: float) -> bool:
    """Show a preview of second `at` of the video, unless that second is published already.

    False if the attempt has lost its lease.
    """
    tag = await db.execute(
        """
        UPDATE generations
        SET preview = CASE WHEN $4 < published_seconds THEN preview ELSE $3 END,
            preview_at = CASE WHEN $4 < published_seconds THEN preview_at ELSE $4 END,
            updated_at = clock_timestamp()
        WHERE id = $1
          AND attempt = $2
          AND state = 'in_progress'
        """,
        generation_id,
        attempt,
        name,
        at,
    )
    return changed_one_row(tag)


async def find_stream(db: Database, generation_id: str) -> StreamRow | None:
    """What a playlist needs of a video that is not deleted."""
    record = await db.fetchrow(
        """
        SELECT user_id, kind, state, failure, created_at, purged_at, target_duration
        FROM generations
        WHERE id = $1
          AND deleted_at IS NULL
        """,
        generation_id,
    )
    return row(record, StreamRow)


async def list_segments(db: Database, generation_id: str) -> list[SegmentRow]:
    """The segments of a video, in order."""
    records = await db.fetch(
        """
        SELECT number, attempt, head, seconds, discontinuity
        FROM segments
        WHERE generation_id = $1
        ORDER BY number
        """,
        generation_id,
    )
    return rows(records, SegmentRow)
