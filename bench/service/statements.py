"""Records the statements of one request as the database received them, and replays them without the web process.

An id of the user who sent the request is replaced by that of the next user; any other id was generated for the
request and is generated anew each time. Knows nothing of what the statements do.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import asyncpg
import msgspec

from api import ids
from api.sql import connection as db

ID = re.compile(r"([a-z]+)_[0-9A-HJKMNP-TV-Z]{26}")
PARAMETER = re.compile(r"\$(\d+)")


class RecordedStatement(NamedTuple):
    """A query with the arguments it was given and the PostgreSQL types of those."""

    query: str
    arguments: tuple[Any, ...]
    types: tuple[str, ...]


class StatementRecorder:
    """A pool of one connection that remembers what was asked of it."""

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection
        self._asked: list[tuple[str, tuple[Any, ...]]] = []
        connection.add_query_logger(lambda asked: self._asked.append((asked.query, tuple(asked.args or ()))))

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[asyncpg.Connection[Any]]:
        """Lend the connection. One borrower at a time: the request that is recorded is alone."""
        yield self._connection

    def clear(self) -> None:
        """Begin anew."""
        self._asked.clear()

    async def recorded_statements(self) -> list[RecordedStatement]:
        """What was asked since, in order."""
        return [await self._with_types(query, given) for query, given in list(self._asked)]

    async def _with_types(self, query: str, given: tuple[Any, ...]) -> RecordedStatement:
        if not given:
            return RecordedStatement(query, (), ())
        prepared = await self._connection.prepare(query)
        types = tuple(parameter.name for parameter in prepared.get_parameters())
        plain = (msgspec.to_builtins(v) if kind == "jsonb" else v for v, kind in zip(given, types, strict=True))
        return RecordedStatement(query, tuple(plain), types)


@asynccontextmanager
async def record_statements(url: str) -> AsyncIterator[StatementRecorder]:
    """A recorder on a connection as the web process's pool opens them."""
    connection = await asyncpg.connect(url)
    await db.prepare(connection)
    try:
        yield StatementRecorder(connection)
    finally:
        await connection.close()


def rebind_statements(
    statements: list[RecordedStatement], whose: Mapping[str, str]
) -> list[tuple[str, tuple[Any, ...]]]:
    """The statements for somebody else, with fresh ids. `whose` maps the recorded person's ids to theirs."""
    names = dict(whose)

    def fresh_id(match: re.Match[str]) -> str:
        return names.setdefault(match[0], ids.new_id(match[1]))

    return [
        (statement.query, tuple(_replace_ids(argument, fresh_id) for argument in statement.arguments))
        for statement in statements
    ]


def _replace_ids(value: Any, name: Callable[[re.Match[str]], str]) -> Any:
    if isinstance(value, str):
        return ID.sub(name, value)
    if isinstance(value, list | tuple):
        return [_replace_ids(item, name) for item in value]
    if isinstance(value, dict):
        return {key: _replace_ids(item, name) for key, item in value.items()}
    return value


def pgbench_script(statements: list[RecordedStatement], whose: Mapping[str, str]) -> str:
    """The statements for pgbench: ids become SQL expressions.

    `whose` maps the recorded person's ids to expressions. A fresh id is a number no other transaction has, made of
    pgbench's variable `:n`.
    """
    expressions, lines = dict(whose), []
    for statement in statements:
        written = [
            _sql_expression(value, kind, expressions)
            for value, kind in zip(statement.arguments, statement.types, strict=True)
        ]
        query = PARAMETER.sub(lambda match, written=written: written[int(match[1]) - 1], statement.query)  # type: ignore[misc]
        lines.append(query.rstrip(";") + ";")
    return "\n".join(lines)


def _sql_expression(value: Any, kind: str, expressions: dict[str, str]) -> str:
    """A Python value as SQL of this type."""
    if value is None:
        return f"NULL::{kind}"
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'::bytea"
    if kind.endswith("[]"):
        return f"ARRAY[{', '.join(_sql_expression(item, kind[:-2], expressions) for item in value)}]::{kind}"
    text = msgspec.json.encode(value).decode() if kind == "jsonb" else str(value)
    return f"({' || '.join(_concatenated_parts(text, expressions))})::{kind}"


def _concatenated_parts(text: str, expressions: dict[str, str]) -> Iterator[str]:
    """The text around its ids as literals, its ids as expressions."""
    end = 0
    for match in ID.finditer(text):
        yield _escape_literal(text[end : match.start()])
        fresh = f"'{match[1]}_' || lpad((:n::bigint * 100 + {len(expressions)})::text, 26, '0')"
        yield expressions.setdefault(match[0], fresh)
        end = match.end()
    yield _escape_literal(text[end:])


def _escape_literal(text: str) -> str:
    """An SQL string in which pgbench, which looks for `:name` everywhere, finds no variable."""
    escaped = text.replace("\\", "\\\\").replace("'", "''").replace(":", "\\x3a")
    return f"E'{escaped}'"
