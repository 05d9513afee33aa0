"""Two connections that do things to the ledger at once, and a third that watches whether one waits for the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

import asyncpg

from api.errors import Conflict, InsufficientCredits
from api.sql.connection import Database, prepare

T = TypeVar("T")

REFUSALS = (InsufficientCredits, Conflict, asyncpg.UniqueViolationError)


class Operation:
    """Something done to a person's credits: by the ledger, and in the model. Both answer whether it was done, or None
    where there is nothing to refuse.
    """

    def __init__(
        self, name: str, call: Callable[[Database], Awaitable[bool | None]], expect: Callable[[], bool | None]
    ) -> None:
        self.name = name
        self.call = call
        self.expect = expect

    async def run(self, connection: asyncpg.Connection[Any]) -> bool | None:
        """In a transaction of its own; False if it was refused."""
        return await (await OpenOperation.begin(self, connection)).end(commit=True)


class OpenOperation(NamedTuple):
    """An operation whose transaction is still open."""

    transaction: Any
    outcome: bool | None
    refused: bool

    @classmethod
    async def begin(cls, operation: Operation, connection: asyncpg.Connection[Any]) -> OpenOperation:
        transaction = connection.transaction()
        await transaction.start()
        try:
            return cls(transaction, await operation.call(connection), refused=False)
        except REFUSALS:
            return cls(transaction, outcome=False, refused=True)

    async def end(self, *, commit: bool) -> bool | None:
        await (self.transaction.commit() if commit and not self.refused else self.transaction.rollback())
        return self.outcome


class ConcurrentOutcome(NamedTuple):
    """What came of two operations, and whether the second was done before the first one's transaction ended."""

    first: bool | None
    second: bool | None
    overtaken: bool


class TwoConnections:
    """Three connections to one database: two that work and one that watches; and the loop they live on."""

    def __init__(self, url: str, runner: asyncio.Runner) -> None:
        self.runner = runner
        self.first, self.second, self.watch = (self.run(self._open_connection(url)) for _ in range(3))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def _open_connection(self, url: str) -> asyncpg.Connection[Any]:
        connection = await asyncpg.connect(url)
        await prepare(connection)
        return connection

    def close(self) -> None:
        for connection in (self.first, self.second, self.watch):
            self.run(connection.close())

    async def run_concurrently(self, one: Operation, other: Operation, *, commit: bool) -> ConcurrentOutcome:
        """Begin one, let the other run until it is done or waits, end the first, and let the other end."""
        begun = await OpenOperation.begin(one, self.first)
        running = asyncio.create_task(other.run(self.second))
        try:
            while not running.done() and not await self._second_is_blocked():
                pass
        finally:
            overtaken = running.done()
            outcome = await begun.end(commit=commit)
        return ConcurrentOutcome(outcome, await running, overtaken=overtaken)

    async def _second_is_blocked(self) -> bool:
        pid = self.second.get_server_pid()
        waits: bool = await self.watch.fetchval("SELECT cardinality(pg_blocking_pids($1)) > 0", pid)
        return waits
