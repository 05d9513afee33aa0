"""The life of a generation against PostgreSQL: who may move it, what it costs, and who claims what."""

from __future__ import annotations

import asyncio
from math import ceil

import msgspec
import pytest

from api.errors import InsufficientCredits, KeyReused, NotFound, StillRunning
from api.http.state import AppState
from api.idempotency import RequestIdentity
from api.schemas.video_requests import ImageReference, VideoCreate
from api.sql.connection import transaction
from api.sql.generations import Generation
from api.sql.idempotency import StoredAnswer
from api.sql.ledger_users import LedgerUser
from api.sql.media import RenditionRow
from api.sql.segments import PublishedSegment
from api.sql.transitions import ClaimedGeneration
from api.videos.quote import build_quote
from api.videos.submission import Submission
from tests.support.factories import add_account, add_generation, books, terms

REQUEST = b"the same request"
MEDIA = [RenditionRow(variant="video", key="k", content_type="video/mp4", bytes=1, etag="e")]


async def person(app_state: AppState, plan: str = "free") -> LedgerUser:
    async with transaction(app_state.pool) as db:
        account = await add_account(db, plan=plan)
        await app_state.credits.lock_spendable(db, account.id)
    return account


def submission(
    app_state: AppState,
    account: LedgerUser,
    *,
    key: str | None = None,
    retried: bool = False,
    picture: bytes | None = None,
    **asked: object,
) -> Submission:
    form = msgspec.convert({"prompt": "a red ball", "size": "320x192", **asked}, VideoCreate)
    if picture is not None:
        form = msgspec.structs.replace(form, first_frame=ImageReference(file=picture))
    quote = build_quote(form, terms(account.plan), app_state.settings)
    fingerprint = msgspec.json.encode(asked, order="deterministic")
    identity = RequestIdentity(account.id, key, fingerprint, retried)
    return Submission(identity, quote, [] if picture is None else [picture])


async def create(app_state: AppState, account: LedgerUser, **asked: object) -> str:
    """A queued video; its id."""
    answer = await app_state.submissions.submit(submission(app_state, account, **asked), drawn(app_state))  # type: ignore[arg-type]
    return str(msgspec.json.decode(answer.body)["id"])


def with_fingerprint(submission: Submission, fingerprint: bytes = REQUEST) -> Submission:
    return submission._replace(identity=submission.identity._replace(fingerprint=fingerprint))


def drawn(app_state: AppState):  # type: ignore[no-untyped-def]  # noqa: ANN201 (a closure)
    def answer(row: Generation) -> StoredAnswer:
        body = msgspec.json.encode(app_state.serializer.to_video(row))
        return StoredAnswer(fingerprint=REQUEST, status=200, headers={}, body=body)

    return answer


async def claim(app_state: AppState, worker: str = "worker_a") -> ClaimedGeneration:
    claimed = await app_state.lifecycle.claim(worker)
    assert claimed
    return claimed


async def balance(app_state: AppState, account: LedgerUser) -> tuple[int, int]:
    async with transaction(app_state.pool) as db:
        now = await app_state.credits.balance(db, account.id)
    return now.available, now.held


async def test_a_clip_that_is_made_is_charged(app_state: AppState) -> None:
    account = await person(app_state)
    video_id = await create(app_state, account, seconds=5)
    assert await balance(app_state, account) == (290, 10)
    claimed = await claim(app_state)
    assert await app_state.lifecycle.report_progress(claimed, 40, 3.0)
    assert (await app_state.library.get(video_id, account.id)).progress == 40
    assert await app_state.lifecycle.complete(claimed, MEDIA)
    row = await app_state.library.get(video_id, account.id)
    assert (row.state, row.progress, row.cost_state, row.variants) == ("completed", 100, "settled", ["video"])
    assert row.expires_at
    assert await balance(app_state, account) == (290, 0)
    await books(app_state.pool, account.id)


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
    await books(app_state.pool, account.id)


async def test_cancelling_takes_the_lease_and_gives_everything_back(app_state: AppState) -> None:
    account = await person(app_state)
    video_id = await create(app_state, account)
    claimed = await claim(app_state)
    assert (await app_state.lifecycle.cancel(video_id, account.id)).state == "cancelled"
    assert (await app_state.lifecycle.cancel(video_id, account.id)).state == "cancelled"
    assert not await app_state.lifecycle.complete(claimed, MEDIA)
    assert await balance(app_state, account) == (300, 0)
    await books(app_state.pool, account.id)


async def test_what_was_published_before_a_cancel_is_charged(app_state: AppState) -> None:
    account = await person(app_state)
    video_id = await create(app_state, account, seconds=4)
    await claim(app_state)
    async with transaction(app_state.pool) as db:
        await db.execute("UPDATE generations SET published_generated = 1.2 WHERE id = $1", video_id)
    row = await app_state.lifecycle.cancel(video_id, account.id)
    assert (row.credits, row.settled, row.cost_state) == (8, 3, "settled")
    assert await balance(app_state, account) == (297, 0)
    await books(app_state.pool, account.id)


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
        claimed = await claim(app_state)
        assert claimed.tries == tries
        assert await app_state.lifecycle.fail(claimed, "engine_died")
    row = await app_state.library.get(video_id, account.id)
    assert (row.state, row.failure, row.cost_state) == ("failed", "engine_died", "released")
    assert await balance(app_state, account) == (300, 0)
    await books(app_state.pool, account.id)


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
    claimed = await claim(app_state)
    assert claimed.id == first
    assert await app_state.lifecycle.claim("worker_b") is None
    await app_state.lifecycle.complete(claimed, MEDIA)
    assert await app_state.lifecycle.claim("worker_b")


async def test_priority_then_fairness_then_age(app_state: AppState) -> None:
    plus, other, pro = await person(app_state, "plus"), await person(app_state, "plus"), await person(app_state, "pro")
    first, second = await create(app_state, plus), await create(app_state, plus)
    third, fourth = await create(app_state, other), await create(app_state, pro)
    order = [(await claim(app_state)).id for _ in range(4)]
    assert order == [fourth, first, third, second]


async def spend(app_state: AppState, account: LedgerUser, left: int = 0) -> None:
    """Leave somebody so many credits."""
    async with transaction(app_state.pool) as db:
        taken = await add_generation(db, account)
        purse = await app_state.credits.lock_spendable(db, account.id)
        await app_state.credits.hold(db, purse, {taken: purse.available - left})
        await db.execute("UPDATE generations SET state = 'cancelled', completed_at = now() WHERE id = $1", taken)
        await app_state.credits.settle(db, taken)


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
    await books(app_state.pool, pro.id)


async def test_a_relaxed_clip_that_is_cancelled_costs_nothing_either(app_state: AppState) -> None:
    pro = await person(app_state, "pro")
    await spend(app_state, pro)
    video_id = await create(app_state, pro)
    claimed = await claim(app_state)
    piece = PublishedSegment(number=0, attempt=claimed.attempt, head="a" * 16, seconds=2.0)
    assert await app_state.lifecycle.publish_segment(claimed, piece, 2.0, 2.0)
    row = await app_state.lifecycle.cancel(video_id, pro.id)
    assert (row.state, row.settled, row.cost_state) == ("cancelled", 0, "released")
    await books(app_state.pool, pro.id)


@pytest.mark.parametrize(("plan", "marked"), [("free", True), ("plus", False), ("pro", False)])
async def test_a_clip_is_marked_if_its_plan_says_so(app_state: AppState, plan: str, marked: bool) -> None:  # noqa: FBT001
    account = await person(app_state, plan)
    await create(app_state, account)
    assert (await claim(app_state)).marked is marked


async def test_queue_positions_count_who_is_served_before(app_state: AppState) -> None:
    account, pro = await person(app_state), await person(app_state, "pro")
    first, second = await create(app_state, account), await create(app_state, account)
    ahead = await create(app_state, pro)
    rows = [
        await app_state.library.get(video_id, owner.id)
        for video_id, owner in ((ahead, pro), (first, account), (second, account))
    ]
    assert [row.queue_position for row in rows] == [0, 1, 2]


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
    await books(app_state.pool, account.id)


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
    with pytest.raises(KeyReused):
        await app_state.submissions.submit(with_fingerprint(one, b"another request"), drawn(app_state))


async def test_a_client_that_says_it_repeats_gets_the_same_video(app_state: AppState) -> None:
    account = await person(app_state)
    first = await create(app_state, account, seconds=6)
    again = await create(app_state, account, seconds=6, retried=True)
    fresh = await create(app_state, account, seconds=6)
    assert first == again != fresh


async def test_somebody_elses_video_is_not_there(app_state: AppState) -> None:
    account, stranger = await person(app_state), await person(app_state)
    video_id = await create(app_state, account)
    for call in (app_state.library.get, app_state.lifecycle.cancel, app_state.library.delete):
        with pytest.raises(NotFound):
            await call(video_id, stranger.id)
        with pytest.raises(NotFound):
            await call("video_nonsense'; --", account.id)


async def test_deleting_cancels_first(app_state: AppState) -> None:
    account = await person(app_state)
    video_id = await create(app_state, account)
    await app_state.library.delete(video_id, account.id)
    with pytest.raises(NotFound):
        await app_state.library.get(video_id, account.id)
    assert await balance(app_state, account) == (300, 0)
    assert await app_state.lifecycle.claim("worker_a") is None


async def test_a_crowd_on_few_credits_gets_what_they_pay_for(real: AppState) -> None:
    account = await person(real)
    results = await asyncio.gather(
        *(create(real, account, seconds=10, size="720x1280") for _ in range(50)), return_exceptions=True
    )
    made = [result for result in results if isinstance(result, str)]
    refused = [result for result in results if isinstance(result, InsufficientCredits)]
    assert (len(made), len(refused)) == (7, 43)
    assert await balance(real, account) == (300 - 7 * 40, 7 * 40)
    await books(real.pool, account.id)


async def test_a_crowd_with_one_key_makes_one_video(real: AppState) -> None:
    account = await person(real)
    same = with_fingerprint(submission(real, account, key="k"))
    results = await asyncio.gather(
        *(real.submissions.submit(same, drawn(real)) for _ in range(50)), return_exceptions=True
    )
    answers = {result.body for result in results if isinstance(result, StoredAnswer)}
    assert len(answers) == 1
    assert all(isinstance(result, StoredAnswer | StillRunning) for result in results)
    assert len(await real.library.list_page(account.id, None, 100, descending=True)) == 1
    assert await balance(real, account) == (292, 8)


async def test_workers_racing_for_one_user_take_one_at_a_time(real: AppState) -> None:
    account = await person(real)
    for _ in range(6):
        await create(real, account)
    claims = await asyncio.gather(*(real.lifecycle.claim(f"worker_{n}") for n in range(8)))
    assert len([claimed for claimed in claims if claimed]) == 1


async def test_cancel_racing_completion_ends_once(real: AppState) -> None:
    account = await person(real)
    for _ in range(10):
        video_id = await create(real, account)
        claimed = await claim(real)
        done, row = await asyncio.gather(
            real.lifecycle.complete(claimed, MEDIA), real.lifecycle.cancel(video_id, account.id)
        )
        state = (await real.library.get(video_id, account.id)).state
        assert state == ("completed" if done else "cancelled") == row.state
    await books(real.pool, account.id)
