"""PostgreSQL: the pool, transactions, rows to Structs, migrations. Knows no table of the product."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

import asyncpg
import msgspec

T = TypeVar("T")
MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x6B696E6F7261  # "kinora": one migrator at a time, whoever starts it

ABANDONED = "10s"  # after so long in an open transaction a client is gone, and its locks must not outlive it
AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
)
"""What a server that is away, restarting or full raises: reasons to try again, not bugs."""


class Database(Protocol):
    """One connection, as query functions see it."""

    async def execute(self, query: str, *args: Any) -> str: ...
    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]: ...
    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None: ...
    async def fetchval(self, query: str, *args: Any) -> Any: ...
    async def executemany(self, command: str, args: Iterable[Any]) -> None: ...
    def transaction(self) -> Any: ...


class Pool(Protocol):
    """Lends connections. Tests lend one connection inside a transaction that is rolled back."""

    def acquire(self) -> Any: ...


class MigrationError(Exception):
    """A migration that was changed after it was applied, or that failed."""


async def connect(url: str, *, connections: int = 10, timeout: float = 30.0) -> asyncpg.Pool[Any]:
    """A pool whose connections speak jsonb as Python objects and give up a statement after `timeout` seconds.

    Raises OSError or asyncpg's errors.
    """
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=connections,
        init=prepare,
        reset=_nothing,
        command_timeout=timeout,
        server_settings={"idle_in_transaction_session_timeout": ABANDONED},
    )


async def prepare(connection: asyncpg.Connection[Any]) -> None:
    """Make a new connection read and write jsonb through msgspec."""
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_json, decoder=msgspec.json.decode, format="text"
    )


async def _nothing(_: asyncpg.Connection[Any]) -> None:
    """In place of asyncpg's reset, a round trip for each release: we leave no state behind in a session."""


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Database]:
    """A connection in a transaction that commits when the block ends: the commit point is the dedent."""
    async with pool.acquire() as connection, connection.transaction():
        yield connection


def changed_one_row(tag: str) -> bool:
    """Whether an UPDATE or DELETE changed its row, by the command tag that PostgreSQL answers."""
    return tag.endswith(" 1")


def row(record: asyncpg.Record | None, kind: type[T]) -> T | None:
    """The record as a Struct, its columns checked; None stays None."""
    return None if record is None else msgspec.convert(record, kind)


def rows(records: Iterable[asyncpg.Record], kind: type[T]) -> list[T]:
    """The records as Structs, their columns checked."""
    return [msgspec.convert(record, kind) for record in records]


async def database_time(db: Database) -> datetime:
    """The database's clock, as of the transaction's start; the only one that expiry and leases are measured by."""
    time: datetime = await db.fetchval("SELECT now()")
    return time


async def migrate(url: str) -> list[str]:
    """Apply what is missing of `sql/migrations`, in order, under a lock; return the names applied.

    Each file is one transaction with its row in `migrations`. Raises MigrationError if an applied file has
    changed since, because two databases would then differ without anybody seeing it.
    """
    try:
        connection = await asyncpg.connect(url)
    except (*AWAY, asyncpg.PostgresError) as error:
        raise MigrationError(f"The database does not answer: {error}") from error
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
        applied = await _applied(connection)
        return [name for name, text in _files() if await _apply(connection, name, text, applied)]
    finally:
        await connection.close()


def _files() -> list[tuple[str, str]]:
    return [(path.name, path.read_text()) for path in sorted(MIGRATIONS.glob("[0-9]*.sql"))]


async def _applied(connection: asyncpg.Connection[Any]) -> dict[str, str]:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations ("
        " name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    return dict(await connection.fetch("SELECT name, checksum FROM migrations"))


async def _apply(connection: asyncpg.Connection[Any], name: str, text: str, applied: dict[str, str]) -> bool:
    checksum = hashlib.sha256(text.encode()).hexdigest()
    if name in applied:
        if applied[name] != checksum:
            reason = f"{name} was changed after it was applied; write a new migration instead"
            raise MigrationError(reason)
        return False
    try:
        async with connection.transaction():
            await connection.execute(text)
            await connection.execute("INSERT INTO migrations (name, checksum) VALUES ($1, $2)", name, checksum)
    except asyncpg.PostgresError as error:
        reason = f"{name} failed: {error}"
        raise MigrationError(reason) from error
    return True
