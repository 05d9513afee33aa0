"""The segments table: what of a clip can be watched while it is made."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from api.schemas.videos import Status
from api.sql.connection import Database, row, rows


class Segment(Struct, frozen=True, kw_only=True):
    """A piece of a clip: its place, the name of its head, and how long it lasts. `discontinuity` says that its attempt
    could not go on from the piece before.
    """

    number: int
    attempt: int
    head: str
    seconds: float
    discontinuity: bool = False


class Stream(Struct, frozen=True, kw_only=True):
    """Whose clip it is and what has become of it."""

    user_id: str
    kind: str
    state: Status
    failure: str | None
    created_at: datetime
    purged_at: datetime | None


async def publish(db: Database, generation_id: str, segment: Segment, published: float, generated: float) -> bool:
    """Add a piece, up to second `published` of the clip, of which `generated` seconds were made for it, under its
    attempt's fence; False if the lease was lost.

    A piece that an earlier attempt has published stays as it is: a line once listed never changes.
    """
    tag = await db.execute(
        "UPDATE generations SET published_seconds = greatest(published_seconds, $3),"
        " published_generated = greatest(published_generated, $4), updated_at = clock_timestamp(),"
        " preview = CASE WHEN preview_at < $3 THEN NULL ELSE preview END"
        " WHERE id = $1 AND attempt = $2 AND state = 'in_progress'",
        generation_id,
        segment.attempt,
        published,
        generated,
    )
    if tag != "UPDATE 1":
        return False
    await db.execute(
        "INSERT INTO segments (generation_id, number, attempt, head, seconds, discontinuity)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (generation_id, number) DO NOTHING",
        generation_id,
        segment.number,
        segment.attempt,
        segment.head,
        segment.seconds,
        segment.discontinuity,
    )
    return True


async def preview(db: Database, generation_id: str, attempt: int, name: str, at: float) -> bool:
    """Show a guess at second `at` of a clip, under the attempt's fence, unless that second is published already; False
    if the lease was lost.
    """
    tag = await db.execute(
        "UPDATE generations SET preview = CASE WHEN $4 < published_seconds THEN preview ELSE $3 END,"
        " preview_at = CASE WHEN $4 < published_seconds THEN preview_at ELSE $4 END, updated_at = clock_timestamp()"
        " WHERE id = $1 AND attempt = $2 AND state = 'in_progress'",
        generation_id,
        attempt,
        name,
        at,
    )
    return tag == "UPDATE 1"


async def find(db: Database, generation_id: str) -> Stream | None:
    """What a playlist needs to know of a clip that is not deleted."""
    record = await db.fetchrow(
        "SELECT user_id, kind, state, failure, created_at, purged_at FROM generations"
        " WHERE id = $1 AND deleted_at IS NULL",
        generation_id,
    )
    return row(record, Stream)


async def segments(db: Database, generation_id: str) -> list[Segment]:
    """The pieces of a clip in their order."""
    records = await db.fetch(
        "SELECT number, attempt, head, seconds, discontinuity FROM segments WHERE generation_id = $1 ORDER BY number",
        generation_id,
    )
    return rows(records, Segment)
