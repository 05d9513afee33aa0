"""The embedded servers: what they keep, whom they refuse, and that nothing of them outlives their owner."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest
from redis.asyncio import Redis

from api.local import servers as embedded
from tests.support.processes import list_living, read_process

OWNER = """
import asyncio, sys
from pathlib import Path
from api.local import servers as embedded

async def main():
    async with embedded.run_servers(Path(sys.argv[1])) as servers:
        print(servers.database_url, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
"""A process that starts the servers, says where they are, and stays."""


@pytest.fixture
def data_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kinora-") as name:
        yield Path(name) / "data"


@asynccontextmanager
async def owner(data: Path, *before: str, path: str = os.environ["PATH"]) -> AsyncIterator[tuple[Process, str]]:
    """The process OWNER, killed at the end at the latest, and the database's URL."""
    process = await asyncio.create_subprocess_exec(
        *before, sys.executable, "-c", OWNER, str(data), stdout=PIPE, stderr=PIPE, env=os.environ | {"PATH": path}
    )
    assert process.stdout
    assert process.stderr
    try:
        url = (await process.stdout.readline()).decode().strip()
        assert url, (await process.stderr.read()).decode()
        yield process, url
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ask(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def ping(url: str) -> bool:
    async with Redis.from_url(url) as client:
        return bool(await client.ping())


async def test_both_answer_and_the_database_keeps_what_was_written(data_folder: Path) -> None:
    async with embedded.run_servers(data_folder) as servers:
        assert await ping(servers.redis_url)
        await ask(servers.database_url, "CREATE TABLE kept ()")
    async with embedded.run_servers(data_folder) as servers:
        assert await ask(servers.database_url, "SELECT to_regclass('kept') IS NOT NULL")
        assert await ask(servers.database_url, "SHOW fsync") == "on"


async def test_a_named_server_is_not_started(data_folder: Path) -> None:
    database, redis = "postgresql://elsewhere/kinora", "redis://elsewhere"
    async with embedded.run_servers(data_folder, database_url=database, redis_url=redis) as servers:
        assert servers == embedded.Servers(database, redis, ())


async def test_passwords_are_asked_for_and_readable_by_the_owner_alone(data_folder: Path) -> None:
    async with embedded.run_servers(data_folder, durable=False) as servers:
        password = (data_folder / "postgres" / "password").read_text()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(servers.database_url.replace(password, "guess"))
        assert (data_folder / "postgres" / "password").stat().st_mode & 0o077 == 0
        assert (data_folder / "run").stat().st_mode & 0o077 == 0


async def test_a_folder_in_use_is_refused_with_the_process_that_uses_it(data_folder: Path) -> None:
    async with owner(data_folder) as (process, _):
        with pytest.raises(embedded.EmbeddedError, match=rf"process {process.pid}.*{data_folder}"):
            async with embedded.run_servers(data_folder):
                pass


async def test_nothing_outlives_a_killed_owner_and_the_next_start_recovers(data_folder: Path) -> None:
    async with owner(data_folder) as (process, url):
        await ask(url, "CREATE TABLE kept ()")
        family = psutil.Process(process.pid).children(recursive=True)
        assert {"postgres", "redis-server"} <= {read_process(child, psutil.Process.name) for child in family}
        process.kill()
        await process.wait()
        # The start waits until the kernel says that the last of them is gone.
        async with embedded.run_servers(data_folder, durable=False) as servers:
            assert not list_living(family)
            assert await ask(servers.database_url, "SELECT to_regclass('kept') IS NOT NULL")


async def test_what_a_crash_left_lying_about_is_no_obstacle(data_folder: Path) -> None:
    async with embedded.run_servers(data_folder, durable=False):
        pass
    (data_folder / "postgres.new").mkdir()  # an initdb cut short
    (data_folder / "postgres" / "cluster" / "postmaster.pid").write_text(
        f"{os.getppid()}\n"
    )  # a pid that is someone else's now
    (data_folder / "run").mkdir()
    (data_folder / "run" / ".s.PGSQL.5432.lock").write_text(f"{os.getppid()}\n")
    async with embedded.run_servers(data_folder, durable=False) as servers:
        assert await ask(servers.database_url, "SELECT 1") == 1


async def test_a_first_start_cut_short_is_begun_again(data_folder: Path) -> None:
    half = data_folder / "postgres.new"
    (half / "cluster" / "base").mkdir(parents=True)
    (half / "password").write_text("lost")
    async with embedded.run_servers(data_folder, durable=False) as servers:
        assert await ask(servers.database_url, "SELECT 1") == 1
    assert not half.exists()


async def test_a_path_too_long_for_a_socket_is_served_from_a_shorter_one(data_folder: Path) -> None:
    deep = data_folder / ("d" * 120)
    async with embedded.run_servers(deep, durable=False) as servers:
        assert await ask(servers.database_url, "SELECT 1") == 1
        assert await ping(servers.redis_url)


async def test_a_cluster_of_another_version_is_refused(data_folder: Path) -> None:
    (data_folder / "postgres" / "cluster").mkdir(parents=True)
    (data_folder / "postgres" / "cluster" / "PG_VERSION").write_text("12\n")
    with pytest.raises(embedded.EmbeddedError, match="made by PostgreSQL 12"):
        async with embedded.run_servers(data_folder):
            pass


async def test_a_server_that_cannot_start_says_its_last_words(data_folder: Path) -> None:
    async with embedded.run_servers(data_folder, durable=False):
        pass
    (data_folder / "postgres" / "cluster" / "global" / "pg_control").unlink()
    with pytest.raises(embedded.EmbeddedError, match="pg_control"):
        async with embedded.run_servers(data_folder):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can step down")
async def test_root_steps_down_where_user_namespaces_are_forbidden(data_folder: Path, tmp_path: Path) -> None:
    for program in ("setpriv", "true"):
        (tmp_path / program).symlink_to(shutil.which(program) or pytest.fail(f"{program} is not installed"))
    async with owner(data_folder, path=str(tmp_path)) as (process, url):
        assert await ask(url, "SELECT 1") == 1
        postgres = next(p for p in psutil.Process(process.pid).children() if p.name() == "postgres")
        assert postgres.uids().effective != 0
        process.kill()
        await process.wait()
        async with embedded.run_servers(data_folder / "another", durable=False):
            assert not list_living([postgres])


@pytest.mark.skipif(os.geteuid() != 0, reason="everybody else is an ordinary user already")
async def test_an_ordinary_user_runs_them_as_well(data_folder: Path) -> None:
    # An ordinary user who may read every folder on the way to this interpreter, wherever it is installed.
    rights = ("--inh-caps=+dac_override,+dac_read_search", "--ambient-caps=+dac_override,+dac_read_search")
    async with owner(data_folder, "setpriv", "--reuid=1", "--regid=1", "--clear-groups", *rights) as (process, url):
        assert await ask(url, "SELECT 1") == 1
        family = psutil.Process(process.pid).children(recursive=True)
        users = {read_process(child, lambda p: p.uids().effective) for child in family}
        assert users - {None} == {1}
