"""Real servers for every test: one PostgreSQL and one Redis for each test process, on one event loop.

A test's writes happen in one transaction that is rolled back, which costs a millisecond; inside it PostgreSQL's
`now()` stands still. A test of races or of passing time uses `database`, a clone of the migrated template.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import msgspec
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from litestar import Litestar
from redis.asyncio import Redis

from api.app import create_app
from api.http.middleware import wrap_app
from api.http.rate_limit import RateLimiter
from api.http.state import AppState, build_app_state
from api.local import supervisor
from api.local.listener import open_listener
from api.local.servers import Servers, run_servers
from api.settings import Settings
from api.sql import migrate
from api.sql.connection import connect, prepare
from api.sql.leases import ClaimedGeneration
from engine.testing import tiny_ltx
from tests.support.users import Person, sign_up

TEMPLATE = "kinora_template"
ROLLED_BACK = "kinora_rolled_back"

# A busy machine is no failure: no example is timed.
hypothesis_settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("untimed")


def database_url(url: str, database: str) -> str:
    """The URL of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


@pytest.fixture(scope="session")
def session_folder() -> Iterator[Path]:
    """A private folder with a short path, since sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="kinora-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
async def servers(session_folder: Path) -> AsyncIterator[Servers]:
    """PostgreSQL with a migrated template and a database for rolled-back tests; Redis."""
    async with run_servers(session_folder / "servers", durable=False) as running:
        connection = await asyncpg.connect(running.database_url)
        await connection.execute(f"CREATE DATABASE {TEMPLATE}")
        await migrate.apply_migrations(database_url(running.database_url, TEMPLATE))
        await connection.execute(f"CREATE DATABASE {ROLLED_BACK} TEMPLATE {TEMPLATE}")
        await connection.close()
        yield running


@pytest.fixture(scope="session")
def weights(session_folder: Path) -> Path:
    """Tiny random weights of the real classes."""
    tiny_ltx.write_model(session_folder / "weights")
    return session_folder / "weights"


@pytest.fixture(scope="session")
def base_settings(servers: Servers, session_folder: Path) -> Settings:
    """Settings of a process on the rolled-back database."""
    return Settings(
        database_url=database_url(servers.database_url, ROLLED_BACK),
        redis_url=servers.redis_url,
        data=session_folder / "data",
        secret="a secret for tests only, of no value",
        rate_limits=False,
    )


@pytest.fixture
def settings(base_settings: Settings, tmp_path: Path) -> Settings:
    """Settings with a data folder of the test's own."""
    return msgspec.structs.replace(base_settings, data=tmp_path)


class SingleConnectionPool:
    """A pool that lends one connection, to one borrower at a time."""

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()

    def acquire(self) -> AbstractAsyncContextManager[asyncpg.Connection[Any]]:
        return self._lend()

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[asyncpg.Connection[Any]]:
        async with asyncio.timeout(10), self._lock:
            yield self._connection


@pytest.fixture(scope="session")
async def connection(base_settings: Settings) -> AsyncIterator[asyncpg.Connection[Any]]:
    """The connection that every rolled-back test uses in turn."""
    connection = await asyncpg.connect(base_settings.database_url)
    await prepare(connection)
    yield connection
    await connection.close()


@pytest.fixture
async def pool(connection: asyncpg.Connection[Any]) -> AsyncIterator[SingleConnectionPool]:
    """A pool inside a transaction that is rolled back after the test."""
    transaction = connection.transaction()
    await transaction.start()
    yield SingleConnectionPool(connection)
    await transaction.rollback()


@pytest.fixture
async def redis(servers: Servers) -> AsyncIterator[Redis]:
    """An empty Redis."""
    async with Redis.from_url(servers.redis_url) as client:
        await client.flushdb()
        yield client


@pytest.fixture
async def app_state(settings: Settings, pool: SingleConnectionPool, redis: Redis) -> AsyncIterator[AppState]:
    """The state of a web process, on the rolled-back pool."""
    async with build_app_state(settings, pool) as state:
        yield state


@pytest.fixture(scope="session")
def app(base_settings: Settings) -> Litestar:
    """The application, built once. Its lifespan is not entered: each test supplies its own state."""
    return create_app(base_settings)


@pytest.fixture
async def client(app: Litestar, app_state: AppState) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, without a network between them."""
    app.state.app_state = app_state
    transport = httpx.ASGITransport(app=cast("Any", wrap_app(app)), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
def limited_client(client: httpx.AsyncClient, app: Litestar, app_state: AppState) -> httpx.AsyncClient:
    """The client of an application with rate limits."""
    app.state.app_state = app_state._replace(limiter=RateLimiter(app_state.redis))
    return client


@pytest.fixture
async def account(client: httpx.AsyncClient) -> Person:
    """A person who has just signed up."""
    return await sign_up(client)


@asynccontextmanager
async def cloned_database(servers: Servers) -> AsyncIterator[str]:
    """The URL of a fresh clone of the template, dropped at the end."""
    name = f"kinora_{next(_counter)}"
    connection = await asyncpg.connect(servers.database_url)
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield database_url(servers.database_url, name)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def database(servers: Servers) -> AsyncIterator[str]:
    """The URL of a database of the test's own, where commits are real and time passes."""
    async with cloned_database(servers) as url:
        yield url


_counter = itertools.count()


@pytest.fixture
async def isolated_state(database: str, settings: Settings, redis: Redis) -> AsyncIterator[AppState]:
    """The state of a web process, on a database of the test's own with a real pool."""
    pool = await connect(database, connections=10)
    async with build_app_state(msgspec.structs.replace(settings, database_url=database), pool) as state:
        yield state
    await pool.close()


@pytest.fixture(scope="session")
async def backend_url(
    base_settings: Settings, servers: Servers, weights: Path, session_folder: Path
) -> AsyncIterator[str]:
    """The address of a whole running backend: web process, worker and engine child on tiny weights.

    Tests that use it belong to the xdist group "backend", so that it is started once; each signs up its own people.
    """
    async with cloned_database(servers) as url:
        settings = msgspec.structs.replace(
            base_settings,
            database_url=url,
            redis_url=f"{servers.redis_url}?db=1",
            data=session_folder / "site",
            weights={"kinora-mini": str(weights)},
            threads=1,
            lease=5.0,
        )
        listener = open_listener("127.0.0.1", 0)
        async with supervisor.run_backend(
            settings, listener, lambda _: None, log=session_folder / "site.log"
        ) as backend:
            yield backend.url


@pytest.fixture
async def backend_client(backend_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running backend, over a real socket."""
    async with httpx.AsyncClient(base_url=backend_url, trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
async def backend_user(backend_client: httpx.AsyncClient) -> Person:
    """A person who has just signed up at the running backend."""
    return await sign_up(backend_client)


@pytest.fixture
def worker_settings(isolated_state: AppState, weights: Path) -> Settings:
    """Settings of a worker on tiny weights with short timeouts."""
    return msgspec.structs.replace(
        isolated_state.settings, weights={"kinora-mini": str(weights)}, threads=1, lease=2.0, sweep_every=0.3
    )


@pytest.fixture
async def claimed_job(client: httpx.AsyncClient, app_state: AppState, account: Person) -> ClaimedGeneration:
    """A video that a worker has claimed."""
    await client.post("/v1/videos", json={"prompt": "a ball", "seconds": 4}, headers=account.headers)
    claimed_job = await app_state.lifecycle.claim("worker_a")
    assert claimed_job
    return claimed_job
