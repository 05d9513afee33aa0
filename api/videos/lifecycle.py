"""The life of a generation: queued → in_progress → completed | failed | cancelled.

The only place that moves one, and with it the money: each move is one transaction whose commit is the end of its
`async with` block, and what follows the block (a wake-up, news for watchers) may be lost, because the sweeper and
the watchers' own reads make up for it. A worker's moves carry its attempt and do nothing once the lease is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple

import msgspec
import structlog

from api import idempotency, ids
from api.billing.ledger.credits import Credits
from api.billing.tariff import pricing
from api.billing.tariff.plans import RELAXED_PRIORITY
from api.errors import NotFound, Unavailable
from api.messaging.events import Announcer, Load, Snapshot
from api.messaging.wakeups import Bell
from api.settings import Settings
from api.sql import generations, maintenance, segments, transitions
from api.sql import idempotency as names
from api.sql import media as renditions
from api.sql.connection import AWAY, Database, Pool, transaction
from api.sql.generations import Condition, Film, Generation, New
from api.sql.idempotency import Answer
from api.sql.media import Medium
from api.sql.segments import Segment
from api.sql.transitions import Claimed, Lost
from api.storage.cleanup import remove_unnamed_files
from api.storage.local import Storage
from api.videos.failures import REASONS
from api.videos.hls import IMAGE
from api.videos.quote import Order
from api.videos.serializers import Views
from api.videos.spec import Footage

log = structlog.get_logger()

KIND = "video"
INPUTS = "inputs"
RETRY_WINDOW = 120.0  # seconds in which a client's own retry without a key finds the video it made before
RETRY_WAITS = (1.0, 5.0, 20.0)  # seconds before a failed try is repeated


class Submission(NamedTuple):
    """A create as it came: who, what, and how a repetition of it is recognised."""

    user_id: str
    order: Order
    fingerprint: bytes
    key: str | None
    retried: bool
    pictures: list[bytes]


class Inputs(NamedTuple):
    """What a clip is made from, as it lies in storage."""

    pictures: list[Condition]
    films: list[Film]


class Repeat(NamedTuple):
    """How a repetition of a request is recognised."""

    key: str
    fingerprint: bytes


class Videos:
    """The state machine, with the pool it writes to and those it tells."""

    def __init__(
        self, settings: Settings, pool: Pool, storage: Storage, credits: Credits, bell: Bell, announcer: Announcer
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._storage = storage
        self._credits = credits
        self._bell = bell
        self._announcer = announcer

    async def create(self, submission: Submission, answer: Callable[[Generation], Answer]) -> Answer:
        """Queue the clips and set their credits aside, or give the first answer again.

        `answer` draws the reply inside the transaction, so that what is kept for replay is what was said.
        Raises InsufficientCredits, Unavailable, StillRunning, KeyReused.
        """
        rows, user_id = _rows(submission, self._settings), submission.user_id
        async with self._inputs(rows, submission) as kept, transaction(self._pool) as db:

            async def create() -> Answer:
                self._refuse_on_full_disk()
                await self._queue(db, rows, submission, kept)
                return answer(await _found(db, rows[0].id))

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
        purse = await self._credits.purse(db, submission.user_id)
        relaxed, price = purse.relaxes(submission.order.total), submission.order.credits
        if relaxed:
            rows, price = [_relaxed(row) for row in rows], 0
        await generations.insert(db, rows)
        for row, inputs in zip(rows, kept, strict=True):
            await generations.add_inputs(db, row.id, inputs.pictures, inputs.films)
        await self._credits.hold(db, purse, {row.id: price for row in rows})

    async def answered(self, user_id: str, key: str, fingerprint: bytes) -> Answer | None:
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
            raise _not_found(found.id or "") from error

    async def get(self, video_id: str, user_id: str) -> Generation:
        """One of the user's videos. Raises NotFound."""
        async with self._pool.acquire() as db:
            return await _found(db, video_id, user_id)

    async def page(self, user_id: str, after: str | None, limit: int, *, descending: bool) -> list[Generation]:
        """A page of the user's videos, by age."""
        async with self._pool.acquire() as db:
            return await generations.page(db, user_id, after, limit, descending=descending)

    async def changed(self, user_id: str, since: datetime | None) -> list[Generation]:
        """What changed since a moment, or everything not terminal."""
        async with self._pool.acquire() as db:
            return await (generations.changed(db, user_id, since) if since else generations.active(db, user_id))

    async def cancel(self, video_id: str, user_id: str, repeat: Repeat | None = None) -> Generation:
        """Stop a video that is not terminal; a terminal one stays as it is. Raises NotFound, StillRunning, KeyReused.

        The row moves at once and takes the worker's lease away, so nothing the worker still does can count;
        the worker is then told to stop its GPU.
        """
        async with transaction(self._pool) as db:
            if repeat:
                await idempotency.recognise(db, user_id, *repeat)
            moved = await self._cancel(db, video_id, user_id)
            row = await _found(db, video_id, user_id)
        if moved:
            self._stopped(video_id, user_id)
        return row

    async def delete(self, video_id: str, user_id: str) -> None:
        """Cancel what still runs and hide the video; the sweeper removes its files. Raises NotFound."""
        async with transaction(self._pool) as db:
            moved = await self._cancel(db, video_id, user_id)
            if not ids.valid(video_id, KIND) or not await transitions.delete(db, video_id, user_id):
                raise _not_found(video_id)
        if moved:
            self._stopped(video_id, user_id)

    async def _cancel(self, db: Database, video_id: str, user_id: str) -> bool:
        """Cancel in the caller's transaction; what was published is charged, the rest released."""
        found = await transitions.cancel(db, video_id, user_id) if ids.valid(video_id, KIND) else None
        if found is None:
            return False
        await self._credits.settle(
            db, video_id, pricing.part(found.credits, found.published_generated, found.generated_seconds)
        )
        return True

    def _stopped(self, video_id: str, user_id: str) -> None:
        self._announcer.stop(video_id)
        self._announcer.changed(user_id, video_id)

    async def claim(self, worker: str) -> Claimed | None:
        """Lease the best queued row of the worker's pool, or None."""
        async with transaction(self._pool) as db:
            claimed = await transitions.claim(db, self._settings.pool, worker, self._settings.lease)
        if claimed:
            self._announcer.changed(claimed.user_id, claimed.id)
        return claimed

    async def inputs(self, claimed: Claimed) -> Inputs:
        """The pictures the clip must pass through, and the films it is made from."""
        async with self._pool.acquire() as db:
            return Inputs(await generations.conditions(db, claimed.id), await generations.films(db, claimed.id))

    async def renew(self, claimed: Claimed) -> bool:
        """Keep the lease; False when it is lost and the work must stop."""
        async with self._pool.acquire() as db:
            return await transitions.renew(db, claimed.id, claimed.attempt, self._settings.lease)

    async def report(self, claimed: Claimed, progress: float, eta_seconds: float | None) -> bool:
        """Publish progress (0–100) and keep the lease; False when it is lost and the work must stop."""
        async with self._pool.acquire() as db:
            lease = self._settings.lease
            held = await transitions.report(db, claimed.id, claimed.attempt, lease, progress, eta_seconds)
        if held:
            self._announcer.changed(claimed.user_id, claimed.id)
        return held

    async def publish(self, claimed: Claimed, segment: Segment, published: float, generated: float) -> bool:
        """List a piece that is in storage, up to second `published`, of which so many were made; False when the lease
        is lost.
        """
        async with transaction(self._pool) as db:
            held = await segments.publish(db, claimed.id, segment, published, generated)
        if held:
            self._announcer.changed(claimed.user_id, claimed.id)
        return held

    async def preview(self, claimed: Claimed, name: str, at: float) -> bool:
        """Show a guess, which is in storage, at what second `at` will be; False when the lease is lost."""
        async with self._pool.acquire() as db:
            held = await segments.preview(db, claimed.id, claimed.attempt, name, at)
        if held:
            self._announcer.changed(claimed.user_id, claimed.id)
        return held

    async def published(self, claimed: Claimed) -> list[Segment]:
        """The pieces that are published, in their order."""
        async with self._pool.acquire() as db:
            return await segments.segments(db, claimed.id)

    async def complete(self, claimed: Claimed, media: list[Medium]) -> bool:
        """In_progress → completed: the files, the state and the charge, together. False if the lease was lost.

        True also when this attempt did it before and its commit's answer got lost.
        """
        async with transaction(self._pool) as db:
            if not await transitions.complete(db, claimed.id, claimed.attempt):
                return await transitions.completed_by(db, claimed.id, claimed.attempt)
            await renditions.add(db, claimed.id, media)
            await self._credits.settle(db, claimed.id)
        self._announcer.changed(claimed.user_id, claimed.id)
        return True

    async def fail(self, claimed: Claimed, failure: str) -> bool:
        """A try that failed: queued again while it may help and tries are left, else failed with its credits back."""
        if REASONS[failure].retryable and claimed.tries + 1 < self._settings.max_tries:
            wait = RETRY_WAITS[min(claimed.tries, len(RETRY_WAITS) - 1)]
            return await self._requeue(claimed, tries=1, wait=wait)
        async with transaction(self._pool) as db:
            moved = await self._end(db, claimed.id, claimed.attempt, failure)
        if moved:
            self._announcer.changed(claimed.user_id, claimed.id)
        return moved

    async def recover(self) -> None:
        """Queue again what lost its worker: no fault of the job, until it has happened far too often."""
        async with transaction(self._pool) as db:
            found = await transitions.lost(db, self._settings.lease)
            found.sort(key=_owner)  # whoever locks the credits of several users does it in one order
            for lost in found:
                log.warning("lease_lost", video_id=lost.id, attempt=lost.attempt)
                if lost.losses + 1 < self._settings.max_losses:
                    await transitions.requeue(db, lost.id, lost.attempt, tries=0, losses=1, wait=0.0)
                else:
                    await self._end(db, lost.id, lost.attempt, "worker_lost")
        for lost in found:
            self._announcer.changed(lost.user_id, lost.id)
            self._bell.ring(lost.pool)

    async def _end(self, db: Database, video_id: str, attempt: int, failure: str) -> bool:
        """In_progress → failed in the caller's transaction, the whole hold released."""
        moved = await transitions.fail(db, video_id, attempt, failure)
        if moved:
            await self._credits.settle(db, video_id, 0)
        return moved

    async def give_back(self, claimed: Claimed) -> bool:
        """A worker that stops returns its work at once; no try is counted."""
        return await self._requeue(claimed, tries=0, wait=0.0)

    async def _requeue(self, claimed: Claimed, *, tries: int, wait: float) -> bool:
        async with self._pool.acquire() as db:
            attempt = claimed.attempt
            moved = await transitions.requeue(db, claimed.id, attempt, tries=tries, losses=0, wait=wait)
        if moved:
            self._announcer.changed(claimed.user_id, claimed.id)
            self._bell.ring(self._settings.pool)
        return moved


def _rows(submission: Submission, settings: Settings) -> list[New]:
    """A row for each variation, in the order of their seeds; the first names the group."""
    order, plan = submission.order, submission.order.plan
    video_ids = sorted(ids.new(KIND) for _ in order.seeds)
    return [
        New(
            id=video_id,
            user_id=submission.user_id,
            variation_of=video_ids[0],
            fingerprint=submission.fingerprint,
            kind=KIND if order.seconds else IMAGE,
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


def _owner(lost: Lost) -> str:
    return lost.user_id


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


async def _found(db: Database, video_id: str, user_id: str | None = None) -> Generation:
    row = await generations.get(db, video_id, user_id) if ids.valid(video_id, KIND) else None
    if row is None:
        raise _not_found(video_id)
    return row


def _not_found(video_id: str) -> NotFound:
    return NotFound(f"There is no video {video_id[:64]!r} of yours.", param="video_id")


def loader(pool: Pool, views: Views) -> Load:
    """How the hub reads videos that have changed."""

    async def load(video_ids: list[str]) -> list[Snapshot]:
        """None of them while PostgreSQL is away: a watcher that hears nothing looks for itself."""
        await views.pace.refresh()
        try:
            async with pool.acquire() as db:
                return [views.snapshot(row) for row in await generations.some(db, video_ids)]
        except AWAY:
            return []

    return load
