"""One worker's work: claim, render, store, settle, again. Knows the engine's child by its events alone."""

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
from api.messaging.events import stops
from api.schemas.videos import Variant
from api.settings import Settings
from api.sql.connection import AWAY
from api.sql.media import RenditionRow
from api.sql.transitions import ClaimedGeneration
from api.storage.local import Storage
from api.videos.lifecycle import VideoLifecycle
from api.videos.operations import VideoFile, to_engine_request
from api.videos.renditions import SUFFIXES, TYPES
from api.worker.segment_publisher import Publisher
from engine.process.client import EngineDied, EngineProcess
from engine.types import (
    Done,
    EngineError,
    ImageCondition,
    JobCancelled,
    LoraWeight,
    PreviewFrame,
    Progress,
    Request,
    Result,
    Resume,
    Segment,
)

log = structlog.get_logger()

REPORT_EVERY = 0.3  # seconds between two progress writes
BEATS = 4  # renewals in one lease
INSIST = (0.1, 0.5, 1.0, 2.0, 5.0)  # seconds between tries of a move that must not get lost; the last one stays
START_LIMIT = 180.0  # seconds an engine child may take to start
UNKNOWN_EXIT = 255  # as EngineDied counts a child that ended without saying how

P = ParamSpec("P")


class Runner:
    """Takes one job at a time. `idle` is set while it has none, and the bell is answered only then.

    One task, `run`, does everything in turn; an error without a name ends it, and with it the worker, because
    a worker that is up and does nothing is worse than one that is started again.
    """

    def __init__(self, settings: Settings, lifecycle: VideoLifecycle, storage: Storage, engine: EngineProcess) -> None:
        self.name = ids.new(ids.WORKER)
        self.idle = asyncio.Event()
        self._settings = settings
        self._lifecycle = lifecycle
        self._storage = storage
        self._engine = engine
        self._called = asyncio.Event()
        self._decided = asyncio.Event()
        self._claimed: ClaimedGeneration | None = None
        self._closing = False
        self._late = False

    async def claim(self) -> None:
        """Look for a job and take it on; returns once that is decided, not once the job is done."""
        if not self.idle.is_set():
            return
        self.idle.clear()
        self._decided.clear()
        self._called.set()
        await self._decided.wait()

    async def run(self) -> None:
        """Work until cancelled; what is under way then is stopped and given back, or finished if all but stored."""
        while True:
            claimed = await self._next()
            self._decided.set()
            while claimed:
                await self._attempt(claimed)
                claimed = await self._next()
            self.idle.set()
            await self._called.wait()
            self._called.clear()

    async def obey_stops(self) -> None:
        """Stop the engine as soon as somebody cancels its video."""
        async for video_id in stops(self._settings.redis_url):
            if self._claimed and self._claimed.id == video_id:
                self._engine.cancel()

    async def _next(self) -> ClaimedGeneration | None:
        """What is to be done next. Cancelled in the middle, it gives back what it may have claimed."""
        claiming = asyncio.create_task(self._look())
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            self._closing = True
            if claimed := await claiming:
                await self._insist(self._lifecycle.return_to_queue, claimed)
            raise

    async def _look(self) -> ClaimedGeneration | None:
        """Nothing while PostgreSQL is away, since the sweeper rings when it is back."""
        try:
            return await self._lifecycle.claim(self.name)
        except AWAY as error:
            log.warning("server_away", task="claim", error=type(error).__name__)
            return None

    async def _attempt(self, claimed: ClaimedGeneration) -> None:
        """One attempt, from lease to terminal state or back to the queue."""
        bound = log.bind(video_id=claimed.id, attempt=claimed.attempt)
        bound.info("attempt_started")
        self._claimed, self._late = claimed, False
        watches = [asyncio.create_task(self._hold(claimed)), asyncio.create_task(self._limit())]
        rendering = asyncio.create_task(self._render(claimed))
        try:
            bound.info("attempt_ended", outcome=await asyncio.shield(rendering))
        except asyncio.CancelledError:
            self._closing = True
            await self._engine.kill()
            await asyncio.wait([rendering])
            raise
        finally:
            self._claimed = None
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)

    async def _render(self, claimed: ClaimedGeneration) -> str:
        """The attempt's outcome in a word. Disk, database or engine in trouble is a try that failed."""
        folder = self._settings.data / "work" / f"{claimed.id}.{claimed.attempt}"
        try:
            await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
            async with asyncio.timeout(START_LIMIT):
                await self._engine.start()
            return await self._keep(claimed, await self._watch(claimed, folder))
        except JobCancelled:
            return "stopped"
        except EngineError as error:
            log.warning("engine_refused", video_id=claimed.id, code=error.code)
            return await self._failed(claimed, error.code)
        except EngineDied as error:
            log.warning("engine_died", video_id=claimed.id, exit_code=error.exitcode)
            return await self._failed(claimed, "timed_out" if self._late else "engine_died")
        except AWAY as error:
            log.warning("server_away", task="attempt", error=type(error).__name__)
            return await self._failed(claimed, "internal")
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _failed(self, claimed: ClaimedGeneration, failure: str) -> str:
        if self._closing:
            await self._insist(self._lifecycle.return_to_queue, claimed)
            return "given_back"
        await self._insist(self._lifecycle.fail, claimed, failure)
        return failure

    async def _watch(self, claimed: ClaimedGeneration, folder: Path) -> Result:
        """Follow the child's events, publishing progress now and then; stop it when the lease is lost."""
        last, result = 0.0, None
        request = await self._request(claimed)
        publisher = Publisher(claimed, request, self._lifecycle, self._storage)
        resume = await publisher.resume()
        async with aclosing(self._engine.run(request, folder, resume)) as events:
            async for event in events:
                if isinstance(event, Done):
                    result = event.result
                elif isinstance(event, Segment):
                    await self._unless_lost(publisher.publish(event))
                elif isinstance(event, PreviewFrame):
                    await self._unless_lost(publisher.preview(event))
                elif isinstance(event, Progress) and monotonic() - last >= REPORT_EVERY:
                    last = monotonic()
                    left = time_left(event, resume)
                    await self._unless_lost(self._lifecycle.report_progress(claimed, event.fraction * 100, left))
        if result is None:
            raise EngineDied(UNKNOWN_EXIT)
        await self._list_the_rest(publisher)
        return result

    async def _list_the_rest(self, publisher: Publisher) -> None:
        """List what waits: a clip that is done ends its playlist, which must then hold all of it.

        Raises one of AWAY after a round of tries. The next attempt goes on behind what is listed by then.
        """
        for pause in INSIST:
            try:
                await publisher.flush()
            except AWAY as error:
                log.warning("server_away", task="stream", error=type(error).__name__)
                if self._closing:
                    raise
                await asyncio.sleep(pause)
            else:
                return
        await publisher.flush()

    async def _unless_lost(self, write: Awaitable[bool]) -> None:
        """Stop the engine if the write says that the lease is gone. A database that is away says nothing yet."""
        try:
            held = await write
        except AWAY as error:
            log.warning("server_away", task="lease", error=type(error).__name__)
        else:
            if not held:
                self._engine.cancel()

    async def _hold(self, claimed: ClaimedGeneration) -> None:
        """Renew the lease through stages that report nothing, such as loading a model."""
        while True:
            await asyncio.sleep(self._settings.lease / BEATS)
            await self._unless_lost(self._lifecycle.renew_lease(claimed))

    async def _limit(self) -> None:
        """Kill the engine when an attempt takes far too long: a child that hangs hears nothing else."""
        await asyncio.sleep(self._settings.job_timeout)
        self._late = True
        await self._engine.kill()

    async def _request(self, claimed: ClaimedGeneration) -> Request:
        inputs = await self._lifecycle.load_inputs(claimed)
        conditions = [
            ImageCondition(
                image=await asyncio.to_thread(self._storage.read, image.key),
                frame=image.frame,
                strength=image.strength,
                resize="pad" if image.resize == "pad" else "crop",
            )
            for image in inputs.images
        ]
        plain = Request(
            model=claimed.served_by,
            prompt=claimed.prompt,
            width=claimed.width,
            height=claimed.height,
            seconds=claimed.seconds,
            seed=claimed.seed,
            negative_prompt=claimed.negative_prompt,
            quality=claimed.quality,
            conditions=tuple(conditions),
            marked=claimed.marked,
            loras=tuple(LoraWeight(lora.name, lora.weight) for lora in claimed.loras),
        )
        files = [VideoFile(self._storage.path(video.key), video.seconds) for video in inputs.videos]
        return to_engine_request(claimed.operation, plain, files)

    async def _keep(self, claimed: ClaimedGeneration, result: Result) -> str:
        """Put the files where this attempt's belong, then settle; those of a lost attempt go with its folder."""
        files: dict[Variant, Path] = {
            "video": result.video,
            "thumbnail": result.thumbnail,
            "spritesheet": result.spritesheet,
            "poster": result.poster,
        }
        media = [await self._adopt(claimed, variant, path) for variant, path in files.items()]
        return "completed" if await self._insist(self._lifecycle.complete, claimed, media) else "stopped"

    async def _adopt(self, claimed: ClaimedGeneration, variant: Variant, path: Path) -> RenditionRow:
        key = f"videos/{claimed.id}/{claimed.attempt}/{variant}.{SUFFIXES[variant]}"
        stored = await asyncio.to_thread(self._storage.adopt, path, key)
        content_type = TYPES[variant]
        return RenditionRow(variant=variant, key=key, content_type=content_type, bytes=stored.bytes, etag=stored.digest)

    async def _insist(self, move: Callable[P, Awaitable[bool]], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Make a final move however long PostgreSQL is away; a worker that closes gives up after a round.

        Safe to repeat: its fence lets it happen once.
        """
        tries = 0
        while True:
            try:
                return await move(*args, **kwargs)
            except AWAY as error:
                log.warning("server_away", task=move.__qualname__, error=type(error).__name__)
            if self._closing and tries >= len(INSIST):
                return False
            await asyncio.sleep(INSIST[min(tries, len(INSIST) - 1)])
            tries += 1


def time_left(event: Progress, resume: Resume | None) -> float | None:
    """Seconds the engine says are left, or None as long as it counts what is published as still to be made: it looks
    for where to go on once the model is loaded and the words are read.
    """
    return None if resume is not None and event.stage in ("loading", "encoding") else event.eta_seconds
