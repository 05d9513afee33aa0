"""The whole backend on one machine: servers, web process and worker as children that are kept running.

Knows in which order the parts start and stop; knows nothing of what they do.
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
from api.local import fake_stripe
from api.local import servers as embedded
from api.local.child_process import Child, ChildEndedError, Program, retry_until_ready
from api.settings import Settings
from api.sql import migrate

READY_WITHIN = 120.0
"""Seconds until the web process must be ready."""
WORKER_STOPS = ((signal.SIGTERM, 20.0),)
"""The worker gives its job back first, which takes a statement and the end of one denoising step."""
WEB_STOPS = ((signal.SIGTERM, 10.0),)

UNSPECIFIED = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
"""What "any address" is called, and how this machine reaches itself then."""

CONFIG_ERROR_STATUSES = (os.EX_CONFIG,)
"""How `kinora worker` ends when it cannot work as it is set up."""

Reporter = Callable[[str], None]
Result = TypeVar("Result")


class AddressError(Exception):
    """The address cannot be listened on; the message says which and why."""


FAILURES = (
    embedded.EmbeddedError,
    migrate.MigrationError,
    ChildEndedError,
    AddressError,
    TimeoutError,
    ProvisionError,
    Problem,
)
"""What `backend` raises; each says in a sentence what is wrong."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A running backend: where it answers, and what keeps its parts running."""

    url: str
    keepers: Sequence[asyncio.Task[ChildEndedError]]

    async def wait_refused(self) -> ChildEndedError:
        """Wait until a part has ended that would end so again, and say how."""
        done, _ = await asyncio.wait(self.keepers, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()

    async def run_guarded(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What `work` gives, unless a part refuses before. Raises ChildEndedError, and what `work` raises."""
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


def open_listener(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes any that is free. Raises AddressError.

    It is opened here and handed to the web process, so that nobody takes the port in between and callers wait
    while that process is started again, instead of being refused.
    """
    if not 0 <= port <= 65535:
        raise AddressError(f"{port} is not a port: they go from 0 to 65535.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except socket.gaierror as error:
        raise AddressError(f"Cannot listen on {host}: {error.strerror}.") from error
    except OSError as error:  # whose own words repeat the address
        raise AddressError(f"Cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}.") from error


def open_listener_near(host: str, port: int, tell: Reporter) -> socket.socket:
    """The same for a port nobody insists on: another one is taken if it has to be. Raises AddressError."""
    try:
        return open_listener(host, port)
    except AddressError:
        found = open_listener(host, 0)
        tell(f"port {port} is taken; using {found.getsockname()[1]}")
        return found


async def run_foreground(settings: Settings, port: int, *, port_required: bool, report: Reporter) -> int:
    """Run it all until cancelled. A port that was asked for is taken or refused; another gives way to a free one.

    Raises FAILURES, also when a part says later that it cannot run as it is set up.
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
    """Run it all until the block ends, then stop it in order: worker, web process, Redis, PostgreSQL.

    `log` takes what web process and worker say, else it goes to our standard error; `tell` hears what happens. Data
    that need not survive a power cut are not `durable`. One that `sells` and has no key of Stripe's brings a stand-in
    for it. Raises FAILURES.
    """
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(listener)
        servers = await stack.enter_async_context(
            embedded.run_servers(
                settings.data, database_url=settings.database_url, redis_url=settings.redis_url, durable=durable
            )
        )
        settings = _resolve_addresses(settings, servers, listener)
        for name in await migrate.apply_migrations(settings.database_url):
            report(f"migrated {name}")
        children = [*servers.children]
        if with_fake_stripe and not settings.stripe_key:
            selling = await stack.enter_async_context(_run_fake_stripe(settings, listener, report, log))
            settings = selling.settings
            children.append(selling.child)
        web = await stack.enter_async_context(_run_command("serve", settings, WEB_STOPS, log, listener))
        worker = await stack.enter_async_context(_run_command("worker", settings, WORKER_STOPS, log))
        url = _listener_url(listener)
        await retry_until_ready(lambda: _check_ready(url), (httpx.TransportError, _NotReadyError), web, READY_WITHIN)
        keepers = await stack.enter_async_context(_keep_running((*children, web, worker), report))
        yield Backend(url, keepers)


@contextlib.asynccontextmanager
async def _run_fake_stripe(
    settings: Settings, listener: socket.socket, tell: Reporter, log: Path | None
) -> AsyncIterator[fake_stripe.RunningFakeStripe]:
    """The stand-in for Stripe, at the next port if that is free. Whoever reaches us must reach its pages."""
    with open_listener_near(settings.host, min(settings.port + 1, 65535), tell) as counter:
        reached, api = _listener_url(counter), _listener_url(listener)
        async with fake_stripe.run_fake_stripe(settings, counter, reached=reached, api=api, log=log) as running:
            tell(f"nothing is really sold: a stand-in for Stripe takes test cards at {running.pages}")
            if not settings.loopback:
                tell("whoever reaches this server can have any plan for nothing until KINORA_STRIPE_KEY is set")
            yield running


def _resolve_addresses(settings: Settings, servers: embedded.Servers, listener: socket.socket) -> Settings:
    """The settings with what is known by now. Signed URLs name an address that a phone beside us reaches too."""
    host, port = listener.getsockname()[:2]
    found = msgspec.structs.replace(settings, database_url=servers.database_url, redis_url=servers.redis_url, port=port)
    if settings.public_url or host not in UNSPECIFIED:
        return found
    return msgspec.structs.replace(found, public_url=f"http://{_own_address()}:{port}")


def _own_address() -> str:
    """The address of this machine in its network. Connecting a datagram socket sends nothing; it picks a route."""
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
    """`kinora serve` or `kinora worker` with these settings."""
    handed = ("--fd", str(listener.fileno())) if listener else ()
    child = Child(
        Program(
            name=f"kinora {command}",
            argv=[sys.executable, "-m", "api.cli", command, *handed],
            env=os.environ | settings.environment(),
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
    """While the block runs, whatever falls is started again, unless it refuses: its keeper then says how it ended."""
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


def _listener_url(listener: socket.socket) -> str:
    """The address at which this machine reaches the listener; "any address" is none to connect to."""
    host, port = listener.getsockname()[:2]
    host = UNSPECIFIED.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run_until_signal(main: Coroutine[Any, Any, int]) -> int:
    """Run it until it returns, or until SIGTERM, SIGINT or SIGHUP asks for the end; gives the exit status.

    Only the first of these counts: terminals and service managers like to send several, and the second must not
    cut short the orderly stop that the first began.
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
