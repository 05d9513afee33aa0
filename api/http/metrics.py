"""Prometheus metrics: counters of this process, and gauges of the queue and the media read from PostgreSQL.

Labels contain route templates, never paths: ids in a label would create series without bound.
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

REQUESTS = Counter("kinora_requests", "Responses sent.", ["method", "route", "status"], registry=REGISTRY)
REQUEST_SECONDS = Histogram(
    "kinora_request_seconds",
    "Seconds from the request's head to the response's head.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
    registry=REGISTRY,
)
OPEN_STREAMS = Gauge("kinora_event_streams", "Open event streams of this process.", registry=REGISTRY)

DATABASE_UP = Gauge("kinora_database_up", "1 while PostgreSQL answers.", registry=REGISTRY)
JOBS = Gauge("kinora_jobs", "Unfinished jobs.", ["pool", "state"], registry=REGISTRY)
OLDEST_JOB = Gauge(
    "kinora_oldest_job_seconds", "Age of the oldest unfinished job.", ["pool", "state"], registry=REGISTRY
)
LAPSED_LEASES = Gauge("kinora_leases_lapsed", "Running jobs whose lease has lapsed.", ["pool"], registry=REGISTRY)
LOST_ATTEMPTS = Gauge(
    "kinora_attempts_lost", "Attempts that unfinished jobs lost with a worker.", ["pool", "state"], registry=REGISTRY
)
STRIPE_EVENTS = Gauge("kinora_stripe_events", "Stripe events that are not applied.", ["state"], registry=REGISTRY)
STRIPE_EVENT_AGE = Gauge(
    "kinora_stripe_event_oldest_seconds", "Age of the oldest event that is not applied.", registry=REGISTRY
)
METER_EVENTS = Gauge("kinora_meter_events", "Meter events that Stripe has not accepted.", ["state"], registry=REGISTRY)
METER_EVENT_AGE = Gauge(
    "kinora_meter_event_oldest_seconds",
    "Age of the oldest waiting meter event; Stripe accepts none older than 35 days.",
    registry=REGISTRY,
)
HELD_CREDITS = Gauge("kinora_credits_held", "Credits held for unfinished jobs.", registry=REGISTRY)
MEDIA_BYTES = Gauge("kinora_media_bytes", "Bytes of stored media.", ["kind"], registry=REGISTRY)
DISK_FREE = Gauge("kinora_disk_free_bytes", "Free space on the disk of the media.", registry=REGISTRY)


def count_response(method: str, route: str, status: int, seconds: float) -> None:
    """Count a response. `method` is one of METHODS or `OTHER`; `seconds` is the time to its first byte."""
    count, time_taken = _response_series(method, route, status)
    count.inc()
    time_taken.observe(seconds)


@cache
def _response_series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """The time series of a response, cached because looking them up by label costs more than counting."""
    return REQUESTS.labels(method, route, str(status)), REQUEST_SECONDS.labels(method, route)


def render_metrics() -> bytes:
    """All metrics in Prometheus's text format."""
    return generate_latest(REGISTRY)


class DatabaseGauges:
    """Gauges read from the database, at limited intervals so that scraping cannot overload it."""

    QUEUE_INTERVAL = 5.0
    MEDIA_INTERVAL = 60.0

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._queue_due = self._media_due = 0.0

    async def refresh(self, pool: Pool, media: Path) -> None:
        """Refresh the gauges that are due. They keep their last values while PostgreSQL is unreachable."""
        async with self._lock:
            now = time.monotonic()
            if now < self._queue_due:
                return
            self._queue_due = now + self.QUEUE_INTERVAL
            try:
                async with asyncio.timeout(self.QUEUE_INTERVAL):
                    await _read_queue(pool)
                    await _read_money(pool)
                    if now >= self._media_due:
                        self._media_due = now + self.MEDIA_INTERVAL
                        await _read_media(pool, media)
                DATABASE_UP.set(1)
            except (OSError, PostgresError, InterfaceError):
                DATABASE_UP.set(0)


async def _read_queue(pool: Pool) -> None:
    async with pool.acquire() as db:
        _set_queue_gauges(await monitoring.list_queues(db))
        HELD_CREDITS.set(await monitoring.sum_held_credits(db))


async def _read_money(pool: Pool) -> None:
    async with pool.acquire() as db:
        events, usage = await stripe_events.read_inbox_status(db), await meter_events.read_outbox_status(db)
    STRIPE_EVENTS.labels("waiting").set(events.waiting)
    STRIPE_EVENTS.labels("parked").set(events.parked)
    STRIPE_EVENT_AGE.set(events.oldest)
    for state in ("waiting", "refused", "unclear"):
        METER_EVENTS.labels(state).set(getattr(usage, state))
    METER_EVENT_AGE.set(usage.oldest)


async def _read_media(pool: Pool, media: Path) -> None:
    DISK_FREE.set(shutil.disk_usage(media).free)
    async with pool.acquire() as db:
        for kind, count in (await monitoring.sum_media_bytes(db)).items():
            MEDIA_BYTES.labels(kind).set(count)


def _set_queue_gauges(queues: Iterable[Queue]) -> None:
    for gauge in (JOBS, OLDEST_JOB, LAPSED_LEASES, LOST_ATTEMPTS):
        gauge.clear()
    for queue in queues:
        JOBS.labels(queue.pool, queue.state).set(queue.jobs)
        OLDEST_JOB.labels(queue.pool, queue.state).set(queue.oldest)
        LOST_ATTEMPTS.labels(queue.pool, queue.state).set(queue.losses)
        if queue.state == "in_progress":
            LAPSED_LEASES.labels(queue.pool).set(queue.lapsed)
