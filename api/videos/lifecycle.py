"""The life of a generation: queued → in_progress → completed | failed | cancelled.

The only place that moves one, and with it the money: each move is one transaction whose commit is the end of its
`async with` block, and what follows the block (a wake-up, news for watchers) may be lost, because the sweeper and
the watchers' own reads make up for it. A worker's moves carry its attempt and do nothing once the lease is lost.
"""

from __future__ import annotations

import structlog

from api import idempotency, ids
from api.billing.ledger.credits import CreditLedger
from api.billing.tariff import pricing
from api.idempotency import RequestIdentity
from api.messaging.events import Announcer
from api.messaging.wakeups import Bell
from api.settings import Settings
from api.sql import generations, media, segments, transitions
from api.sql.connection import Database, Pool, transaction
from api.sql.generations import Generation
from api.sql.media import RenditionRow
from api.sql.segments import PublishedSegment
from api.sql.transitions import ClaimedGeneration, LostLease
from api.videos.availability import require_video
from api.videos.failures import FAILURE_REASONS
from api.videos.inputs import ClipInputs

log = structlog.get_logger()

RETRY_WAITS = (1.0, 5.0, 20.0)  # seconds before a failed try is repeated


class VideoLifecycle:
    """The state machine, with the pool it writes to and what it notifies after a commit."""

    def __init__(self, settings: Settings, pool: Pool, credits: CreditLedger, bell: Bell, announcer: Announcer) -> None:
        self._settings = settings
        self._pool = pool
        self._credits = credits
        self._bell = bell
        self._announcer = announcer

    async def cancel(self, video_id: str, user_id: str, identity: RequestIdentity | None = None) -> Generation:
        """Stop a video that is not terminal; a terminal one stays as it is. Raises NotFound, StillRunning, KeyReused.

        The row moves at once and takes the worker's lease away, so nothing the worker still does can count;
        the worker is then told to stop its GPU.
        """
        async with transaction(self._pool) as db:
            if identity is not None:
                await idempotency.record_key(db, identity)
            moved = await self.cancel_within(db, video_id, user_id)
            row = await require_video(db, video_id, user_id)
        if moved:
            self.announce_cancelled(video_id, user_id)
        return row

    async def cancel_within(self, db: Database, video_id: str, user_id: str) -> bool:
        """Cancel in the caller's transaction; what was published is charged, the rest released."""
        found = await transitions.cancel_generation(db, video_id, user_id) if ids.valid(video_id, ids.VIDEO) else None
        if found is None:
            return False
        await self._credits.settle(
            db, video_id, pricing.partial_charge(found.credits, found.published_generated, found.generated_seconds)
        )
        return True

    def announce_cancelled(self, video_id: str, user_id: str) -> None:
        """Stop the worker and tell watchers, after the commit of a cancel."""
        self._announcer.stop(video_id)
        self._announcer.changed(user_id, video_id)

    async def claim(self, worker: str) -> ClaimedGeneration | None:
        """Lease the best queued row of the worker's pool, or None."""
        async with transaction(self._pool) as db:
            claimed = await transitions.claim_next(db, self._settings.pool, worker, self._settings.lease)
        if claimed:
            self._announcer.changed(claimed.user_id, claimed.id)
        return claimed

    async def load_inputs(self, claimed: ClaimedGeneration) -> ClipInputs:
        """The images and source videos of the clip."""
        async with self._pool.acquire() as db:
            images = await generations.list_image_inputs(db, claimed.id)
            return ClipInputs(images, await generations.list_video_inputs(db, claimed.id))

    async def renew_lease(self, claimed: ClaimedGeneration) -> bool:
        """Keep the lease; False when it is lost and the work must stop."""
        async with self._pool.acquire() as db:
            return await transitions.renew_lease(db, claimed.id, claimed.attempt, self._settings.lease)

    async def report_progress(self, claimed: ClaimedGeneration, progress: float, eta_seconds: float | None) -> bool:
        """Publish progress (0–100) and keep the lease; False when it is lost and the work must stop."""
        async with self._pool.acquire() as db:
            lease = self._settings.lease
            held = await transitions.report_progress(db, claimed.id, claimed.attempt, lease, progress, eta_seconds)
        if held:
            self._announcer.changed(claimed.user_id, claimed.id)
        return held

    async def publish_segment(
        self, claimed: ClaimedGeneration, segment: PublishedSegment, published: float, generated: float
    ) -> bool:
        """List a piece that is in storage, up to second `published`, of which so many were made; False when the lease
        is lost.
        """
        async with transaction(self._pool) as db:
            held = await segments.publish_segment(db, claimed.id, segment, published, generated)
        if held:
            self._announcer.changed(claimed.user_id, claimed.id)
        return held

    async def publish_preview(self, claimed: ClaimedGeneration, name: str, at: float) -> bool:
        """Show a guess, which is in storage, at what second `at` will be; False when the lease is lost."""
        async with self._pool.acquire() as db:
            held = await segments.set_preview(db, claimed.id, claimed.attempt, name, at)
        if held:
            self._announcer.changed(claimed.user_id, claimed.id)
        return held

    async def list_published_segments(self, claimed: ClaimedGeneration) -> list[PublishedSegment]:
        """The pieces that are published, in their order."""
        async with self._pool.acquire() as db:
            return await segments.list_segments(db, claimed.id)

    async def complete(self, claimed: ClaimedGeneration, renditions: list[RenditionRow]) -> bool:
        """In_progress → completed: the files, the state and the charge, together. False if the lease was lost.

        True also when this attempt did it before and its commit's answer got lost.
        """
        async with transaction(self._pool) as db:
            if not await transitions.complete_attempt(db, claimed.id, claimed.attempt):
                return await transitions.is_completed_by(db, claimed.id, claimed.attempt)
            await media.add_renditions(db, claimed.id, renditions)
            await self._credits.settle(db, claimed.id)
        self._announcer.changed(claimed.user_id, claimed.id)
        return True

    async def fail(self, claimed: ClaimedGeneration, failure: str) -> bool:
        """A try that failed: queued again while it may help and tries are left, else failed with its credits back."""
        if FAILURE_REASONS[failure].retryable and claimed.tries + 1 < self._settings.max_tries:
            wait = RETRY_WAITS[min(claimed.tries, len(RETRY_WAITS) - 1)]
            return await self._requeue_attempt(claimed, tries=1, wait=wait)
        async with transaction(self._pool) as db:
            moved = await self._fail_attempt(db, claimed.id, claimed.attempt, failure)
        if moved:
            self._announcer.changed(claimed.user_id, claimed.id)
        return moved

    async def requeue_lost(self) -> None:
        """Queue again what lost its worker: no fault of the job, until it has happened far too often."""
        async with transaction(self._pool) as db:
            found = await transitions.lock_lost_leases(db, self._settings.lease)
            found.sort(key=_owner_id)  # whoever locks the credits of several users does it in one order
            for lost in found:
                log.warning("lease_lost", video_id=lost.id, attempt=lost.attempt)
                if lost.losses + 1 < self._settings.max_losses:
                    await transitions.requeue_attempt(db, lost.id, lost.attempt, tries=0, losses=1, wait=0.0)
                else:
                    await self._fail_attempt(db, lost.id, lost.attempt, "worker_lost")
        for lost in found:
            self._announcer.changed(lost.user_id, lost.id)
            self._bell.ring(lost.pool)

    async def _fail_attempt(self, db: Database, video_id: str, attempt: int, failure: str) -> bool:
        """In_progress → failed in the caller's transaction, the whole hold released."""
        moved = await transitions.fail_attempt(db, video_id, attempt, failure)
        if moved:
            await self._credits.settle(db, video_id, 0)
        return moved

    async def return_to_queue(self, claimed: ClaimedGeneration) -> bool:
        """A worker that stops returns its work at once; no try is counted."""
        return await self._requeue_attempt(claimed, tries=0, wait=0.0)

    async def _requeue_attempt(self, claimed: ClaimedGeneration, *, tries: int, wait: float) -> bool:
        async with self._pool.acquire() as db:
            attempt = claimed.attempt
            moved = await transitions.requeue_attempt(db, claimed.id, attempt, tries=tries, losses=0, wait=wait)
        if moved:
            self._announcer.changed(claimed.user_id, claimed.id)
            self._bell.ring(self._settings.pool)
        return moved


def _owner_id(lost: LostLease) -> str:
    return lost.user_id
