"""Measures event streams: how many one process holds, the cost of each, and how soon a change reaches the last of them.

A change is a worker's progress report: its row is updated, then its owner's channel is notified. The clock starts with
the publication to Redis and stops when a connection has the whole event; readers and server share the machine.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast

from api.http.state import AppState
from api.messaging.events import Announcer, CommandOutbox
from bench.report import Row, format_figure
from bench.resource_usage import measure_usage, quantile, resident_bytes
from bench.service import load, seeding
from bench.service.seeding import SignedInUser
from bench.service.testbed import HOST, HttpProcess, open_state, run_servers, run_web

CONNECTIONS = 1000
SPARE = 200  # descriptors for everything else
AT_ONCE = 25  # connections being opened
CHANGES = 25  # of the one video that all watch
EVERY = 0.005  # seconds between changes of many videos: what sixty workers report
PATIENCE = 60.0  # seconds after which an event that should have come is an error

EVENT = b"\nevent: video\n"
END = b"\n\n\r\n"  # of an event, and of the chunk it comes in
RUNNING = """
UPDATE generations SET state = 'in_progress', lease_until = now() + interval '1 hour', completed_at = NULL;
UPDATE holds SET state = 'held', settled = 0, closed_at = NULL;
DELETE FROM media;
"""
PROGRESS = "UPDATE generations SET progress = progress - 1, updated_at = clock_timestamp() WHERE id = ANY($1)"


class RunningVideo(NamedTuple):
    """A video that is being made, and whose it is."""

    video_id: str
    owner: SignedInUser


class StreamFigures(NamedTuple):
    """What was measured: bytes, and seconds of each event's way."""

    connections: int
    memory: float
    paced: list[float]
    burst: list[float]
    shared: list[float]
    cost: float


async def measure_event_streams() -> list[Row]:
    """Many connections, each to a video of its own; then as many, all to one."""
    count = connection_limit(CONNECTIONS)
    async with (
        run_servers(rate_limits=False) as (settings, _),
        run_web(settings) as site,
        open_state(settings) as app_state,
    ):
        crowd = await seeding.seed_users(settings, count)
        await seeding.seed_completed_clips(settings, 1, 1)
        async with app_state.pool.acquire() as connection:
            await connection.execute(RUNNING)
        clips = [RunningVideo(f"video_{number:026}", person) for number, person in enumerate(crowd, 1)]
        (
            await EventListeners.open_connections(site, clips[:AT_ONCE])
        ).close_connections()  # what the first connections load is not theirs
        before = resident_bytes(site.pid)
        audience = await EventListeners.open_connections(site, clips)
        memory = (resident_bytes(site.pid) - before) / count
        paced = await publish_changes(app_state, audience, clips, EVERY)
        with measure_usage(site.pid) as spent:
            burst = await publish_changes(app_state, audience, clips, 0)
        audience.close_connections()
        audience = await EventListeners.open_connections(site, clips[:1] * count)
        shared = [delay for _ in range(CHANGES) for delay in await publish_changes(app_state, audience, clips[:1], 0)]
        audience.close_connections()
    return build_rows(StreamFigures(count, memory, paced, burst, shared, spent.cpu[0] / count))


def connection_limit(wanted: int) -> int:
    """As many connections as this process and its children may have open, up to `wanted`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = hard if hard != resource.RLIM_INFINITY else wanted + SPARE
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(allowed, wanted + SPARE)), hard))
    return min(wanted, allowed - SPARE)


class EventListeners:
    """Connections that listen, each to one clip."""

    def __init__(self) -> None:
        self.ears: list[EventListener] = []
        self._due = 0
        self._complete = asyncio.Event()

    @classmethod
    async def open_connections(cls, site: HttpProcess, clips: Sequence[RunningVideo]) -> EventListeners:
        """A connection for each of these, each with its first event."""
        audience = cls()
        for start in range(0, len(clips), AT_ONCE):
            batch = clips[start : start + AT_ONCE]
            audience.expect_events(len(batch))
            audience.ears += [await _open_listener(site, clip, audience) for clip in batch]
            await audience.wait_until_received()
        return audience

    def expect_events(self, events: int) -> None:
        """So many events are on their way."""
        self._due = events
        self._complete.clear()

    def count_event(self) -> None:
        """One has come."""
        self._due -= 1
        if self._due == 0:
            self._complete.set()

    async def wait_until_received(self) -> None:
        """Wait until all have."""
        async with asyncio.timeout(PATIENCE):
            await self._complete.wait()

    def close_connections(self) -> None:
        """Close every connection."""
        for ear in self.ears:
            ear.transport.abort()


class EventListener(asyncio.Protocol):
    """One connection; `at` is when its last event was whole."""

    transport: asyncio.Transport

    def __init__(self, clip: RunningVideo, audience: EventListeners) -> None:
        self.clip = clip
        self.at = 0.0
        self._audience = audience
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(
            load.build_request("GET", f"/v1/videos/{self.clip.video_id}/events", self.clip.owner.token)
        )

    def data_received(self, data: bytes) -> None:
        self._held += data
        if not self._held.endswith(END):
            return
        if EVENT in self._held:
            self.at = time.perf_counter()
            self._audience.count_event()
        self._held = b""


async def _open_listener(site: HttpProcess, clip: RunningVideo, audience: EventListeners) -> EventListener:
    _, ear = await asyncio.get_running_loop().create_connection(lambda: EventListener(clip, audience), HOST, site.port)
    return ear


async def publish_changes(
    app_state: AppState, audience: EventListeners, clips: Sequence[RunningVideo], every: float
) -> list[float]:
    """Change each clip once and tell of it, one `every` so many seconds; seconds until each connection knew."""
    async with app_state.pool.acquire() as connection:
        await connection.execute(PROGRESS, [clip.video_id for clip in clips])
    audience.expect_events(len(audience.ears))
    told = await announce_changes(Announcer(CommandOutbox(app_state.redis)), clips, every)
    await audience.wait_until_received()
    return [ear.at - told[ear.clip.video_id] for ear in audience.ears]


async def announce_changes(announcer: Announcer, clips: Iterable[RunningVideo], every: float) -> dict[str, float]:
    """Announce the changes; when each was."""
    told, began = {}, time.perf_counter()
    for number, clip in enumerate(clips):
        if every:
            await asyncio.sleep(max(0.0, began + number * every - time.perf_counter()))
        told[clip.video_id] = time.perf_counter()
        announcer.announce_change(clip.owner.user_id, clip.video_id)
    return told


def build_rows(found: StreamFigures) -> list[Row]:
    """The rows of the table."""
    return [
        Row("event streams held", f"{found.connections:,}"),
        Row("… memory for each", f"{found.memory / 1024:.1f} KiB"),
        Row("… CPU µs of the process for each event", format_figure(found.cost * 1e6)),
        *_delay_rows("change → event, one video watched by all", found.shared),
        *_delay_rows(f"change → event, many videos, {1 / EVERY:.0f} changes per second", found.paced),
        *_delay_rows("change → event, many videos, all at once", found.burst),
    ]


def _delay_rows(what: str, delays: list[float]) -> list[Row]:
    median, late = (f"{format_figure(quantile(delays, share) * 1000)} ms" for share in (0.5, 0.99))
    return [Row(f"{what}: median", median), Row("… 99 % within", late)]
