"""One worker's work: claim, render, store, settle, again. Knows the engine's child by its events alone."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic
from typing import ParamSpec

import structlog

from api import ids
from api.db import AWAY
from api.events import stops
from api.media import SUFFIXES, TYPES
from api.models import Variant
from api.settings import Settings
from api.sql.generations import Claimed
from api.sql.media import Medium
from api.storage import Storage
from api.videos import Videos
from engine.process import EngineDied, EngineProcess
from engine.types import Cancelled, Condition, Done, EngineError, Progress, Request, Result

log = structlog.get_logger()

REPORT_EVERY = 0.3  # seconds between two progress writes
BEATS = 4  # renewals in one lease
UNKNOWN_EXIT = 255  # as EngineDied counts a child that ended without saying how
INSIST = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 10.0)  # seconds between tries of a move that must not get lost

P = ParamSpec("P")


class Runner:
    """Takes one job at a time. `idle` is set while it has none, and the bell is answered only then."""

    def __init__(self, settings: Settings, videos: Videos, storage: Storage, engine: EngineProcess) -> None:
        self.name = ids.new("worker")
        self.idle = asyncio.Event()
        self._settings = settings
        self._videos = videos
        self._storage = storage
        self._engine = engine
        self._job: asyncio.Task[None] | None = None
        self._claimed: Claimed | None = None
        self._claiming = asyncio.Lock()
        self._closing = False
        self._late = False

    async def claim(self) -> None:
        """Take a job if idle, and hand it over; returns before it is done."""
        async with self._claiming:
            if self._job or self._closing:
                return
            self.idle.clear()
            if claimed := await self._next():
                self._job = asyncio.create_task(self._work(claimed))
            else:
                self.idle.set()

    async def _next(self) -> Claimed | None:
        """What is to be done next; nothing while PostgreSQL is away, since the sweeper rings when it is back."""
        try:
            return None if self._closing else await self._videos.claim(self.name)
        except AWAY as error:
            log.warning("server_away", task="claim", error=type(error).__name__)
            return None

    async def _work(self, claimed: Claimed | None) -> None:
        """Render what was claimed and go on until nothing is left to claim."""
        while claimed:
            await self._attempt(claimed)
            claimed = await self._next()
        self._job = None
        self.idle.set()

    async def close(self) -> None:
        """Stop at once and give the job back, so that another worker starts on it without waiting for a lease."""
        self._closing = True
        await self._engine.kill()
        if self._claimed:
            await _insist(self._videos.give_back, self._claimed)
        async with self._claiming:
            if self._job:
                await asyncio.wait([self._job])

    async def obey_stops(self) -> None:
        """Stop the engine as soon as somebody cancels its video."""
        async for video_id in stops(self._settings.redis_url):
            if self._claimed and self._claimed.id == video_id:
                self._engine.cancel()

    async def _attempt(self, claimed: Claimed) -> None:
        """One attempt, from lease to terminal state or back to the queue."""
        bound = log.bind(video_id=claimed.id, attempt=claimed.attempt)
        bound.info("attempt_started")
        folder = self._settings.data / "work" / f"{claimed.id}.{claimed.attempt}"
        folder.mkdir(parents=True)
        self._claimed, self._late = claimed, False
        watches = [asyncio.create_task(self._hold(claimed)), asyncio.create_task(self._limit())]
        try:
            outcome = await self._render(claimed, folder)
            bound.info("attempt_ended", outcome=outcome)
        finally:
            self._claimed = None
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _render(self, claimed: Claimed, folder: Path) -> str:
        try:
            await self._engine.start()
            if self._closing:
                await _insist(self._videos.give_back, claimed)
                return "given_back"
            return await self._keep(claimed, await self._watch(claimed, folder))
        except Cancelled:
            return "stopped"
        except EngineError as error:
            log.warning("engine_refused", video_id=claimed.id, code=error.code, error=type(error).__name__)
            return await self._failed(claimed, error.code)
        except EngineDied as error:
            log.warning("engine_died", video_id=claimed.id, exit_code=error.exitcode)
            return await self._failed(claimed, "timed_out" if self._late else "engine_died")

    async def _failed(self, claimed: Claimed, failure: str) -> str:
        if not self._closing:
            await _insist(self._videos.fail, claimed, failure)
        return failure

    async def _watch(self, claimed: Claimed, folder: Path) -> Result:
        """Follow the child's events, publishing progress now and then; stop it when the lease is lost."""
        last, result = 0.0, None
        async for event in self._engine.run(await self._request(claimed), folder):
            if isinstance(event, Done):
                result = event.result
            elif isinstance(event, Progress) and monotonic() - last >= REPORT_EVERY:
                last = monotonic()
                await self._unless_lost(self._videos.report(claimed, event.fraction * 100, event.eta_seconds))
        if result is None:
            raise EngineDied(UNKNOWN_EXIT)
        return result

    async def _unless_lost(self, write: Awaitable[bool]) -> None:
        """Stop the engine if the write says that the lease is gone. A database that is away says nothing yet."""
        try:
            held = await write
        except AWAY as error:
            log.warning("server_away", task="lease", error=type(error).__name__)
        else:
            if not held:
                self._engine.cancel()

    async def _hold(self, claimed: Claimed) -> None:
        """Renew the lease through stages that report nothing, such as loading a model."""
        while True:
            await asyncio.sleep(self._settings.lease / BEATS)
            await self._unless_lost(self._videos.renew(claimed))

    async def _limit(self) -> None:
        """Kill the engine when an attempt takes far too long: a child that hangs hears nothing else."""
        await asyncio.sleep(self._settings.job_timeout)
        self._late = True
        await self._engine.kill()

    async def _request(self, claimed: Claimed) -> Request:
        pictures = [
            Condition(
                image=await asyncio.to_thread(self._storage.read, one.key),
                frame=one.frame,
                strength=one.strength,
                resize="pad" if one.resize == "pad" else "crop",
            )
            for one in await self._videos.conditions(claimed)
        ]
        return Request(
            model=claimed.served_by,
            prompt=claimed.prompt,
            width=claimed.width,
            height=claimed.height,
            seconds=claimed.seconds,
            seed=claimed.seed,
            negative_prompt=claimed.negative_prompt,
            quality=claimed.quality,
            conditions=tuple(pictures),
        )

    async def _keep(self, claimed: Claimed, result: Result) -> str:
        """Put the files where this attempt's belong, then settle; a lost lease leaves them to the sweeper."""
        files: dict[Variant, Path] = {
            "video": result.video,
            "thumbnail": result.thumbnail,
            "spritesheet": result.spritesheet,
            "poster": result.poster,
        }
        media = [await self._adopt(claimed, variant, path) for variant, path in files.items()]
        return "completed" if await _insist(self._videos.complete, claimed, media) else "stopped"

    async def _adopt(self, claimed: Claimed, variant: Variant, path: Path) -> Medium:
        key = f"videos/{claimed.id}/{claimed.attempt}/{variant}.{SUFFIXES[variant]}"
        stored = await asyncio.to_thread(self._storage.adopt, path, key)
        content_type = TYPES[variant]
        return Medium(variant=variant, key=key, content_type=content_type, bytes=stored.bytes, etag=stored.digest)


async def _insist(move: Callable[P, Awaitable[bool]], *args: P.args, **kwargs: P.kwargs) -> bool:
    """Make a final move even if PostgreSQL is away for a while. Safe to repeat: its fence lets it happen once."""
    for wait in INSIST:
        try:
            return await move(*args, **kwargs)
        except AWAY as error:
            log.warning("server_away", task=move.__qualname__, error=type(error).__name__)
            await asyncio.sleep(wait)
    return await move(*args, **kwargs)
