"""Durable servers in a temporary directory, and Kinora's own processes on them, for the service's measurements."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import httpx
import msgspec

from api.http.state import AppState, build_app_state
from api.local import servers as embedded
from api.local.child_process import Child, Program, retry_until_ready
from api.local.listener import open_listener
from api.settings import Settings
from api.sql import connection as db
from api.sql import migrate

HOST = "127.0.0.1"
READY_WITHIN = 60.0
STOPS = ((signal.SIGTERM, 10.0),)


class BenchServers(NamedTuple):
    """Servers that run and are migrated. `postgres` is the process all its backends are children of."""

    settings: Settings
    postgres: int


class HttpProcess(NamedTuple):
    """A process that answers HTTP."""

    pid: int
    port: int

    @property
    def base_url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.port}"


@asynccontextmanager
async def run_servers(*, system: str = "", **changes: Any) -> AsyncIterator[BenchServers]:
    """Servers of our own, as `kinora up` runs them: every commit reaches the disk.

    `system` is a statement that changes PostgreSQL for its next start, and it is started again for it.
    """
    with tempfile.TemporaryDirectory(prefix="kinora-bench-") as folder:
        data = Path(folder)
        if system:
            await _alter_system(data, system)
        async with embedded.run_servers(data, durable=True) as servers:
            await migrate.apply_migrations(servers.database_url)
            settings = Settings(
                database_url=servers.database_url,
                redis_url=servers.redis_url,
                data=data,
                secret="of no value beyond this run",  # noqa: S106 (servers on loopback, gone in a minute)
                **changes,
            )
            yield BenchServers(settings, servers.children[0].pid)


async def _alter_system(data: Path, system: str) -> None:
    async with embedded.run_servers(data) as servers:
        connection = await asyncpg.connect(servers.database_url)
        await connection.execute(system)
        await connection.close()


@asynccontextmanager
async def run_web(settings: Settings) -> AsyncIterator[HttpProcess]:
    """One `kinora serve`."""
    module = ("api.cli", "serve")
    async with run_http_process(
        module, (), settings.data / "web.log", environment=settings.to_environment()
    ) as running:
        yield running


@asynccontextmanager
async def run_http_process(
    module: Sequence[str], arguments: Sequence[str], log: Path, *, environment: dict[str, str] | None = None
) -> AsyncIterator[HttpProcess]:
    """A Python module that takes a listening socket as `--fd`, until the block ends."""
    with open_listener(HOST, 0) as listener:
        handed = ("--fd", str(listener.fileno()), *arguments)
        running = HttpProcess(0, listener.getsockname()[1])
        async with run_process((*module, *handed), log, environment, shared=(listener.fileno(),)) as child:
            await retry_until_ready(
                lambda: _check_ready(running.base_url), (httpx.TransportError,), child, READY_WITHIN
            )
            yield running._replace(pid=child.pid)


async def _check_ready(url: str) -> None:
    """Any answer will do: whatever answers is ready."""
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.get(f"{url}/health/ready", timeout=READY_WITHIN)


@asynccontextmanager
async def run_worker(settings: Settings) -> AsyncIterator[Child]:
    """One `kinora worker`; it may still be importing when the block begins."""
    async with run_process(("api.cli", "worker"), settings.data / "worker.log", settings.to_environment()) as child:
        yield child


@asynccontextmanager
async def run_process(
    module: Sequence[str], log: Path, environment: dict[str, str] | None = None, *, shared: Sequence[int] = ()
) -> AsyncIterator[Child]:
    """`python -m` with these words, stopped when the block ends."""
    argv = [sys.executable, "-m", *module]
    env = os.environ | (environment or {})
    child = Child(Program(name=module[0], argv=argv, env=env, log=log, stop_signals=STOPS, inherited_fds=shared))
    await child.start()
    try:
        yield child
    finally:
        await child.stop()


@asynccontextmanager
async def open_state(settings: Settings) -> AsyncIterator[AppState]:
    """The state of a web process, in this process: for reading it, and for doing what a worker does."""
    pool = await db.connect(settings.database_url, connections=2)
    async with build_app_state(settings, pool) as app_state:
        yield app_state
    await pool.close()


def with_settings(settings: Settings, **changes: Any) -> Settings:
    """The same settings but for these."""
    return msgspec.structs.replace(settings, **changes)
