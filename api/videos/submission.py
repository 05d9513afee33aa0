"""Queueing of a quoted create: its inputs in storage, its rows, and the credits held for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec

from api import idempotency, ids
from api.billing.ledger.credits import CreditLedger
from api.billing.tariff.plans import RELAXED_PRIORITY
from api.errors import Unavailable
from api.messaging.events import Announcer
from api.messaging.wakeups import Bell
from api.settings import Settings
from api.sql import generations, maintenance
from api.sql import idempotency as names
from api.sql.connection import Database, Pool, transaction
from api.sql.generations import IMAGE_KIND, VIDEO_KIND, Condition, Film, Generation, New
from api.sql.idempotency import Answer
from api.storage.cleanup import remove_unnamed_files
from api.storage.local import Storage
from api.videos.availability import ID_KIND, require_video, video_not_found
from api.videos.lifecycle import Inputs
from api.videos.quote import Order
from api.videos.spec import Footage

INPUTS = "inputs"
RETRY_WINDOW = 120.0  # seconds in which a client's own retry without a key finds the video it made before


class Submission(NamedTuple):
    """A create as it came: who, what, and how a repetition of it is recognised."""

    user_id: str
    order: Order
    fingerprint: bytes
    key: str | None
    retried: bool
    pictures: list[bytes]


class VideoSubmissions:
    """Queues videos, once for each request."""

    def __init__(
        self, settings: Settings, pool: Pool, storage: Storage, credits: CreditLedger, bell: Bell, announcer: Announcer
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._storage = storage
        self._credits = credits
        self._bell = bell
        self._announcer = announcer

    async def submit(self, submission: Submission, answer: Callable[[Generation], Answer]) -> Answer:
        """Queue the clips and set their credits aside, or give the first answer again.

        `answer` draws the reply inside the transaction, so that what is kept for replay is what was said.
        Raises InsufficientCredits, Unavailable, StillRunning, KeyReused.
        """
        rows, user_id = build_rows(submission, self._settings), submission.user_id
        async with self._inputs(rows, submission) as kept, transaction(self._pool) as db:

            async def create() -> Answer:
                self._refuse_on_full_disk()
                await self._queue(db, rows, submission, kept)
                return answer(await require_video(db, rows[0].id))

            if submission.key is None and (repeated := await _repeated(db, submission)):
                return answer(repeated)
            outcome = await idempotency.answer_once(db, user_id, submission.key, submission.fingerprint, create)
        if not outcome.replayed:
            self._bell.ring(self._settings.pool, len(rows))
            for row in rows:
                self._announcer.changed(row.user_id, row.id)
        return outcome.answer

    async def _queue(self, db: Database, rows: list[New], submission: Submission, kept: list[Inputs]) -> None:
        """Add the rows with their inputs and set their credits aside; or none, and then they wait for everybody."""
        spendable = await self._credits.lock_spendable(db, submission.user_id)
        relaxed, price = spendable.needs_relaxed_queue(submission.order.total), submission.order.credits
        if relaxed:
            rows, price = [_relaxed(row) for row in rows], 0
        await generations.insert(db, rows)
        for row, inputs in zip(rows, kept, strict=True):
            await generations.add_inputs(db, row.id, inputs.pictures, inputs.films)
        await self._credits.hold(db, spendable, {row.id: price for row in rows})

    async def find_answer(self, user_id: str, key: str, fingerprint: bytes) -> Answer | None:
        """The first answer to a request, if it has had one. Raises StillRunning, KeyReused."""
        async with transaction(self._pool) as db:
            return await idempotency.replay(db, user_id, key, fingerprint)

    def _refuse_on_full_disk(self) -> None:
        if self._storage.fullness() >= self._settings.full_disk:
            raise Unavailable("The server's disk is nearly full, so no new video is accepted; nothing was charged.")

    @asynccontextmanager
    async def _inputs(self, rows: list[New], submission: Submission) -> AsyncIterator[list[Inputs]]:
        """Pictures and films, stored before the rows that name them, each once and then linked.

        What no row came to name goes when the block is left; what a crash leaves behind is the sweeper's.
        """
        given = [*submission.pictures, *filter(None, [submission.order.style.picture])]
        if not given and not submission.order.footage:
            yield [Inputs([], []) for _ in rows]
            return
        self._refuse_on_full_disk()
        async with remove_unnamed_files(self._storage, INPUTS, [row.id for row in rows], self._find_named):
            named: list[Inputs] = []
            for row in rows:
                named.append(await self._keep(row.id, submission.order, given, named[0] if named else None))
            yield named

    async def _find_named(self, video_ids: list[str]) -> set[str]:
        async with self._pool.acquire() as db:
            return await maintenance.unpurged(db, video_ids)

    async def _keep(self, video_id: str, order: Order, given: list[bytes], first: Inputs | None) -> Inputs:
        pictures, films = [], []
        for number, (picture, (frame, strength)) in enumerate(zip(given, order.places, strict=False)):
            key = f"{INPUTS}/{video_id}/{number}.png"
            if first is None:
                await asyncio.to_thread(self._storage.write, key, picture)
            else:
                await asyncio.to_thread(self._storage.link, self._storage.path(first.pictures[number].key), key)
            pictures.append(Condition(key=key, frame=frame, strength=strength, resize=order.draft.resize))
        for number, found in enumerate(order.footage):
            key = f"{INPUTS}/{video_id}/{number}.mp4"
            await self._link(found, key)
            films.append(Film(key=key, seconds=found.film.seconds))
        return Inputs(pictures, films)

    async def _link(self, found: Footage, key: str) -> None:
        try:
            await asyncio.to_thread(self._storage.link, found.film.path, key)
        except FileNotFoundError as error:  # it was deleted since it was found
            raise video_not_found(found.id or "") from error


def build_rows(submission: Submission, settings: Settings) -> list[New]:
    """A row for each variation, in the order of their seeds; the first names the group."""
    order, plan = submission.order, submission.order.plan
    video_ids = sorted(ids.new(ID_KIND) for _ in order.seeds)
    return [
        New(
            id=video_id,
            user_id=submission.user_id,
            variation_of=video_ids[0],
            fingerprint=submission.fingerprint,
            kind=VIDEO_KIND if order.seconds else IMAGE_KIND,
            model=order.model,
            served_by=order.served_by,
            prompt=order.draft.prompt,
            revised_prompt=order.revised,
            preset=order.asked.preset,
            negative_prompt=order.style.avoided(order.asked.negative_prompt),
            loras=order.asked.loras,
            seconds=order.seconds,
            generated_seconds=order.generated,
            operation=order.operation,
            parents=list(dict.fromkeys(found.id for found in order.footage if found.id)),
            width=order.width,
            height=order.height,
            seed=seed,
            quality=order.asked.quality,
            visibility=order.asked.visibility,
            metadata=order.asked.metadata,
            pool=settings.pool,
            priority=plan.priority,
            concurrency=plan.concurrency,
            retention_days=plan.retention_days,
            marked=plan.marked,
            relaxed=False,
        )
        for video_id, seed in zip(video_ids, order.seeds, strict=True)
    ]


def _relaxed(row: New) -> New:
    """The row in the queue of what is made for nothing: behind everybody, and one at a time of each user."""
    return msgspec.structs.replace(row, relaxed=True, priority=RELAXED_PRIORITY, concurrency=1)


async def _repeated(db: Database, submission: Submission) -> Generation | None:
    """The video that a request without a key made before, when a client says that it repeats."""
    user_id, fingerprint = submission.user_id, submission.fingerprint
    await names.wait_for(db, user_id, fingerprint.hex())
    if not submission.retried:
        return None
    made = await generations.same_request(db, user_id, fingerprint, RETRY_WINDOW)
    return await generations.get(db, made, user_id) if made else None
