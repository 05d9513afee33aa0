"""The worker process: PostgreSQL, Redis and one engine process, assembled. No other API module starts one."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import asyncpg
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api import logs
from api.billing.events.receive import BILLING_POOL
from api.billing.events.worker import CHORES_EVERY, CONNECTIONS, TIMEOUT, BillingWorker
from api.billing.ledger.credits import CreditLedger
from api.billing.stripe.client import Stripe
from api.billing.tariff import tariff
from api.billing.tariff.tariff import Tariff
from api.messaging.events import Announcer, CommandOutbox
from api.messaging.wakeups import WakeupListener, Wakeups
from api.settings import Settings
from api.sql import connection
from api.storage.local import Storage
from api.videos.lifecycle import VideoLifecycle
from api.worker import preflight
from api.worker.runner import JobRunner
from api.worker.sweeper import Sweeper
from engine.process.client import EngineDied, EngineProcess

log = structlog.get_logger()

CLEAN_EVERY = 600.0  # seconds between removals of files and rows that are no longer needed


class WrongSettingError(Exception):
    """The settings do not allow a worker to run, now or at the next start; the message says what to fix."""


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Run until `stop` is set; then return the job to the queue and end, even in the middle of starting.

    Raises WrongSettingError.
    """
    working, stopping = asyncio.create_task(_run_services(settings)), asyncio.create_task(stop.wait())
    await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working


async def _run_services(settings: Settings) -> None:
    if missing := await asyncio.to_thread(preflight.list_missing_sources, settings):
        raise WrongSettingError(" ".join(missing))
    async with AsyncExitStack() as stack:
        pool = await connection.connect(settings.database_url, connections=4, timeout=settings.lease / 3)
        stack.push_async_callback(pool.close)
        redis = Redis.from_url(settings.redis_url, socket_connect_timeout=1.0)
        stack.push_async_callback(redis.aclose)
        outbox = CommandOutbox(redis)
        stack.push_async_callback(outbox.drain)
        wakeups, announcer, storage = Wakeups(redis, outbox), Announcer(outbox), Storage(settings.data / "media")
        sold = tariff.load_tariff(settings.tariff)
        lifecycle = VideoLifecycle(settings, pool, CreditLedger(sold), wakeups, announcer)
        engine = EngineProcess(settings.engine_config)
        stack.push_async_callback(engine.kill)
        runner = JobRunner(settings, lifecycle, storage, engine)
        sweeper = Sweeper(settings=settings, pool=pool, storage=storage, lifecycle=lifecycle, wakeups=wakeups)
        billing_worker = await stack.enter_async_context(_open_billing_worker(settings, sold))
        await _start_engine(engine, settings)
        log.info("worker_ready", worker=runner.name, pool=settings.pool)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(runner.run())
            tasks.create_task(WakeupListener(settings.redis_url, settings.pool, runner.claim_job, runner.idle).main())
            tasks.create_task(runner.cancel_stopped_jobs())
            tasks.create_task(_repeat_every(settings.sweep_every, sweeper.sweep_due))
            tasks.create_task(_repeat_every(CLEAN_EVERY, sweeper.clean_storage))
            if billing_worker:
                tasks.create_task(
                    WakeupListener(settings.redis_url, BILLING_POOL, billing_worker.wake_up, billing_worker.idle).main()
                )
                tasks.create_task(billing_worker.run(settings.sweep_every))
                tasks.create_task(_repeat_every(settings.sweep_every, billing_worker.report_usage))
                tasks.create_task(_repeat_every(CHORES_EVERY, billing_worker.reconcile_daily))


@asynccontextmanager
async def _open_billing_worker(settings: Settings, sold: Tariff) -> AsyncIterator[BillingWorker | None]:
    """The billing worker on connections of its own, since it waits for Stripe; None without a Stripe key."""
    stripe = Stripe(settings)
    if not stripe.has_key:
        yield None
        return
    pool = await connection.connect(settings.database_url, connections=CONNECTIONS, timeout=TIMEOUT)
    try:
        yield BillingWorker(pool, stripe, sold)
    finally:
        await stripe.close()
        await pool.close()


async def _start_engine(engine: EngineProcess, settings: Settings) -> None:
    """Start the engine process. Raises WrongSettingError if the operator's frame rule prevents it, else EngineDied.

    The rule is examined only after a failure: what it loads belongs in the engine's process, not in this one.
    """
    try:
        await engine.start()
    except EngineDied as error:
        if reason := await asyncio.to_thread(preflight.frame_rule_error, settings.frame_rules):
            raise WrongSettingError(reason) from error
        raise


async def _repeat_every(seconds: float, act: Callable[[], Awaitable[object]]) -> None:
    """Repeat a task endlessly. A server that is away or a failing row is logged and does not end it."""
    while True:
        try:
            await act()
        except (*connection.AWAY, asyncpg.PostgresError, RedisError) as error:
            log.warning("sweep_failed", task=act.__qualname__, error=type(error).__name__)
        await asyncio.sleep(seconds)


async def _run_until_signal(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run_worker(settings, stop)


def run_worker_process(settings: Settings) -> None:
    """Run a worker in this process until SIGTERM or SIGINT. Raises WrongSettingError and DatabaseUnavailableError."""
    logs.configure_logging(settings.log_level)
    asyncio.run(_run_until_signal(settings))
