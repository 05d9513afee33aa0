"""The job loop of a worker: claim, render, store, settle. Knows the engine process by its events alone."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from time import monotonic
from typing import ParamSpec

import structlog

from api import ids
from api.messaging.events import listen_for_stops
from api.schemas.videos import Variant
from api.settings import Settings
from api.sql.connection import AWAY
from api.sql.leases import ClaimedGeneration
from api.sql.media import RenditionRow
from api.storage.keys import rendition_key
from api.storage.local import Storage
from api.videos.lifecycle import VideoLifecycle
from api.videos.renditions import SUFFIXES, TYPES
from api.worker.engine_request import build_engine_request
from api.worker.segment_publisher import SegmentPublisher
from engine.process.client import EngineDied, EngineProcess
from engine.types import (
    Done,
    EngineError,
    JobCancelled,
    PreviewFrame,
    Progress,
    Result,
    Resume,
    Segment,
)

log = structlog.get_logger()

PROGRESS_INTERVAL = 0.3  # seconds between two progress writes
RENEWALS_PER_LEASE = 4
RETRY_PAUSES = (
    0.1,
    0.5,
    1.0,
    2.0,
    5.0,
)  # seconds between tries of a transition that must not be lost; the last one repeats
START_LIMIT = 180.0  # seconds the engine process may take to start
PUBLIC_FAILURES = frozenset({"lora_missing"})
"""Failures whose reason is for the user too: the engine words it without paths. Those of others are for the log."""
UNKNOWN_EXIT = 255  # the exit code in EngineDied for a process that ended without a result

P = ParamSpec("P")


class JobRunner:
    """Runs one job at a time. `idle` is set while there is none; wake-ups are taken only then.

    One task, `run`, does everything in turn. An unexpected error ends it, and with it the worker, because a worker that
    is up and does nothing is worse than one that is restarted.
    """

    def __init__(self, settings: Settings, lifecycle: VideoLifecycle, storage: Storage, engine: EngineProcess) -> None:
        self.name = ids.new_id(ids.WORKER)
        self.idle = asyncio.Event()
        self._settings = settings
        self._lifecycle = lifecycle
        self._storage = storage
        self._engine = engine
        self._claim_requested = asyncio.Event()
        self._claim_decided = asyncio.Event()
        self._current_job: ClaimedGeneration | None = None
        self._closing = False
        self._timed_out = False

    async def claim_job(self) -> None:
        """Claim a job if there is one; returns once that is decided, not once the job is done."""
        if not self.idle.is_set():
            return
        self.idle.clear()
        self._claim_decided.clear()
        self._claim_requested.set()
        await self._claim_decided.wait()

    async def run(self) -> None:
        """Run jobs until cancelled.

        The job under way is then stopped and returned to the queue, or finished if its files are already being stored.
        """
        while True:
            claimed = await self._claim_next()
            self._claim_decided.set()
            while claimed:
                await self._run_attempt(claimed)
                claimed = await self._claim_next()
            self.idle.set()
            await self._claim_requested.wait()
            self._claim_requested.clear()

    async def cancel_stopped_jobs(self) -> None:
        """Cancel the engine as soon as its video is cancelled."""
        async for video_id in listen_for_stops(self._settings.redis_url):
            if self._current_job and self._current_job.id == video_id:
                self._engine.cancel()

    async def _claim_next(self) -> ClaimedGeneration | None:
        """Claim the next job. If cancelled meanwhile, return a job that was claimed to the queue."""
        claiming = asyncio.create_task(self._try_claim())
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            self._closing = True
            if claimed := await claiming:
                await self._retry_until_done(self._lifecycle.return_to_queue, claimed)
            raise

    async def _try_claim(self) -> ClaimedGeneration | None:
        """None while PostgreSQL is away: the sweeper sends a wake-up when it is back."""
        try:
            return await self._lifecycle.claim(self.name)
        except AWAY as error:
            log.warning("server_away", task="claim", error=type(error).__name__)
            return None

    async def _run_attempt(self, job: ClaimedGeneration) -> None:
        """Run one attempt, from its lease to a terminal state or back to the queue."""
        bound = log.bind(video_id=job.id, attempt=job.attempt)
        bound.info("attempt_started")
        self._current_job, self._timed_out = job, False
        watches = [asyncio.create_task(self._renew_lease(job)), asyncio.create_task(self._kill_when_late())]
        rendering = asyncio.create_task(self._render_clip(job))
        try:
            bound.info("attempt_ended", outcome=await asyncio.shield(rendering))
        except asyncio.CancelledError:
            self._closing = True
            await self._engine.kill()
            await asyncio.wait([rendering])
            raise
        finally:
            self._current_job = None
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)

    async def _render_clip(self, job: ClaimedGeneration) -> str:
        """Render and store; returns the outcome for the log. A failing disk, database or engine is a failed try."""
        folder = self._settings.data / "work" / f"{job.id}.{job.attempt}"
        try:
            await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
            async with asyncio.timeout(START_LIMIT):
                await self._engine.start()
            return await self._store_result(job, await self._follow_engine(job, folder))
        except JobCancelled:
            return "stopped"
        except EngineError as error:
            log.warning("engine_refused", video_id=job.id, code=error.code)
            detail = str(error) if error.code in PUBLIC_FAILURES else None
            return await self._record_failure(job, error.code, detail)
        except EngineDied as error:
            log.warning("engine_died", video_id=job.id, exit_code=error.exitcode)
            return await self._record_failure(job, "timed_out" if self._timed_out else "engine_died")
        except AWAY as error:
            log.warning("server_away", task="attempt", error=type(error).__name__)
            return await self._record_failure(job, "internal")
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _record_failure(self, job: ClaimedGeneration, failure: str, detail: str | None = None) -> str:
        if self._closing:
            await self._retry_until_done(self._lifecycle.return_to_queue, job)
            return "given_back"
        await self._retry_until_done(self._lifecycle.fail, job, failure, detail)
        return failure

    async def _follow_engine(self, job: ClaimedGeneration, folder: Path) -> Result:
        """Publish the engine's events until it is done, and cancel it when the lease is lost."""
        last, result = 0.0, None
        request = await build_engine_request(job, await self._lifecycle.load_inputs(job), self._storage)
        publisher = SegmentPublisher(job, request, self._lifecycle, self._storage)
        resume = await publisher.load_resume_point()
        async with aclosing(self._engine.run(request, folder, resume)) as events:
            async for event in events:
                if isinstance(event, Done):
                    result = event.result
                elif isinstance(event, Segment):
                    await self._cancel_if_lost(publisher.publish_segment(event))
                elif isinstance(event, PreviewFrame):
                    await self._cancel_if_lost(publisher.publish_preview(event))
                elif isinstance(event, Progress) and monotonic() - last >= PROGRESS_INTERVAL:
                    last = monotonic()
                    left = remaining_seconds(event, resume)
                    await self._cancel_if_lost(self._lifecycle.report_progress(job, event.fraction * 100, left))
        if result is None:
            raise EngineDied(UNKNOWN_EXIT)
        await self._flush_segments(publisher)
        return result

    async def _flush_segments(self, publisher: SegmentPublisher) -> None:
        """Publish the segments still pending: the playlist of a completed video ends, so it must be complete.

        Raises one of AWAY after a round of tries; the next attempt then continues after what is published.
        """
        for pause in RETRY_PAUSES:
            try:
                await publisher.publish_pending()
            except AWAY as error:
                log.warning("server_away", task="stream", error=type(error).__name__)
                if self._closing:
                    raise
                await asyncio.sleep(pause)
            else:
                return
        await publisher.publish_pending()

    async def _cancel_if_lost(self, write: Awaitable[bool]) -> None:
        """Cancel the engine if the write reports a lost lease. While the database is away nothing is known."""
        try:
            held = await write
        except AWAY as error:
            log.warning("server_away", task="lease", error=type(error).__name__)
        else:
            if not held:
                self._engine.cancel()

    async def _renew_lease(self, job: ClaimedGeneration) -> None:
        """Renew the lease, also during stages that report nothing, such as loading a model."""
        while True:
            await asyncio.sleep(self._settings.lease / RENEWALS_PER_LEASE)
            await self._cancel_if_lost(self._lifecycle.renew_lease(job))

    async def _kill_when_late(self) -> None:
        """Kill the engine when an attempt exceeds `job_timeout`: a process that hangs cannot be cancelled."""
        await asyncio.sleep(self._settings.job_timeout)
        self._timed_out = True
        await self._engine.kill()

    async def _store_result(self, job: ClaimedGeneration, result: Result) -> str:
        """Store the files under keys of this attempt, then complete the job. The sweeper removes lost attempts."""
        files: dict[Variant, Path] = {
            "video": result.video,
            "thumbnail": result.thumbnail,
            "spritesheet": result.spritesheet,
            "poster": result.poster,
        }
        media = [await self._store_rendition(job, variant, path) for variant, path in files.items()]
        return "completed" if await self._retry_until_done(self._lifecycle.complete, job, media) else "stopped"

    async def _store_rendition(self, job: ClaimedGeneration, variant: Variant, path: Path) -> RenditionRow:
        key = rendition_key(job.id, job.attempt, f"{variant}.{SUFFIXES[variant]}")
        stored = await asyncio.to_thread(self._storage.adopt_file, path, key)
        content_type = TYPES[variant]
        return RenditionRow(variant=variant, key=key, content_type=content_type, bytes=stored.bytes, etag=stored.digest)

    async def _retry_until_done(self, move: Callable[P, Awaitable[bool]], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Retry a final transition for as long as PostgreSQL is away; a closing worker gives up after one round.

        Safe to repeat: the attempt fence lets it happen once.
        """
        tries = 0
        while True:
            try:
                return await move(*args, **kwargs)
            except AWAY as error:
                log.warning("server_away", task=move.__qualname__, error=type(error).__name__)
            if self._closing and tries >= len(RETRY_PAUSES):
                return False
            await asyncio.sleep(RETRY_PAUSES[min(tries, len(RETRY_PAUSES) - 1)])
            tries += 1


def remaining_seconds(event: Progress, resume: Resume | None) -> float | None:
    """The engine's estimate of seconds left, or None while it still counts published segments as work to do.

    It finds out where to continue only after the model is loaded and the prompt is encoded.
    """
    return None if resume is not None and event.stage in ("loading", "encoding") else event.eta_seconds
