"""The life of a generation against PostgreSQL: who may change its state, what it costs, and who claims what."""

from __future__ import annotations

import asyncio
from math import ceil

import pytest

from api.http.state import AppState
from api.sql.connection import transaction
from tests.support.factories import assert_books_balance
from tests.support.generations import (
    MEDIA,
    balance,
    claim,
    create,
    person,
)


async def test_a_clip_that_is_made_is_charged(app_state: AppState) -> None:
    account = await person(app_state)
    video_id = await create(app_state, account, seconds=5)
    assert await balance(app_state, account) == (290, 10)
    claimed_job = await claim(app_state)
    assert await app_state.lifecycle.report_progress(claimed_job, 40, 3.0)
    assert (await app_state.library.get(video_id, account.id)).progress == 40
    assert await app_state.lifecycle.complete(claimed_job, MEDIA)
    row = await app_state.library.get(video_id, account.id)
    assert (row.state, row.progress, row.cost_state, row.variants) == ("completed", 100, "settled", ["video"])
    assert row.expires_at
    assert await balance(app_state, account) == (290, 0)
    await assert_books_balance(app_state.pool, account.id)


async def test_an_attempt_that_lost_its_lease_writes_nothing(app_state: AppState) -> None:
    account = await person(app_state)
    video_id = await create(app_state, account)
    stalled = await claim(app_state)
    assert await app_state.lifecycle.return_to_queue(stalled)
    present = await claim(app_state, "worker_b")
    assert present.attempt == stalled.attempt + 1
    assert not await app_state.lifecycle.renew_lease(stalled)
    assert not await app_state.lifecycle.report_progress(stalled, 99, None)
    assert not await app_state.lifecycle.complete(stalled, MEDIA)
    assert not await app_state.lifecycle.fail(stalled, "internal")
    assert not await app_state.lifecycle.return_to_queue(stalled)
    row = await app_state.library.get(video_id, account.id)
    assert (row.state, row.progress, row.variants) == ("in_progress", 0, [])
    assert await app_state.lifecycle.complete(present, MEDIA)
    await assert_books_balance(app_state.pool, account.id)


async def test_cancelling_takes_the_lease_and_gives_everything_back(app_state: AppState) -> None:
    account = await person(app_state)
    video_id = await create(app_state, account)
    claimed_job = await claim(app_state)
    assert (await app_state.lifecycle.cancel(video_id, account.id)).state == "cancelled"
    assert (await app_state.lifecycle.cancel(video_id, account.id)).state == "cancelled"
    assert not await app_state.lifecycle.complete(claimed_job, MEDIA)
    assert await balance(app_state, account) == (300, 0)
    await assert_books_balance(app_state.pool, account.id)


async def test_what_was_published_before_a_cancel_is_charged(app_state: AppState) -> None:
    account = await person(app_state)
    video_id = await create(app_state, account, seconds=4)
    await claim(app_state)
    async with transaction(app_state.pool) as db:
        await db.execute("UPDATE generations SET published_generated = 1.2 WHERE id = $1", video_id)
    row = await app_state.lifecycle.cancel(video_id, account.id)
    assert (row.credits, row.settled, row.cost_state) == (8, 3, "settled")
    assert await balance(app_state, account) == (297, 0)
    await assert_books_balance(app_state.pool, account.id)


@pytest.mark.parametrize(
    ("published", "progress", "left"),
    [(0.0, 0, 10.0), (2.0, 50, 5.0), (4.0, 99, 0.1)],
    ids=["anew", "halfway", "all but done"],
)
async def test_the_next_attempt_begins_with_what_is_published_and_the_time_for_the_rest(
    app_state: AppState, published: float, progress: int, left: float
) -> None:
    account = await person(app_state)
    video_id = await create(app_state, account, seconds=4)
    first = await claim(app_state)
    assert await app_state.lifecycle.report_progress(first, 60, 4.0)
    async with transaction(app_state.pool) as db:
        await db.execute("UPDATE generations SET published_generated = $1", published)
    assert await app_state.lifecycle.return_to_queue(first)
    queued = await app_state.library.get(video_id, account.id)
    second = await claim(app_state, "worker_b")
    assert await app_state.lifecycle.report_progress(second, 10, None), "it loads a model, and has measured nothing"
    loading = await app_state.library.get(video_id, account.id)
    for row in (queued, loading):
        assert round(row.progress) == max(progress, 10 if row is loading else 0)
        assert row.eta_seconds == pytest.approx(left)
        assert app_state.serializer.to_video(row).eta_seconds == ceil(left)
    assert await app_state.lifecycle.report_progress(second, 70, 3.0)
    row = await app_state.library.get(video_id, account.id)
    assert (row.progress, row.eta_seconds) == (max(progress, 70), 3.0)


async def test_who_waits_for_a_next_attempt_also_waits_for_those_before(app_state: AppState) -> None:
    account, other = await person(app_state), await person(app_state)
    first = await create(app_state, other, seconds=4)
    video_id = await create(app_state, account, seconds=4)
    before = app_state.serializer.to_video(await app_state.library.get(video_id, account.id)).eta_seconds
    async with transaction(app_state.pool) as db:
        await db.execute("UPDATE generations SET eta_seconds = 1 WHERE id = $1", video_id)
    alone = app_state.serializer.to_video(await app_state.library.get(first, other.id)).eta_seconds
    after = app_state.serializer.to_video(await app_state.library.get(video_id, account.id)).eta_seconds
    assert before
    assert alone
    assert after == pytest.approx(before - alone + 1, abs=1)


async def test_a_failure_that_may_pass_is_tried_again_and_then_released(app_state: AppState) -> None:
    account = await person(app_state)
    video_id = await create(app_state, account)
    for tries in range(app_state.settings.max_tries):
        async with transaction(app_state.pool) as db:
            await db.execute("UPDATE generations SET not_before = now()")
        claimed_job = await claim(app_state)
        assert claimed_job.tries == tries
        assert await app_state.lifecycle.fail(claimed_job, "engine_died")
    row = await app_state.library.get(video_id, account.id)
    assert (row.state, row.failure, row.cost_state) == ("failed", "engine_died", "released")
    assert await balance(app_state, account) == (300, 0)
    await assert_books_balance(app_state.pool, account.id)


async def test_a_failure_that_stays_is_not_tried_again(app_state: AppState) -> None:
    account = await person(app_state)
    video_id = await create(app_state, account)
    await app_state.lifecycle.fail(await claim(app_state), "bad_frames")
    shown = app_state.serializer.to_video(await app_state.library.get(video_id, account.id))
    assert shown.status == "failed"
    assert shown.failure
    assert (shown.failure.code, shown.failure.retryable, shown.failure.refunded) == ("bad_frames", False, True)
    assert shown.error
    assert shown.error.code == "bad_frames"


async def test_the_plan_says_how_many_run_at_once(app_state: AppState) -> None:
    account = await person(app_state)
    first = await create(app_state, account)
    await create(app_state, account)
    claimed_job = await claim(app_state)
    assert claimed_job.id == first
    assert await app_state.lifecycle.claim("worker_b") is None
    await app_state.lifecycle.complete(claimed_job, MEDIA)
    assert await app_state.lifecycle.claim("worker_b")


async def test_priority_then_fairness_then_age(app_state: AppState) -> None:
    plus, other, pro = await person(app_state, "plus"), await person(app_state, "plus"), await person(app_state, "pro")
    first, second = await create(app_state, plus), await create(app_state, plus)
    third, fourth = await create(app_state, other), await create(app_state, pro)
    order = [(await claim(app_state)).id for _ in range(4)]
    assert order == [fourth, first, third, second]


async def test_queue_positions_count_who_is_served_before(app_state: AppState) -> None:
    account, pro = await person(app_state), await person(app_state, "pro")
    first, second = await create(app_state, account), await create(app_state, account)
    ahead = await create(app_state, pro)
    rows = [
        await app_state.library.get(video_id, owner.id)
        for video_id, owner in ((ahead, pro), (first, account), (second, account))
    ]
    assert [row.queue_position for row in rows] == [0, 1, 2]


async def test_workers_racing_for_one_user_take_one_at_a_time(isolated_state: AppState) -> None:
    account = await person(isolated_state)
    for _ in range(6):
        await create(isolated_state, account)
    claims = await asyncio.gather(*(isolated_state.lifecycle.claim(f"worker_{n}") for n in range(8)))
    assert len([claimed_job for claimed_job in claims if claimed_job]) == 1


async def test_cancel_racing_completion_ends_once(isolated_state: AppState) -> None:
    account = await person(isolated_state)
    for _ in range(10):
        video_id = await create(isolated_state, account)
        claimed_job = await claim(isolated_state)
        done, row = await asyncio.gather(
            isolated_state.lifecycle.complete(claimed_job, MEDIA), isolated_state.lifecycle.cancel(video_id, account.id)
        )
        state = (await isolated_state.library.get(video_id, account.id)).state
        assert state == ("completed" if done else "cancelled") == row.state
    await assert_books_balance(isolated_state.pool, account.id)
