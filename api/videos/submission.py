"""Queueing of a quoted create: its inputs in storage, its rows, and the credits held for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec

from api import idempotency, ids
from api.billing.ledger.credits import CreditLedger
from api.billing.tariff.plans import RELAXED_PRIORITY
from api.idempotency import RequestIdentity
from api.messaging.events import Announcer
from api.messaging.wakeups import Wakeups
from api.settings import Settings
from api.sql import generations
from api.sql import idempotency as sql_idempotency
from api.sql.connection import Database, Pool, transaction
from api.sql.generations import IMAGE_KIND, VIDEO_KIND, Generation, NewGeneration
from api.sql.idempotency import StoredAnswer
from api.storage.disk_space import refuse_full_disk
from api.storage.local import Storage
from api.videos.availability import require_video
from api.videos.inputs import ClipInputs, InputStore
from api.videos.quote import Quote

RETRY_WINDOW = 120.0  # seconds in which a client's own retry without a key finds the video it made before


class Submission(NamedTuple):
    """A quoted create, with the bytes of the images that its body names."""

    identity: RequestIdentity
    quote: Quote
    images: list[bytes]


class VideoSubmissions:
    """Queues videos, once for each request."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        storage: Storage,
        credits: CreditLedger,
        wakeups: Wakeups,
        announcer: Announcer,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._storage = storage
        self._inputs = InputStore(pool, storage)
        self._credits = credits
        self._wakeups = wakeups
        self._announcer = announcer

    async def submit(self, submission: Submission, to_answer: Callable[[Generation], StoredAnswer]) -> StoredAnswer:
        """Queue the clips and hold their credits, or repeat the first answer.

        `to_answer` is called inside the transaction, so that what is kept for replay is what was answered.
        Raises InsufficientCredits, Unavailable, RequestInProgress, IdempotencyKeyReused.
        """
        rows = build_rows(submission, self._settings)
        async with self._store_inputs(rows, submission) as inputs, transaction(self._pool) as db:

            async def create() -> StoredAnswer:
                self._refuse_on_full_disk()
                await self._queue_rows(db, rows, submission, inputs)
                return to_answer(await require_video(db, rows[0].id))

            if repeated := await _find_repeated(db, submission.identity):
                return to_answer(repeated)
            outcome = await idempotency.answer_once(db, submission.identity, create)
        if not outcome.replayed:
            self._announce_queued(rows)
        return outcome.answer

    async def find_answer(self, identity: RequestIdentity) -> StoredAnswer | None:
        """The first answer to a request with a key, if any. Raises RequestInProgress, IdempotencyKeyReused."""
        if identity.key is None:
            return None
        async with transaction(self._pool) as db:
            return await idempotency.find_earlier_answer(db, identity)

    @asynccontextmanager
    async def _store_inputs(self, rows: list[NewGeneration], submission: Submission) -> AsyncIterator[list[ClipInputs]]:
        images = [*submission.images, *filter(None, [submission.quote.style.image])]
        if not images and not submission.quote.sources:
            yield [ClipInputs([], []) for _ in rows]
            return
        self._refuse_on_full_disk()
        async with self._inputs.store_inputs([row.id for row in rows], submission.quote, images) as inputs:
            yield inputs

    async def _queue_rows(
        self, db: Database, rows: list[NewGeneration], submission: Submission, inputs: list[ClipInputs]
    ) -> None:
        """Add the rows with their inputs and hold their credits; relaxed rows cost none and wait for all others."""
        spendable = await self._credits.lock_spendable(db, submission.identity.user_id)
        relaxed, price = spendable.needs_relaxed_queue(submission.quote.price.total), submission.quote.price.each
        if relaxed:
            rows, price = [_relax_row(row) for row in rows], 0
        await generations.insert_rows(db, rows)
        for row, stored in zip(rows, inputs, strict=True):
            await generations.add_inputs(db, row.id, stored.images, stored.videos)
        await self._credits.hold(db, spendable, {row.id: price for row in rows})

    def _announce_queued(self, rows: list[NewGeneration]) -> None:
        self._wakeups.send(self._settings.pool, len(rows))
        for row in rows:
            self._announcer.announce_change(row.user_id, row.id)

    def _refuse_on_full_disk(self) -> None:
        consequence = "no new video is accepted; nothing was charged"
        refuse_full_disk(self._storage, self._settings.full_disk, consequence)


def build_rows(submission: Submission, settings: Settings) -> list[NewGeneration]:
    """A row for each variation, in the order of their seeds; the first names the group."""
    quote, plan = submission.quote, submission.quote.plan
    request, style, engine_request = quote.request, quote.style, quote.engine_request
    video_ids = sorted(ids.new_id(ids.VIDEO) for _ in quote.seeds)
    return [
        NewGeneration(
            id=video_id,
            user_id=submission.identity.user_id,
            variation_of=video_ids[0],
            fingerprint=submission.identity.fingerprint,
            kind=VIDEO_KIND if engine_request.seconds else IMAGE_KIND,
            model=quote.model.name,
            served_by=quote.model.entry.name,
            prompt=quote.spec.prompt,
            revised_prompt=style.extend_prompt(quote.spec.prompt) if style.prompt else None,
            preset=request.preset,
            negative_prompt=style.extend_negative_prompt(request.negative_prompt),
            loras=request.loras,
            seconds=engine_request.seconds,
            generated_seconds=quote.generated_seconds,
            operation=quote.spec.operation,
            parents=list(dict.fromkeys(source.id for source in quote.sources if source.id)),
            width=engine_request.width,
            height=engine_request.height,
            seed=seed,
            quality=request.quality,
            visibility=request.visibility,
            metadata=request.metadata,
            pool=settings.pool,
            priority=plan.priority,
            concurrency=plan.concurrency,
            retention_days=plan.retention_days,
            marked=plan.marked,
            relaxed=False,
        )
        for video_id, seed in zip(video_ids, quote.seeds, strict=True)
    ]


def _relax_row(row: NewGeneration) -> NewGeneration:
    """The row in the queue of relaxed work: behind all others, and one at a time of each user."""
    return msgspec.structs.replace(row, relaxed=True, priority=RELAXED_PRIORITY, concurrency=1)


async def _find_repeated(db: Database, identity: RequestIdentity) -> Generation | None:
    """The video that the same request without a key made before, when the client says that it retries."""
    if identity.key is not None:
        return None
    user_id, fingerprint = identity.user_id, identity.fingerprint
    await sql_idempotency.wait_for_lock(db, user_id, fingerprint.hex())
    if not identity.retried:
        return None
    video_id = await generations.find_same_request(db, user_id, fingerprint, RETRY_WINDOW)
    return await generations.find_generation(db, video_id, user_id) if video_id else None
