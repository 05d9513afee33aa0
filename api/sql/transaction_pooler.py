"""PostgreSQL behind a pooler in transaction mode, such as PgBouncer, which gives each transaction another session.

Nothing may be kept in a session: no prepared statement, no setting, no lock. asyncpg prepares and executes a statement
in two steps, so each statement outside of a transaction gets one of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from api.server_urls import POOLER_OPTION

_SUFFIX = f"{POOLER_OPTION}=true"


class TransactionPoolerConnection(asyncpg.Connection):  # type: ignore[misc] # asyncpg has no types
    """A connection whose statements each run in one session."""

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        if not args:  # one message, which the pooler never splits; BEGIN and COMMIT come here as well
            return str(await super().execute(query, timeout=timeout))
        async with self._one_session():
            return str(await super().execute(query, *args, timeout=timeout))

    async def executemany(self, command: str, args: Iterable[Any], *, timeout: float | None = None) -> None:
        async with self._one_session():
            await super().executemany(command, args, timeout=timeout)

    async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
        async with self._one_session():
            return await super().fetch(query, *args, **options)

    async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
        async with self._one_session():
            return await super().fetchrow(query, *args, **options)

    async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
        async with self._one_session():
            return await super().fetchval(query, *args, **options)

    @asynccontextmanager
    async def _one_session(self) -> AsyncIterator[None]:
        if self.is_in_transaction():
            yield
            return
        async with self.transaction():
            yield


def strip_pooler_option(url: str) -> str:
    """The address without the option of `api.server_urls` that names a pooler."""
    head, mark, options = url.partition("?")
    return (head + mark + "&".join(part for part in options.split("&") if part != _SUFFIX)).rstrip("?")


async def uses_transaction_pooler(url: str) -> bool:
    """Whether the address says so, or the session at the server is not the one that answered the connection."""
    if strip_pooler_option(url) != url:
        return True
    connection = await asyncpg.connect(url, connection_class=TransactionPoolerConnection, statement_cache_size=0)
    try:
        pid: int = await connection.fetchval("SELECT pg_backend_pid()")
        return bool(pid != connection.get_server_pid())
    finally:
        await connection.close()
