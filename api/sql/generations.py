"""The generations table: how rows are added and read. What changes their state is in `transitions`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from api.schemas.operations import Operation
from api.schemas.videos import Audience, CostState, Lora, Quality, Status, Variant
from api.sql.connection import Database, page_order, row, rows

VIDEO_KIND: Final = "video"
IMAGE_KIND: Final = "image"
QUEUE_HORIZON: Final = 100  # positions are counted up to here; further back a person does not care


class GenerationColumns(Struct, frozen=True, kw_only=True):
    """The columns that are written once and read with every row."""

    id: str
    user_id: str
    variation_of: str
    kind: str
    model: str
    served_by: str
    prompt: str
    revised_prompt: str | None
    preset: str | None
    negative_prompt: str
    loras: list[Lora]
    seconds: float
    generated_seconds: float
    operation: Operation | None
    parents: list[str]
    width: int
    height: int
    seed: int
    quality: Quality
    visibility: Audience
    metadata: dict[str, Any]
    pool: str
    relaxed: bool


class NewGeneration(GenerationColumns, frozen=True, kw_only=True):
    """A row to be inserted; the database fills in the rest."""

    fingerprint: bytes
    priority: int
    concurrency: int
    retention_days: int
    marked: bool


class Generation(GenerationColumns, frozen=True, kw_only=True):
    """A row with its hold and its media, from which its owner's object is made."""

    state: Status
    attempt: int
    progress: float
    eta_seconds: float | None
    published_seconds: float
    preview: str | None
    failure: str | None
    failure_detail: str | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    expires_at: datetime | None
    purged_at: datetime | None
    credits: int
    settled: int
    cost_state: CostState
    variations: list[str]
    variants: list[Variant]
    queue_position: int | None
    locale: str


class ImageInputRow(Struct, frozen=True, kw_only=True):
    """An image that the clip shows at `frame` (-1 is the last); its bytes lie in storage."""

    key: str
    frame: int
    strength: float
    resize: str


class VideoInputRow(Struct, frozen=True, kw_only=True):
    """A video that the clip is made from; its bytes lie in storage."""

    key: str
    seconds: float


NEW_COLUMNS = NewGeneration.__struct_fields__
INSERT = f"""
    INSERT INTO generations ({", ".join(NEW_COLUMNS)})
    VALUES ({", ".join(f"${number}" for number in range(1, len(NEW_COLUMNS) + 1))})
"""

# Rows before this one in its pool: served earlier for their priority, or older at the same priority. Two scans of
# the queue's index that stop early; one condition with OR would walk all of it.
QUEUE_POSITION = f"""
    CASE WHEN g.state = 'queued' THEN (
        SELECT least(count(*), {QUEUE_HORIZON})::int
        FROM (
            (
                SELECT 1
                FROM generations q
                WHERE q.state = 'queued' AND q.pool = g.pool AND q.priority > g.priority
                LIMIT {QUEUE_HORIZON}
            )
            UNION ALL
            (
                SELECT 1
                FROM generations q
                WHERE q.state = 'queued' AND q.pool = g.pool AND q.priority = g.priority AND q.id < g.id
                LIMIT {QUEUE_HORIZON}
            )
        ) AS before
    ) END
"""
EXPRESSIONS = {
    "credits": "h.credits",
    "settled": "h.settled",
    "cost_state": "h.state",
    "variations": "ARRAY(SELECT v.id FROM generations v WHERE v.variation_of = g.variation_of ORDER BY v.id)",
    "variants": "ARRAY(SELECT m.variant FROM media m WHERE m.generation_id = g.id)",
    "queue_position": QUEUE_POSITION,
    "locale": "u.locale",
}
"""The fields of a Generation that are not columns of its table."""
SELECT = f"""
    SELECT {", ".join(f"{EXPRESSIONS.get(field, f'g.{field}')} AS {field}" for field in Generation.__struct_fields__)}
    FROM generations g
    JOIN holds h ON h.generation_id = g.id
    JOIN users u ON u.id = g.user_id
"""


async def insert_rows(db: Database, new: list[NewGeneration]) -> None:
    """Add queued rows."""
    for generation in new:
        await db.execute(INSERT, *(getattr(generation, column) for column in NEW_COLUMNS))


async def add_inputs(
    db: Database, generation_id: str, images: list[ImageInputRow], videos: list[VideoInputRow]
) -> None:
    """Add a row's images and videos. Most rows have none, and then no statement is sent."""
    if images:
        await db.executemany(
            """
            INSERT INTO conditions (generation_id, position, key, frame, strength, resize)
            VALUES ($1, $2, $3, $4, $5, $6)
            """,
            [
                (generation_id, position, image.key, image.frame, image.strength, image.resize)
                for position, image in enumerate(images)
            ],
        )
    if videos:
        await db.executemany(
            """
            INSERT INTO films (generation_id, position, key, seconds)
            VALUES ($1, $2, $3, $4)
            """,
            [(generation_id, position, video.key, video.seconds) for position, video in enumerate(videos)],
        )


async def list_image_inputs(db: Database, generation_id: str) -> list[ImageInputRow]:
    """The images of a row, in order."""
    records = await db.fetch(
        """
        SELECT key, frame, strength, resize
        FROM conditions
        WHERE generation_id = $1
        ORDER BY position
        """,
        generation_id,
    )
    return rows(records, ImageInputRow)


async def list_video_inputs(db: Database, generation_id: str) -> list[VideoInputRow]:
    """The source videos of a row, in order."""
    records = await db.fetch(
        """
        SELECT key, seconds
        FROM films
        WHERE generation_id = $1
        ORDER BY position
        """,
        generation_id,
    )
    return rows(records, VideoInputRow)


async def find_generation(db: Database, generation_id: str, user_id: str | None = None) -> Generation | None:
    """One row that is not deleted; with `user_id`, only if it is theirs."""
    record = await db.fetchrow(
        f"""
        {SELECT}
        WHERE g.id = $1
          AND ($2::text IS NULL OR g.user_id = $2)
          AND g.deleted_at IS NULL
        """,
        generation_id,
        user_id,
    )
    return row(record, Generation)


async def list_by_ids(db: Database, generation_ids: list[str]) -> list[Generation]:
    """These rows of any user, without those that are deleted."""
    records = await db.fetch(
        f"""
        {SELECT}
        WHERE g.id = ANY($1)
          AND g.deleted_at IS NULL
        """,
        generation_ids,
    )
    return rows(records, Generation)


async def list_page(db: Database, user_id: str, after: str | None, limit: int, *, descending: bool) -> list[Generation]:
    """A page of the user's rows, by id."""
    order, sign = page_order(descending=descending)
    records = await db.fetch(
        f"""
        {SELECT}
        WHERE g.user_id = $1
          AND g.deleted_at IS NULL
          AND ($2::text IS NULL OR g.id {sign} $2)
        ORDER BY g.id {order}
        LIMIT $3
        """,
        user_id,
        after,
        limit,
    )
    return rows(records, Generation)


async def list_active(db: Database, user_id: str) -> list[Generation]:
    """The user's rows that are not terminal, oldest change first."""
    records = await db.fetch(
        f"""
        {SELECT}
        WHERE g.user_id = $1
          AND g.deleted_at IS NULL
          AND g.completed_at IS NULL
        ORDER BY g.updated_at, g.id
        LIMIT 1000
        """,
        user_id,
    )
    return rows(records, Generation)


async def list_changed(db: Database, user_id: str, since: datetime) -> list[Generation]:
    """The user's rows changed after `since`, oldest change first."""
    records = await db.fetch(
        f"""
        {SELECT}
        WHERE g.user_id = $1
          AND g.deleted_at IS NULL
          AND g.updated_at > $2
        ORDER BY g.updated_at, g.id
        LIMIT 1000
        """,
        user_id,
        since,
    )
    return rows(records, Generation)


async def find_same_request(db: Database, user_id: str, fingerprint: bytes, within: float) -> str | None:
    """The id of the newest group of variations with this fingerprint from the user's last `within` seconds."""
    value: str | None = await db.fetchval(
        """
        SELECT variation_of
        FROM generations
        WHERE user_id = $1
          AND fingerprint = $2
          AND created_at > now() - make_interval(secs => $3)
        ORDER BY id DESC
        LIMIT 1
        """,
        user_id,
        fingerprint,
        within,
    )
    return value
