"""What every measurement stands on: durable servers in a temporary folder, and Kinora's own processes on them."""

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

from api.app import assemble
from api.http.state import AppState
from api.local import servers as embedded
from api.local.child_process import Child, Program, eventually
from api.local.supervisor import listen
from api.settings import Settings
from api.sql import connection as db

HOST = "127.0.0.1"
READY_WITHIN = 60.0
STOPS = ((signal.SIGTERM, 10.0),)


class Stage(NamedTuple):
    """Servers that run and are migrated. `postgres` is the process all its backends are children of."""

    settings: Settings
    postgres: int


class Site(NamedTuple):
    """A process that answers HTTP."""

    pid: int
    port: int

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.port}"


@asynccontextmanager
async def stage(*, system: str = "", **changes: Any) -> AsyncIterator[Stage]:
    """Servers of our own, as `kinora up` runs them: every commit reaches the disk.

    `system` is a statement that changes PostgreSQL for its next start, and it is started again for it.
    """
    with tempfile.TemporaryDirectory(prefix="kinora-bench-") as folder:
        data = Path(folder)
        if system:
            await _alter(data, system)
        async with embedded.servers(data, durable=True) as servers:
            await db.migrate(servers.database)
            settings = Settings(
                database_url=servers.database,
                redis_url=servers.redis,
                data=data,
                secret="of no value beyond this run",  # noqa: S106 (servers on loopback, gone in a minute)
                **changes,
            )
            yield Stage(settings, servers.children[0].pid)


async def _alter(data: Path, system: str) -> None:
    async with embedded.servers(data) as servers:
        connection = await asyncpg.connect(servers.database)
        await connection.execute(system)
        await connection.close()


@asynccontextmanager
async def web(settings: Settings) -> AsyncIterator[Site]:
    """One `kinora serve`."""
    module = ("api.cli", "serve")
    async with site(module, (), settings.data / "web.log", environment=settings.environment()) as running:
        yield running


@asynccontextmanager
async def site(
    module: Sequence[str], arguments: Sequence[str], log: Path, *, environment: dict[str, str] | None = None
) -> AsyncIterator[Site]:
    """A Python module that takes a listening socket as `--fd`, until the block ends."""
    with listen(HOST, 0) as listener:
        handed = ("--fd", str(listener.fileno()), *arguments)
        running = Site(0, listener.getsockname()[1])
        async with process((*module, *handed), log, environment, shared=(listener.fileno(),)) as child:
            await eventually(lambda: _answers(running.url), (httpx.TransportError,), child, READY_WITHIN)
            yield running._replace(pid=child.pid)


async def _answers(url: str) -> None:
    """Any answer will do: whatever answers is ready."""
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.get(f"{url}/health/ready", timeout=READY_WITHIN)


@asynccontextmanager
async def worker(settings: Settings) -> AsyncIterator[Child]:
    """One `kinora worker`; it may still be importing when the block begins."""
    async with process(("api.cli", "worker"), settings.data / "worker.log", settings.environment()) as child:
        yield child


@asynccontextmanager
async def process(
    module: Sequence[str], log: Path, environment: dict[str, str] | None = None, *, shared: Sequence[int] = ()
) -> AsyncIterator[Child]:
    """`python -m` with these words, stopped when the block ends."""
    argv = [sys.executable, "-m", *module]
    env = os.environ | (environment or {})
    child = Child(Program(name=module[0], argv=argv, env=env, log=log, stops=STOPS, shared=shared))
    await child.start()
    try:
        yield child
    finally:
        await child.stop()


@asynccontextmanager
async def parts_of(settings: Settings) -> AsyncIterator[AppState]:
    """The state of a web process, opened in this one: to look at and to do the work of a worker."""
    pool = await db.connect(settings.database_url, connections=2)
    async with assemble(settings, pool) as app_state:
        yield app_state
    await pool.close()


def changed(settings: Settings, **changes: Any) -> Settings:
    """The same settings but for these."""
    return msgspec.structs.replace(settings, **changes)
