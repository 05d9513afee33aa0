"""PostgreSQL: the pool, transactions, and records as Structs. Knows no tables."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Protocol, TypeVar

import asyncpg
import msgspec

from api.sql.transaction_pooler import TransactionPoolerConnection, strip_pooler_option, uses_transaction_pooler

T = TypeVar("T")
IDLE_TRANSACTION_TIMEOUT = "10s"  # a client idle for longer in a transaction is gone; its locks must not outlive it
STATEMENT_CACHE_SIZE = 100
AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
)
"""What a server that is away, restarting or full raises: reasons to try again, not bugs."""


UNAVAILABLE = (*AWAY, ValueError, asyncpg.PostgresError, asyncpg.InternalClientError)
"""What connecting raises: besides a server that is away also a wrong password, option or database."""


class DatabaseUnavailableError(Exception):
    """No connection could be opened; the message is a sentence with the server's reason."""

    def __init__(self, reason: BaseException) -> None:
        text = str(reason).strip().rstrip(".") or type(reason).__name__
        super().__init__(f"The PostgreSQL of DATABASE_URL does not answer: {text}.")


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


async def connect(url: str, *, connections: int = 10, timeout: float = 30.0) -> asyncpg.Pool[Any]:
    """A pool whose connections speak jsonb as Python objects and give up a statement after `timeout` seconds.

    Raises DatabaseUnavailableError.
    """
    try:
        pooler = await uses_transaction_pooler(url)
        # A pooler refuses settings of a session: there, set this one on the role.
        session_settings = {} if pooler else {"idle_in_transaction_session_timeout": IDLE_TRANSACTION_TIMEOUT}
        return await asyncpg.create_pool(
            strip_pooler_option(url),
            min_size=1,
            max_size=connections,
            init=prepare,
            reset=_keep_session,
            command_timeout=timeout,
            server_settings=session_settings,
            connection_class=TransactionPoolerConnection if pooler else asyncpg.Connection,
            statement_cache_size=0 if pooler else STATEMENT_CACHE_SIZE,
        )
    except UNAVAILABLE as error:
        raise DatabaseUnavailableError(error) from error


async def open_connection(url: str, *, timeout: float = 30.0) -> asyncpg.Connection[Any]:
    """One connection that works with and without a pooler. Raises DatabaseUnavailableError."""
    try:
        return await asyncpg.connect(
            strip_pooler_option(url),
            timeout=timeout,
            connection_class=TransactionPoolerConnection,
            statement_cache_size=0,
        )
    except UNAVAILABLE as error:
        raise DatabaseUnavailableError(error) from error


async def prepare(connection: asyncpg.Connection[Any]) -> None:
    """Make a new connection read and write jsonb through msgspec."""
    async with connection.transaction():  # the codec's own queries take several round trips
        await connection.set_type_codec(
            "jsonb", schema="pg_catalog", encoder=_encode_json, decoder=msgspec.json.decode, format="text"
        )


async def _keep_session(_: asyncpg.Connection[Any]) -> None:
    """Replaces asyncpg's reset, which costs a round trip for each release; no session state is ever set."""


def _encode_json(value: Any) -> str:
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


def returned_row(record: asyncpg.Record | None, kind: type[T]) -> T:
    """The record of a statement that always returns one, as a Struct."""
    return msgspec.convert(record, kind)


def page_order(*, descending: bool) -> tuple[str, str]:
    """Of a page by id: the direction of `ORDER BY`, and the operator that compares an id with the page's `after`."""
    return ("DESC", "<") if descending else ("ASC", ">")


async def database_time(db: Database) -> datetime:
    """The database's clock, as of the transaction's start; the only one that expiry and leases are measured by."""
    time: datetime = await db.fetchval("SELECT now()")
    return time
