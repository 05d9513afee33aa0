"""PostgreSQL behind a pooler in transaction mode."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from api.billing.stripe.locks import ObjectBusyError, lock_object
from api.sql import connection, migrate
from api.sql.transaction_pooler import strip_pooler_option, uses_transaction_pooler
from tests.support.transaction_pooler import run_transaction_pooler


@pytest.fixture
async def pooler_url(database: str) -> AsyncIterator[str]:
    """A migrated database of the test's own behind a pooler."""
    async with run_transaction_pooler(database) as url:
        yield url


async def test_plain_connections_fail_behind_the_pooler(pooler_url: str) -> None:
    plain = await asyncpg.connect(pooler_url)
    assert await plain.fetchval("SELECT $1::int", 1) == 1
    with pytest.raises(asyncpg.InvalidSQLStatementNameError):
        await plain.fetchval("SELECT $1::int", 1)
    plain.terminate()
    with pytest.raises(asyncpg.ProtocolViolationError):
        await asyncpg.connect(pooler_url, server_settings={"idle_in_transaction_session_timeout": "10s"})


async def test_statements_and_transactions_work_behind_a_pooler(pooler_url: str) -> None:
    pool = await connection.connect(pooler_url, connections=3)
    async with pool.acquire() as db:
        assert await db.fetchval("SELECT $1::int", 1) == 1
        assert await db.fetchval("SELECT $1::jsonb", {"a": [1]}) == {"a": [1]}
        assert [row["n"] for row in await db.fetch("SELECT generate_series(1, $1) AS n", 3)] == [1, 2, 3]
        await db.executemany("INSERT INTO migrations (name, checksum) VALUES ($1, '')", [("x",), ("y",)])
        assert await db.execute("DELETE FROM migrations WHERE name = ANY($1::text[])", ["x", "y"]) == "DELETE 2"
    with pytest.raises(asyncpg.UniqueViolationError):
        async with connection.transaction(pool) as db:
            await db.executemany("INSERT INTO migrations (name, checksum) VALUES ($1, '')", [("z",), ("z",)])
    async with pool.acquire() as db:
        assert await db.fetchval("SELECT count(*) FROM migrations WHERE name = 'z'") == 0
    await pool.close()


async def test_migrations_and_locks_leave_nothing_in_a_session(pooler_url: str) -> None:
    assert await migrate.apply_migrations(pooler_url) == []
    pool = await connection.connect(pooler_url, connections=3)
    async with lock_object(pool, "subscription", "sub_1"):
        with pytest.raises(ObjectBusyError):
            async with lock_object(pool, "subscription", "sub_1", wait=0.05):
                pass
    async with lock_object(pool, "subscription", "sub_1"), pool.acquire() as db:
        assert await db.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 1
    async with pool.acquire() as db:
        assert await db.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    await pool.close()


async def test_migrators_at_the_same_time_apply_each_file_once(database: str) -> None:
    admin = await asyncpg.connect(database)
    await admin.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await admin.close()
    async with run_transaction_pooler(database) as url:
        applied = await asyncio.gather(*(migrate.apply_migrations(url) for _ in range(3)))
    names = sorted(name for names in applied for name in names)
    assert names == [path.name for path in sorted(migrate.MIGRATIONS.glob("*.sql"))]


async def test_a_pooler_is_recognised(pooler_url: str, database: str) -> None:
    assert await uses_transaction_pooler(pooler_url)
    assert not await uses_transaction_pooler(database)
    assert await uses_transaction_pooler(database + "&pgbouncer=true")


def test_the_option_of_a_pooler_is_not_sent_to_the_server() -> None:
    assert strip_pooler_option("postgresql://h/d?pgbouncer=true") == "postgresql://h/d"
    assert strip_pooler_option("postgresql://h/d?a=b&pgbouncer=true&c=d") == "postgresql://h/d?a=b&c=d"
    assert strip_pooler_option("postgresql://h/d") == "postgresql://h/d"
