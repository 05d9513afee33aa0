"""The whole backend on one machine: servers, web process and worker as supervised child processes.

Knows the order in which they start and stop; knows nothing of what they do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec

from api.billing.stripe.provision import ProvisionError
from api.errors import Problem
from api.local import fake_stripe, servers
from api.local.child_process import Child, ChildEndedError, Program, retry_until_ready
from api.local.listener import UNSPECIFIED, AddressError, listener_url, open_listener, open_listener_near
from api.settings import Settings
from api.sql import migrate

READY_WITHIN = 120.0
"""Seconds until the web process must be ready."""
WORKER_STOPS = ((signal.SIGTERM, 20.0),)
"""The worker first gives its job back, which takes one statement and the end of a denoising step."""
WEB_STOPS = ((signal.SIGTERM, 10.0),)

CONFIG_ERROR_STATUSES = (os.EX_CONFIG,)
"""Exit statuses of `kinora worker` that mean its configuration is wrong."""

Reporter = Callable[[str], None]
Result = TypeVar("Result")


FAILURES = (
    servers.EmbeddedError,
    migrate.MigrationError,
    ChildEndedError,
    AddressError,
    TimeoutError,
    ProvisionError,
    Problem,
)
"""Errors that `run_backend` raises; each message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A running backend: its URL and the tasks that keep its processes running."""

    url: str
    keepers: Sequence[asyncio.Task[ChildEndedError]]

    async def wait_refused(self) -> ChildEndedError:
        """Wait until a process has ended with a configuration error."""
        done, _ = await asyncio.wait(self.keepers, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()

    async def run_guarded(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of `work`. Raises ChildEndedError if a process ends with a configuration error before that."""
        working, refusing = asyncio.ensure_future(work), asyncio.ensure_future(self.wait_refused())
        try:
            await asyncio.wait((working, refusing), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise refusing.result()
            return working.result()
        finally:
            working.cancel()
            refusing.cancel()
            await asyncio.gather(working, refusing, return_exceptions=True)


async def run_foreground(settings: Settings, port: int, *, port_required: bool, report: Reporter) -> int:
    """Run the backend until cancelled. If the port is not required, another one is used when it is taken.

    Raises FAILURES, also when a process ends later with a configuration error.
    """
    listener = open_listener(settings.host, port) if port_required else open_listener_near(settings.host, port, report)
    async with run_backend(settings, listener, report, with_fake_stripe=True) as running:
        print(f"ready {running.url}\ndocs  {running.url}/docs", flush=True)
        raise await running.wait_refused()


@contextlib.asynccontextmanager
async def run_backend(
    settings: Settings,
    listener: socket.socket,
    report: Reporter,
    *,
    log: Path | None = None,
    durable: bool = True,
    with_fake_stripe: bool = False,
) -> AsyncIterator[Backend]:
    """Run the backend until the block ends, then stop worker, web process, Redis and PostgreSQL in this order.

    `log` takes the output of web process and worker, which otherwise goes to our standard error; `report` gets progress
    messages. `durable=False` is for data that need not survive a power cut. `with_fake_stripe` starts a fake Stripe
    unless a key is set. Raises FAILURES.
    """
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(listener)
        running_servers = await stack.enter_async_context(
            servers.run_servers(
                settings.data, database_url=settings.database_url, redis_url=settings.redis_url, durable=durable
            )
        )
        settings = _resolve_addresses(settings, running_servers, listener)
        for name in await migrate.apply_migrations(settings.database_url):
            report(f"migrated {name}")
        children = [*running_servers.children]
        if with_fake_stripe and not settings.stripe_key:
            selling = await stack.enter_async_context(_run_fake_stripe(settings, listener, report, log))
            settings = selling.settings
            children.append(selling.child)
        web = await stack.enter_async_context(_run_command("serve", settings, WEB_STOPS, log, listener))
        worker = await stack.enter_async_context(_run_command("worker", settings, WORKER_STOPS, log))
        url = listener_url(listener)
        await retry_until_ready(lambda: _check_ready(url), (httpx.TransportError, _NotReadyError), web, READY_WITHIN)
        keepers = await stack.enter_async_context(_keep_running((*children, web, worker), report))
        yield Backend(url, keepers)


@contextlib.asynccontextmanager
async def _run_fake_stripe(
    settings: Settings, listener: socket.socket, tell: Reporter, log: Path | None
) -> AsyncIterator[fake_stripe.RunningFakeStripe]:
    """Run the fake Stripe at the next port, or at any free one, on the host of this server."""
    with open_listener_near(settings.host, min(settings.port + 1, 65535), tell) as counter:
        reached, api = listener_url(counter), listener_url(listener)
        async with fake_stripe.run_fake_stripe(settings, counter, reached=reached, api=api, log=log) as running:
            tell(f"no real payments: the fake Stripe takes test cards at {running.pages}")
            if not settings.loopback:
                tell("anyone who reaches this server can get any plan for free until KINORA_STRIPE_KEY is set")
            yield running


def _resolve_addresses(settings: Settings, running_servers: servers.Servers, listener: socket.socket) -> Settings:
    """Settings with the actual addresses. Signed URLs get an address that other devices in the network can reach."""
    host, port = listener.getsockname()[:2]
    found = msgspec.structs.replace(
        settings, database_url=running_servers.database_url, redis_url=running_servers.redis_url, port=port
    )
    if settings.public_url or host not in UNSPECIFIED:
        return found
    return msgspec.structs.replace(found, public_url=f"http://{_own_address()}:{port}")


def _own_address() -> str:
    """Address of this machine in its network. Connecting a datagram socket sends nothing; it picks a route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


@contextlib.asynccontextmanager
async def _run_command(
    command: str,
    settings: Settings,
    stops: Sequence[tuple[signal.Signals, float]],
    log: Path | None,
    listener: socket.socket | None = None,
) -> AsyncIterator[Child]:
    """Run `kinora serve` or `kinora worker` with these settings."""
    handed = ("--fd", str(listener.fileno())) if listener else ()
    child = Child(
        Program(
            name=f"kinora {command}",
            argv=[sys.executable, "-m", "api.cli", command, *handed],
            env=os.environ | settings.to_environment(),
            log=log,
            stop_signals=stops,
            inherited_fds=(listener.fileno(),) if listener else (),
            config_error_statuses=CONFIG_ERROR_STATUSES,
        )
    )
    await child.start()
    try:
        yield child
    finally:
        await child.stop()


@contextlib.asynccontextmanager
async def _keep_running(
    children: Sequence[Child], tell: Reporter
) -> AsyncIterator[Sequence[asyncio.Task[ChildEndedError]]]:
    """Keep the children running; a task finishes when its child has ended with a configuration error."""
    keepers = [asyncio.create_task(child.keep_running(tell)) for child in children]
    try:
        yield keepers
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)


class _NotReadyError(Exception):
    pass


async def _check_ready(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{url}/health/ready", timeout=5.0)
    if answer.status_code != httpx.codes.OK:
        raise _NotReadyError


def run_until_signal(main: Coroutine[Any, Any, int]) -> int:
    """Run until `main` returns or SIGTERM, SIGINT or SIGHUP arrives; returns the exit status.

    Only the first signal counts: terminals and service managers often send several, and the second must not interrupt
    the orderly stop that the first began.
    """

    async def run_and_wait() -> int:
        task = asyncio.ensure_future(main)
        asked = asyncio.Event()
        for deadly in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(deadly, asked.set)
        asking = asyncio.ensure_future(asked.wait())
        await asyncio.wait((task, asking), return_when=asyncio.FIRST_COMPLETED)
        if not asking.cancel():
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            return await task
        return 0

    return asyncio.run(run_and_wait())
