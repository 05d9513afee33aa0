"""Queueing of videos: what is held, what a repetition gets, and what is left behind when it fails."""

from __future__ import annotations

import asyncio

import pytest

from api.errors import IdempotencyKeyReused, InsufficientCredits, RequestInProgress
from api.http.state import AppState
from api.sql.idempotency import StoredAnswer
from api.sql.segments import SegmentRow, StreamPace
from tests.support.factories import assert_books_balance
from tests.support.generations import (
    MEDIA,
    balance,
    claim,
    create,
    drawn,
    person,
    spend,
    submission,
    with_fingerprint,
)


async def test_a_spent_pro_plan_still_makes_clips_when_nobody_else_waits(app_state: AppState) -> None:
    pro, free = await person(app_state, "pro"), await person(app_state)
    paid = await create(app_state, pro)
    await spend(app_state, pro, left=7)
    first, second = await create(app_state, pro), await create(app_state, pro)
    other = await create(app_state, free)
    row = await app_state.library.get(first, pro.id)
    assert (row.credits, row.cost_state, row.relaxed) == (0, "held", True)
    assert not (await app_state.library.get(paid, pro.id)).relaxed
    running = [await claim(app_state), await claim(app_state)]
    assert [each.id for each in running] == [paid, other]
    assert await app_state.lifecycle.claim("worker_c") is None  # one at a time, and one of theirs is being made
    await app_state.lifecycle.complete(running[0], MEDIA)
    relaxed = await claim(app_state)
    assert relaxed.id == first
    assert await app_state.lifecycle.claim("worker_c") is None
    await app_state.lifecycle.complete(relaxed, MEDIA)
    assert (await claim(app_state)).id == second
    row = await app_state.library.get(first, pro.id)
    assert (row.state, row.settled, row.cost_state) == ("completed", 0, "settled")
    assert await balance(app_state, pro) == (7, 0)
    await assert_books_balance(app_state.pool, pro.id)


async def test_a_relaxed_clip_that_is_cancelled_costs_nothing_either(app_state: AppState) -> None:
    pro = await person(app_state, "pro")
    await spend(app_state, pro)
    video_id = await create(app_state, pro)
    claimed_job = await claim(app_state)
    piece = SegmentRow(number=0, attempt=claimed_job.attempt, head="a" * 16, seconds=2.0)
    assert await app_state.lifecycle.publish_segment(claimed_job, piece, 2.0, 2.0, StreamPace(2.0, 0.0))
    row = await app_state.lifecycle.cancel(video_id, pro.id)
    assert (row.state, row.settled, row.cost_state) == ("cancelled", 0, "released")
    await assert_books_balance(app_state.pool, pro.id)


@pytest.mark.parametrize(("plan", "marked"), [("free", True), ("plus", False), ("pro", False)])
async def test_a_clip_is_marked_if_its_plan_says_so(app_state: AppState, plan: str, marked: bool) -> None:  # noqa: FBT001
    account = await person(app_state, plan)
    await create(app_state, account)
    assert (await claim(app_state)).marked is marked


async def test_variations_name_each_other_and_differ_in_seed(app_state: AppState) -> None:
    account = await person(app_state)
    video_id = await create(app_state, account, n=3, seed=7)
    row = await app_state.library.get(video_id, account.id)
    assert row.variations[0] == video_id
    assert [(await app_state.library.get(one, account.id)).seed for one in row.variations] == [7, 8, 9]
    assert await balance(app_state, account) == (300 - 24, 24)


async def test_too_few_credits_leave_nothing_behind(app_state: AppState) -> None:
    account = await person(app_state)
    for _ in range(3):
        await create(app_state, account, seconds=10, n=4)
    with pytest.raises(InsufficientCredits):
        await create(app_state, account, seconds=10, n=4)
    rows = await app_state.library.list_page(account.id, None, 100, descending=True)
    available, held = await balance(app_state, account)
    assert held == 20 * len(rows)
    assert available == 300 - held
    await assert_books_balance(app_state.pool, account.id)


async def test_a_key_replays_the_first_answer(app_state: AppState) -> None:
    account = await person(app_state)
    first = await app_state.submissions.submit(
        with_fingerprint(submission(app_state, account, key="k")), drawn(app_state)
    )
    again = await app_state.submissions.submit(
        with_fingerprint(submission(app_state, account, key="k")), drawn(app_state)
    )
    assert first.body == again.body
    assert await balance(app_state, account) == (292, 8)


async def test_a_key_with_another_request_is_refused(app_state: AppState) -> None:
    account = await person(app_state)

    one = with_fingerprint(submission(app_state, account, key="k"))
    await app_state.submissions.submit(one, drawn(app_state))
    with pytest.raises(IdempotencyKeyReused):
        await app_state.submissions.submit(with_fingerprint(one, b"another request"), drawn(app_state))


async def test_a_client_that_says_it_repeats_gets_the_same_video(app_state: AppState) -> None:
    account = await person(app_state)
    first = await create(app_state, account, seconds=6)
    again = await create(app_state, account, seconds=6, retried=True)
    fresh = await create(app_state, account, seconds=6)
    assert first == again != fresh


async def test_a_crowd_on_few_credits_gets_what_they_pay_for(isolated_state: AppState) -> None:
    account = await person(isolated_state)
    results = await asyncio.gather(
        *(create(isolated_state, account, seconds=10, size="720x1280") for _ in range(50)), return_exceptions=True
    )
    made = [result for result in results if isinstance(result, str)]
    refused = [result for result in results if isinstance(result, InsufficientCredits)]
    assert (len(made), len(refused)) == (7, 43)
    assert await balance(isolated_state, account) == (300 - 7 * 40, 7 * 40)
    await assert_books_balance(isolated_state.pool, account.id)


async def test_a_crowd_with_one_key_makes_one_video(isolated_state: AppState) -> None:
    account = await person(isolated_state)
    same = with_fingerprint(submission(isolated_state, account, key="k"))
    results = await asyncio.gather(
        *(isolated_state.submissions.submit(same, drawn(isolated_state)) for _ in range(50)), return_exceptions=True
    )
    answers = {result.body for result in results if isinstance(result, StoredAnswer)}
    assert len(answers) == 1
    assert all(isinstance(result, StoredAnswer | RequestInProgress) for result in results)
    assert len(await isolated_state.library.list_page(account.id, None, 100, descending=True)) == 1
    assert await balance(isolated_state, account) == (292, 8)
