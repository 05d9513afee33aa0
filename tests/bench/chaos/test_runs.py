"""Five kills under load, on real processes; and proof that the auditor who finds nothing afterwards is not blind."""

from __future__ import annotations

import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path
from random import Random
from secrets import randbits

import msgspec
import pytest
from redis.asyncio import Redis

from api.http.state import AppState
from api.schemas.videos import Variant
from api.settings import Settings
from api.sql.media import RenditionRow
from api.videos.renditions import SUFFIXES, TYPES
from bench.chaos.ledger_audit import audit_books
from bench.chaos.runs import run_chaos
from bench.chaos.simulated_users import SimulatedUsers
from tests.support.generations import claim, create, person

KILLS = 5
PUBLISHED = "INSERT INTO segments (generation_id, number, attempt, head, seconds, discontinuity)"


@pytest.mark.skipif(sys.platform != "linux", reason="chaos holds processes by descriptors that only Linux gives")
async def test_kills_lose_no_job_and_no_credit(
    database: str, settings: Settings, redis: Redis, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = msgspec.structs.replace(settings, database_url=database, weights={"kinora-mini": str(weights)})
    report = await run_chaos(theirs, kills=KILLS, seed=randbits(31), tell=print)
    assert not report.broken, capsys.readouterr().out
    assert Counter(kill.target for kill in report.nemesis.kills) == {"engine": 3, "worker": 2}
    assert report.nemesis.web_kills
    assert set(report.books.jobs) <= {"completed", "cancelled"}
    assert report.books.jobs["completed"]
    assert report.recoveries["worker"]


@pytest.fixture
async def simulated_users(app_state: AppState) -> SimulatedUsers:
    """Whose one clip has been made, with its files, and paid for."""
    video_id = await create(app_state, await person(app_state), seconds=5)
    claimed_job = await claim(app_state)
    assert await app_state.lifecycle.complete(
        claimed_job, [_rendition(app_state, claimed_job.id, variant) for variant in SUFFIXES]
    )
    simulated_users = SimulatedUsers("http://nowhere", Random(0))
    simulated_users.clips.add(video_id)
    return simulated_users


def _rendition(app_state: AppState, video_id: str, variant: Variant) -> RenditionRow:
    key, content = f"videos/{video_id}/1/{variant}.{SUFFIXES[variant]}", variant.encode()
    app_state.storage.write_file(key, content)
    etag = sha256(content).hexdigest()
    return RenditionRow(variant=variant, key=key, content_type=TYPES[variant], bytes=len(content), etag=etag)


async def test_the_auditor_passes_what_is_in_order(app_state: AppState, simulated_users: SimulatedUsers) -> None:
    async with app_state.pool.acquire() as db:
        books = await audit_books(db, app_state.storage, simulated_users)
    assert books.broken == []
    assert books.jobs == {"completed": 1}


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        ("UPDATE generations SET state = 'queued'", "A job has not ended"),
        ("UPDATE generations SET state = 'failed', failure = 'internal'", "A job has failed"),
        ("UPDATE generations SET state = 'cancelled'", "A job was cancelled that nobody cancelled"),
        ("UPDATE generations SET attempt = 2", "An attempt was given up without a reason"),
        ("UPDATE holds SET state = 'held', closed_at = NULL", "A job does not have exactly one hold, closed"),
        ("UPDATE holds SET settled = 9", "A job was not charged what it costs"),
        ("UPDATE holds SET settled = 9", "Revenue is not what was settled"),
        ("UPDATE holds SET settled = 9", "A user's balance is not what was granted less what was settled"),
        ("UPDATE ledger_entries SET kind = 'hold' WHERE kind = 'settle'", "A hold was not taken once and closed once"),
        ("DELETE FROM ledger_entries WHERE kind = 'settle'", "Credits of a job are still held"),
        ("UPDATE ledger_entries SET amount = 11 WHERE account = 'revenue'", "A transfer does not sum to zero"),
        ("UPDATE lots SET remaining = remaining - 1", "A lot is not the sum of its entries"),
        ("DELETE FROM media WHERE variant = 'poster'", "A completed job does not have four files"),
        (
            f"{PUBLISHED} SELECT id, 0, 1, 'a', 4, false FROM generations",
            "A playlist does not contain each frame exactly once",
        ),
        (
            f"{PUBLISHED} SELECT id, 1, 1, 'a', 5, false FROM generations",
            "A playlist does not contain each frame exactly once",
        ),
        (f"{PUBLISHED} SELECT id, 0, 1, 'a', 5, true FROM generations", "A published segment was generated again"),
        ("UPDATE media SET key = replace(key, '/1/', '/2/')", "A file belongs to another attempt"),
        ("UPDATE media SET bytes = bytes + 1", "A file is not what the database says it is"),
        ("UPDATE media SET etag = '' WHERE variant = 'video'", "A file is not what the database says it is"),
    ],
)
async def test_the_auditor_sees_harm(
    app_state: AppState, simulated_users: SimulatedUsers, harm: str, sentence: str
) -> None:
    async with app_state.pool.acquire() as db:
        await db.execute(harm)
        books = await audit_books(db, app_state.storage, simulated_users)
    assert [broken for broken in books.broken if broken.startswith(sentence)]


async def test_the_auditor_counts_jobs_both_ways(app_state: AppState, simulated_users: SimulatedUsers) -> None:
    [made], simulated_users.clips = simulated_users.clips, {"video_lost"}
    async with app_state.pool.acquire() as db:
        books = await audit_books(db, app_state.storage, simulated_users)
    assert books.broken == [
        "An accepted job is gone: video_lost (1 in all).",
        f"There is a job that no client was told of: {made} (1 in all).",
    ]
