"""What `/metrics` shows: counts of this process, and the state of the queue as PostgreSQL has it.

Route templates are labels, paths never are: a label with ids in it would grow without end.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from asyncpg import InterfaceError, PostgresError
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from api.sql import meter_events, monitoring, stripe_events
from api.sql.connection import Pool
from api.sql.monitoring import Queue

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

REQUESTS = Counter("kinora_requests", "Requests answered.", ["method", "route", "status"], registry=REGISTRY)
SECONDS = Histogram(
    "kinora_request_seconds",
    "From the request's head to the answer's head.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
    registry=REGISTRY,
)
STREAMS = Gauge("kinora_event_streams", "Open event streams of this process.", registry=REGISTRY)

DATABASE = Gauge("kinora_database_up", "1 while PostgreSQL answers.", registry=REGISTRY)
JOBS = Gauge("kinora_jobs", "Jobs that are not done.", ["pool", "state"], registry=REGISTRY)
OLDEST = Gauge("kinora_oldest_job_seconds", "Age of the oldest.", ["pool", "state"], registry=REGISTRY)
LAPSED = Gauge("kinora_leases_lapsed", "Running jobs whose lease is over.", ["pool"], registry=REGISTRY)
LOST = Gauge("kinora_attempts_lost", "Attempts these jobs lost with a worker.", ["pool", "state"], registry=REGISTRY)
EVENTS = Gauge("kinora_stripe_events", "Events of Stripe's that are not applied.", ["state"], registry=REGISTRY)
EVENT_AGE = Gauge("kinora_stripe_event_oldest_seconds", "Age of the oldest of them.", registry=REGISTRY)
USAGE = Gauge("kinora_meter_events", "Overage that Stripe has not counted.", ["state"], registry=REGISTRY)
USAGE_AGE = Gauge(
    "kinora_meter_event_oldest_seconds",
    "Age of the oldest that waits; Stripe takes none after 35 days.",
    registry=REGISTRY,
)
HELD = Gauge("kinora_credits_held", "Credits set aside for jobs that are not done.", registry=REGISTRY)
MEDIA = Gauge("kinora_media_bytes", "Bytes kept.", ["kind"], registry=REGISTRY)
DISK = Gauge("kinora_disk_free_bytes", "Free space where media are kept.", registry=REGISTRY)


def answered(method: str, route: str, status: int, seconds: float) -> None:
    """Count an answer. `method` is one of METHODS or `OTHER`; `seconds` is the time to its first byte."""
    count, time_taken = _children(method, route, status)
    count.inc()
    time_taken.observe(seconds)


@cache
def _children(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """The two time series of an answer; looking them up by label costs more than counting."""
    return REQUESTS.labels(method, route, str(status)), SECONDS.labels(method, route)


def text() -> bytes:
    """All of it in Prometheus's text format."""
    return generate_latest(REGISTRY)


class Observer:
    """Reads the database for the gauges: not more often than now and then, so that asking cannot be an attack."""

    QUEUE = 5.0
    MEDIA = 60.0

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._queue_due = self._media_due = 0.0

    async def observe(self, pool: Pool, media: Path) -> None:
        """Renew the gauges that are due. With PostgreSQL away they keep their last values."""
        async with self._lock:
            now = time.monotonic()
            if now < self._queue_due:
                return
            self._queue_due = now + self.QUEUE
            try:
                async with asyncio.timeout(self.QUEUE):
                    await _read_queue(pool)
                    await _read_money(pool)
                    if now >= self._media_due:
                        self._media_due = now + self.MEDIA
                        await _read_media(pool, media)
                DATABASE.set(1)
            except (OSError, PostgresError, InterfaceError):
                DATABASE.set(0)


async def _read_queue(pool: Pool) -> None:
    async with pool.acquire() as db:
        _show_queues(await monitoring.list_queues(db))
        HELD.set(await monitoring.sum_held_credits(db))


async def _read_money(pool: Pool) -> None:
    async with pool.acquire() as db:
        events, usage = await stripe_events.read_inbox_status(db), await meter_events.read_outbox_status(db)
    EVENTS.labels("waiting").set(events.waiting)
    EVENTS.labels("parked").set(events.parked)
    EVENT_AGE.set(events.oldest)
    for state in ("waiting", "refused", "unclear"):
        USAGE.labels(state).set(getattr(usage, state))
    USAGE_AGE.set(usage.oldest)


async def _read_media(pool: Pool, media: Path) -> None:
    DISK.set(shutil.disk_usage(media).free)
    async with pool.acquire() as db:
        for kind, count in (await monitoring.sum_media_bytes(db)).items():
            MEDIA.labels(kind).set(count)


def _show_queues(queues: Iterable[Queue]) -> None:
    for gauge in (JOBS, OLDEST, LAPSED, LOST):
        gauge.clear()
    for queue in queues:
        JOBS.labels(queue.pool, queue.state).set(queue.jobs)
        OLDEST.labels(queue.pool, queue.state).set(queue.oldest)
        LOST.labels(queue.pool, queue.state).set(queue.losses)
        if queue.state == "in_progress":
            LAPSED.labels(queue.pool).set(queue.lapsed)
