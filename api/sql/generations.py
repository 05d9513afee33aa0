"""The generations table: its rows, and how they are added and read. What moves them is in `moves`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from api.schemas.operations import Operation
from api.schemas.videos import Audience, CostState, Lora, Quality, Status, Variant
from api.sql.connection import Database, row, rows

VIDEO_KIND: Final = "video"
IMAGE_KIND: Final = "image"
QUEUE_HORIZON = 100  # positions are counted up to here; further back a person does not care


class Generation(Struct, frozen=True, kw_only=True):
    """A row with its hold and its media, as its owner's object is drawn from it."""

    id: str
    user_id: str
    variation_of: str
    kind: str
    state: Status
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
    attempt: int
    progress: float
    eta_seconds: float | None
    published_seconds: float
    preview: str | None
    failure: str | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    expires_at: datetime | None
    purged_at: datetime | None
    credits: int
    settled: int
    cost_state: CostState
    relaxed: bool
    variations: list[str]
    variants: list[Variant]
    queue_position: int | None
    locale: str


class New(Struct, frozen=True, kw_only=True):
    """A row to be inserted; the database fills in the rest."""

    id: str
    user_id: str
    variation_of: str
    fingerprint: bytes
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
    priority: int
    concurrency: int
    retention_days: int
    marked: bool
    relaxed: bool


class Condition(Struct, frozen=True, kw_only=True):
    """A picture the clip must pass through; its bytes lie in storage."""

    key: str
    frame: int
    strength: float
    resize: str


class Film(Struct, frozen=True, kw_only=True):
    """A film the clip is made from; its bytes lie in storage."""

    key: str
    seconds: float


NEW = New.__struct_fields__
INSERT = f"INSERT INTO generations ({', '.join(NEW)}) VALUES ({', '.join(f'${n}' for n in range(1, len(NEW) + 1))})"

# Rows before this one in its pool: served earlier for their priority, or older at the same priority. Two scans of
# the queue's index that stop early; one condition with OR would walk all of it.
POSITION = (
    f"CASE WHEN g.state = 'queued' THEN (SELECT least(count(*), {QUEUE_HORIZON})::int FROM ("
    "(SELECT 1 FROM generations q WHERE q.state = 'queued' AND q.pool = g.pool AND q.priority > g.priority"
    f" LIMIT {QUEUE_HORIZON}) UNION ALL (SELECT 1 FROM generations q WHERE q.state = 'queued' AND q.pool = g.pool"
    f" AND q.priority = g.priority AND q.id < g.id LIMIT {QUEUE_HORIZON})) AS before) END AS queue_position"
)
SELECT = (
    "SELECT g.id, g.user_id, g.variation_of, g.kind, g.state, g.model, g.served_by, g.prompt, g.revised_prompt,"
    " g.preset, g.negative_prompt, g.loras, g.seconds, g.generated_seconds, g.operation, g.parents, g.width, g.height,"
    " g.seed, g.quality, g.visibility, g.metadata, g.pool, g.attempt, g.progress, g.eta_seconds,"
    " g.published_seconds, g.preview, g.failure, g.created_at, g.updated_at, g.started_at, g.completed_at,"
    " g.expires_at, g.purged_at, h.credits, h.settled, h.state AS cost_state, g.relaxed,"
    " ARRAY(SELECT v.id FROM generations v WHERE v.variation_of = g.variation_of ORDER BY v.id) AS variations,"
    " ARRAY(SELECT m.variant FROM media m WHERE m.generation_id = g.id) AS variants,"
    f" u.locale, {POSITION} FROM generations g JOIN holds h ON h.generation_id = g.id JOIN users u ON u.id = g.user_id"
)


async def insert(db: Database, new: list[New]) -> None:
    """Add queued rows."""
    for one in new:
        await db.execute(INSERT, *(getattr(one, field) for field in NEW))


async def add_inputs(db: Database, generation_id: str, pictures: list[Condition], films: list[Film]) -> None:
    """Give a row its pictures and its films. Most have none, and then nothing is asked of the database."""
    if pictures:
        await db.executemany(
            "INSERT INTO conditions (generation_id, position, key, frame, strength, resize)"
            " VALUES ($1, $2, $3, $4, $5, $6)",
            [(generation_id, at, one.key, one.frame, one.strength, one.resize) for at, one in enumerate(pictures)],
        )
    if films:
        await db.executemany(
            "INSERT INTO films (generation_id, position, key, seconds) VALUES ($1, $2, $3, $4)",
            [(generation_id, at, one.key, one.seconds) for at, one in enumerate(films)],
        )


async def conditions(db: Database, generation_id: str) -> list[Condition]:
    """The pictures of a row, in order."""
    return rows(
        await db.fetch(
            "SELECT key, frame, strength, resize FROM conditions WHERE generation_id = $1 ORDER BY position",
            generation_id,
        ),
        Condition,
    )


async def films(db: Database, generation_id: str) -> list[Film]:
    """The films of a row, in order."""
    query = "SELECT key, seconds FROM films WHERE generation_id = $1 ORDER BY position"
    return rows(await db.fetch(query, generation_id), Film)


async def get(db: Database, generation_id: str, user_id: str | None = None) -> Generation | None:
    """One row that is not deleted; with `user_id`, only if it is theirs."""
    record = await db.fetchrow(
        f"{SELECT} WHERE g.id = $1 AND ($2::text IS NULL OR g.user_id = $2) AND g.deleted_at IS NULL",
        generation_id,
        user_id,
    )
    return row(record, Generation)


async def some(db: Database, generation_ids: list[str]) -> list[Generation]:
    """These rows, whoever owns them, without those that are deleted."""
    return rows(await db.fetch(f"{SELECT} WHERE g.id = ANY($1) AND g.deleted_at IS NULL", generation_ids), Generation)


async def page(db: Database, user_id: str, after: str | None, limit: int, *, descending: bool) -> list[Generation]:
    """A page of the user's rows, by id."""
    order, sign = ("DESC", "<") if descending else ("ASC", ">")
    return rows(
        await db.fetch(
            f"{SELECT} WHERE g.user_id = $1 AND g.deleted_at IS NULL AND ($2::text IS NULL OR g.id {sign} $2)"
            f" ORDER BY g.id {order} LIMIT $3",
            user_id,
            after,
            limit,
        ),
        Generation,
    )


async def active(db: Database, user_id: str) -> list[Generation]:
    """The user's rows that are not terminal, oldest change first."""
    return rows(
        await db.fetch(
            f"{SELECT} WHERE g.user_id = $1 AND g.deleted_at IS NULL AND g.completed_at IS NULL"
            " ORDER BY g.updated_at, g.id LIMIT 1000",
            user_id,
        ),
        Generation,
    )


async def changed(db: Database, user_id: str, since: datetime) -> list[Generation]:
    """The user's rows changed after `since`, oldest change first."""
    return rows(
        await db.fetch(
            f"{SELECT} WHERE g.user_id = $1 AND g.deleted_at IS NULL AND g.updated_at > $2"
            " ORDER BY g.updated_at, g.id LIMIT 1000",
            user_id,
            since,
        ),
        Generation,
    )


async def same_request(db: Database, user_id: str, fingerprint: bytes, within: float) -> str | None:
    """The newest first variation the user asked for with this fingerprint in the last `within` seconds."""
    value: str | None = await db.fetchval(
        "SELECT variation_of FROM generations WHERE user_id = $1 AND fingerprint = $2"
        " AND created_at > now() - make_interval(secs => $3) ORDER BY id DESC LIMIT 1",
        user_id,
        fingerprint,
        within,
    )
    return value
