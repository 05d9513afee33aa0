"""Everything the double knows, in one SQLite file or in memory: objects as JSON, and small tables beside them.

Knows nothing of what an object means. One connection on one thread; a transaction holds whatever one request does.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from api.fakes.stripe.errors import Json

TABLES = """
CREATE TABLE IF NOT EXISTS objects (
    seq integer PRIMARY KEY AUTOINCREMENT, kind text NOT NULL, id text NOT NULL, body text NOT NULL,
    UNIQUE (kind, id));
CREATE INDEX IF NOT EXISTS by_customer ON objects (kind, json_extract(body, '$.customer'));
CREATE INDEX IF NOT EXISTS by_intent ON objects (kind, json_extract(body, '$.payment_intent'));
CREATE INDEX IF NOT EXISTS by_invoice ON objects (kind, json_extract(body, '$.invoice'));
CREATE INDEX IF NOT EXISTS by_identifier ON objects (kind, json_extract(body, '$.identifier'));
CREATE TABLE IF NOT EXISTS timetable (
    kind text NOT NULL, subject text NOT NULL, due integer NOT NULL, rank integer NOT NULL,
    PRIMARY KEY (kind, subject));
CREATE TABLE IF NOT EXISTS deliveries (
    seq integer PRIMARY KEY AUTOINCREMENT, event text NOT NULL, body_of text NOT NULL, type text NOT NULL,
    target text NOT NULL, due real NOT NULL, tries integer NOT NULL DEFAULT 0, state text NOT NULL DEFAULT 'waiting',
    answer integer, error text, repeats integer NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS by_event ON deliveries (event, state);
CREATE INDEX IF NOT EXISTS by_state ON deliveries (state, due);
CREATE TABLE IF NOT EXISTS keys (
    key text PRIMARY KEY, request text NOT NULL, status integer NOT NULL, body blob NOT NULL, request_id text NOT NULL,
    created integer NOT NULL);
CREATE INDEX IF NOT EXISTS by_age ON keys (created);
CREATE TABLE IF NOT EXISTS notes (name text PRIMARY KEY, value text NOT NULL);
"""


class Store:
    """Objects by kind and id, in the order in which they were made."""

    def __init__(self, folder: Path | None) -> None:
        """Open the file in `folder`, or keep everything in memory."""
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = ":memory:" if folder is None else str(folder / "stripe.sqlite")
        self.connection = sqlite3.connect(name, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.executescript(TABLES)

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or none of it; inside another one, a part of that."""
        if self.connection.in_transaction:
            yield
            return
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def get_object(self, kind: str, ident: str) -> Json | None:
        """An object, as a copy of one's own."""
        query = "SELECT body FROM objects WHERE kind = ? AND id = ?"
        row = self.connection.execute(query, (kind, ident)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Json)

    def put_object(self, thing: Json) -> None:
        """Keep an object under its kind (`object`) and `id`, in place of what was there."""
        self.connection.execute(
            "INSERT INTO objects (kind, id, body) VALUES (?, ?, ?) "
            "ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (thing["object"], thing["id"], msgspec.json.encode(thing).decode()),
        )

    def delete_object(self, kind: str, ident: str) -> None:
        """Forget an object."""
        self.connection.execute("DELETE FROM objects WHERE kind = ? AND id = ?", (kind, ident))

    def find_objects(
        self,
        kind: str,
        where: Mapping[str, object] | None = None,
        *,
        after: str | None = None,
        before: str | None = None,
        limit: int = -1,
    ) -> list[Json]:
        """Objects of a kind, newest first, whose members have these values; `after` and `before` are ids.

        A name in `where` may end in ` >=`, ` <` and the like; a list stands for any of its values, and
        after ` NOT IN` for none of them.
        """
        clauses, values = ["kind = ?"], [kind]
        for name, value in (where or {}).items():
            clauses.append(_where_clause(name, value))
            values.extend(value if isinstance(value, list) else [value])  # type: ignore[list-item]
        for ident, sign in ((after, "<"), (before, ">")):
            if ident is not None:
                clauses.append(f"seq {sign} (SELECT seq FROM objects WHERE kind = ? AND id = ?)")
                values += [kind, ident]
        order = "ASC" if before is not None else "DESC"
        query = f"SELECT body FROM objects WHERE {' AND '.join(clauses)} ORDER BY seq {order} LIMIT ?"
        rows = self.connection.execute(query, [*values, limit]).fetchall()
        found = [msgspec.json.decode(row[0], type=Json) for row in rows]
        return found[::-1] if before is not None else found

    def find_first(self, kind: str, where: Mapping[str, object]) -> Json | None:
        """The newest that fits."""
        found = self.find_objects(kind, where, limit=1)
        return found[0] if found else None

    def get_setting(self, name: str) -> str | None:
        """A small thing kept by name."""
        row = self.connection.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_setting(self, name: str, value: str | None) -> None:
        """Keep a small thing by name, or forget it."""
        self.connection.execute("DELETE FROM notes WHERE name = ?", (name,))
        if value is not None:
            self.connection.execute("INSERT INTO notes (name, value) VALUES (?, ?)", (name, value))

    def delete_everything(self) -> None:
        """Forget everything."""
        for table in ("objects", "timetable", "deliveries", "keys", "notes"):
            self.connection.execute(f"DELETE FROM {table}")


def _where_clause(name: str, value: object) -> str:
    path, _, sign = name.partition(" ")
    column = "id" if path == "id" else f"json_extract(body, '$.{path}')"
    if isinstance(value, list):
        return f"{column} {sign or 'IN'} ({', '.join('?' * len(value))})"
    return f"{column} {sign or '='} ?"
