"""The life of a generation: queued → in_progress → completed | failed | cancelled.

The only place that changes the state of a generation, and its credits with it. Each change is one transaction, whose
commit is the end of its `async with` block. What follows the block (a wake-up, an announcement to watchers) may be
lost: the sweeper and the watchers' own reads make up for it. A worker's changes carry its attempt and do nothing once
its lease is lost.
"""

from __future__ import annotations

import structlog

from api import idempotency, ids
from api.billing.ledger.credits import CreditLedger
from api.billing.tariff import pricing
from api.idempotency import RequestIdentity
from api.messaging.events import Announcer
from api.messaging.wakeups import Wakeups
from api.settings import Settings
from api.sql import generations, leases, media, segments, transitions
from api.sql.connection import Database, Pool, transaction
from api.sql.generations import Generation
from api.sql.leases import ClaimedGeneration, LostLease
from api.sql.media import RenditionRow
from api.sql.segments import SegmentRow, StreamPace
from api.videos.availability import require_video
from api.videos.failures import FAILURE_REASONS
from api.videos.inputs import ClipInputs

log = structlog.get_logger()

RETRY_WAITS = (1.0, 5.0, 20.0)  # seconds before the second, third and later tries


class VideoLifecycle:
    """The state machine of generations."""

    def __init__(
        self, settings: Settings, pool: Pool, credits: CreditLedger, wakeups: Wakeups, announcer: Announcer
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._credits = credits
        self._wakeups = wakeups
        self._announcer = announcer

    async def cancel(self, video_id: str, user_id: str, identity: RequestIdentity | None = None) -> Generation:
        """Cancel a video that is not terminal; a terminal one stays as it is.

        Raises NotFound, RequestInProgress, IdempotencyKeyReused.

        The worker loses its lease at once, so nothing that it still writes counts; then it is asked to stop.
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
        """Cancel in the caller's transaction: what is published is charged, the rest of the hold released."""
        row = (
            await transitions.cancel_generation(db, video_id, user_id) if ids.is_valid_id(video_id, ids.VIDEO) else None
        )
        if row is None:
            return False
        charge = pricing.partial_charge(row.credits, row.published_generated, row.generated_seconds)
        await self._credits.settle(db, video_id, charge)
        return True

    def announce_cancelled(self, video_id: str, user_id: str) -> None:
        """After the commit of a cancel, stop the worker and notify watchers."""
        self._announcer.announce_stop(video_id)
        self._announcer.announce_change(user_id, video_id)

    async def claim(self, worker: str) -> ClaimedGeneration | None:
        """Lease the best queued row of the worker's pool, or None."""
        async with transaction(self._pool) as db:
            claimed = await leases.claim_next(db, self._settings.pool, worker, self._settings.lease)
        if claimed:
            self._announcer.announce_change(claimed.user_id, claimed.id)
        return claimed

    async def load_inputs(self, claimed: ClaimedGeneration) -> ClipInputs:
        """The images and source videos of the clip."""
        async with self._pool.acquire() as db:
            images = await generations.list_image_inputs(db, claimed.id)
            return ClipInputs(images, await generations.list_video_inputs(db, claimed.id))

    async def renew_lease(self, claimed: ClaimedGeneration) -> bool:
        """Renew the lease; False when it is lost and the work must stop."""
        async with self._pool.acquire() as db:
            return await leases.renew_lease(db, claimed.id, claimed.attempt, self._settings.lease)

    async def report_progress(self, claimed: ClaimedGeneration, progress: float, eta_seconds: float | None) -> bool:
        """Write progress (0–100) and renew the lease; False when it is lost and the work must stop."""
        async with self._pool.acquire() as db:
            lease = self._settings.lease
            held = await transitions.report_progress(db, claimed.id, claimed.attempt, lease, progress, eta_seconds)
        if held:
            self._announcer.announce_change(claimed.user_id, claimed.id)
        return held

    async def publish_segment(
        self, claimed: ClaimedGeneration, segment: SegmentRow, published: float, generated: float, pace: StreamPace
    ) -> bool:
        """List a segment that is in storage and ends at second `published`, `generated` of which were generated so far.

        False when the lease is lost.
        """
        async with transaction(self._pool) as db:
            held = await segments.publish_segment(db, claimed.id, segment, published, generated, pace)
        if held:
            self._announcer.announce_change(claimed.user_id, claimed.id)
        return held

    async def publish_preview(self, claimed: ClaimedGeneration, name: str, at: float) -> bool:
        """Show a preview of second `at` that is in storage; False when the lease is lost."""
        async with self._pool.acquire() as db:
            held = await segments.set_preview(db, claimed.id, claimed.attempt, name, at)
        if held:
            self._announcer.announce_change(claimed.user_id, claimed.id)
        return held

    async def list_published_segments(self, claimed: ClaimedGeneration) -> list[SegmentRow]:
        """The published segments, in order."""
        async with self._pool.acquire() as db:
            return await segments.list_segments(db, claimed.id)

    async def complete(self, claimed: ClaimedGeneration, renditions: list[RenditionRow]) -> bool:
        """In_progress → completed: renditions, state and charge in one transaction. False if the lease was lost.

        True also when this attempt completed the row before and the answer to its commit was lost.
        """
        async with transaction(self._pool) as db:
            if not await transitions.complete_attempt(db, claimed.id, claimed.attempt):
                return await transitions.is_completed_by(db, claimed.id, claimed.attempt)
            await media.add_renditions(db, claimed.id, renditions)
            await self._credits.settle(db, claimed.id)
        self._announcer.announce_change(claimed.user_id, claimed.id)
        return True

    async def fail(self, claimed: ClaimedGeneration, failure: str, detail: str | None = None) -> bool:
        """After a failed try, queue the row again if the failure is retryable and tries are left; else refund it.

        `detail` is a sentence for the user that says more than the failure's own.
        """
        if FAILURE_REASONS[failure].retryable and claimed.tries + 1 < self._settings.max_tries:
            wait = RETRY_WAITS[min(claimed.tries, len(RETRY_WAITS) - 1)]
            return await self._requeue_attempt(claimed, tries=1, wait=wait)
        async with transaction(self._pool) as db:
            moved = await self._fail_attempt(db, claimed.id, claimed.attempt, failure, detail)
        if moved:
            self._announcer.announce_change(claimed.user_id, claimed.id)
        return moved

    async def requeue_lost(self) -> None:
        """Queue rows again whose worker lost its lease; fail those that have lost too many."""
        async with transaction(self._pool) as db:
            lost_leases = await leases.lock_lost_leases(db, self._settings.lease)
            lost_leases.sort(key=_owner_id)  # the credits of several users are always locked in one order
            for lost in lost_leases:
                log.warning("lease_lost", video_id=lost.id, attempt=lost.attempt)
                if lost.losses + 1 < self._settings.max_losses:
                    await transitions.requeue_attempt(db, lost.id, lost.attempt, tries=0, losses=1, wait=0.0)
                else:
                    await self._fail_attempt(db, lost.id, lost.attempt, "worker_lost")
        for lost in lost_leases:
            self._announcer.announce_change(lost.user_id, lost.id)
            self._wakeups.send(lost.pool)

    async def _fail_attempt(
        self, db: Database, video_id: str, attempt: int, failure: str, detail: str | None = None
    ) -> bool:
        """In_progress → failed in the caller's transaction, with the whole hold released."""
        moved = await transitions.fail_attempt(db, video_id, attempt, failure, detail)
        if moved:
            await self._credits.settle(db, video_id, 0)
        return moved

    async def return_to_queue(self, claimed: ClaimedGeneration) -> bool:
        """Queue the row of a worker that shuts down again at once, without counting a try."""
        return await self._requeue_attempt(claimed, tries=0, wait=0.0)

    async def _requeue_attempt(self, claimed: ClaimedGeneration, *, tries: int, wait: float) -> bool:
        async with self._pool.acquire() as db:
            attempt = claimed.attempt
            moved = await transitions.requeue_attempt(db, claimed.id, attempt, tries=tries, losses=0, wait=wait)
        if moved:
            self._announcer.announce_change(claimed.user_id, claimed.id)
            self._wakeups.send(self._settings.pool)
        return moved


def _owner_id(lost: LostLease) -> str:
    return lost.user_id
