"""Videos queued, claimed and paid for without HTTP."""

from __future__ import annotations

import msgspec

from api.http.state import AppState
from api.idempotency import RequestIdentity
from api.schemas.video_requests import ImageReference, VideoCreate
from api.sql.connection import transaction
from api.sql.generations import Generation
from api.sql.idempotency import StoredAnswer
from api.sql.leases import ClaimedGeneration
from api.sql.ledger.ledger_users import LedgerUser
from api.sql.media import RenditionRow
from api.videos.quote import build_quote
from api.videos.submission import Submission
from tests.support.factories import add_account, add_generation, pricing_terms

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
    quote = build_quote(form, pricing_terms(account.plan), app_state.settings)
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
    claimed_job = await app_state.lifecycle.claim(worker)
    assert claimed_job
    return claimed_job


async def balance(app_state: AppState, account: LedgerUser) -> tuple[int, int]:
    async with transaction(app_state.pool) as db:
        now = await app_state.credits.balance(db, account.id)
    return now.available, now.held


async def spend(app_state: AppState, account: LedgerUser, left: int = 0) -> None:
    """Leave somebody so many credits."""
    async with transaction(app_state.pool) as db:
        taken = await add_generation(db, account)
        purse = await app_state.credits.lock_spendable(db, account.id)
        await app_state.credits.hold(db, purse, {taken: purse.available - left})
        await db.execute("UPDATE generations SET state = 'cancelled', completed_at = now() WHERE id = $1", taken)
        await app_state.credits.settle(db, taken)
