"""Storage in one SQLite file or in memory: objects as JSON, and small tables besides.

Knows nothing of what an object means. One connection on one thread; one transaction for each request.
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
    """Objects by kind and id, in order of creation."""

    def __init__(self, folder: Path | None) -> None:
        """Open the file in `folder`, or keep everything in memory if it is None."""
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = ":memory:" if folder is None else str(folder / "stripe.sqlite")
        self.connection = sqlite3.connect(name, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.executescript(TABLES)

    def close(self) -> None:
        self.connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inside another transaction, a part of it."""
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

    def get_object(self, kind: str, object_id: str) -> Json | None:
        """A copy of the stored object."""
        query = "SELECT body FROM objects WHERE kind = ? AND id = ?"
        row = self.connection.execute(query, (kind, object_id)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Json)

    def put_object(self, obj: Json) -> None:
        """Store an object under its kind (`object`) and `id`, replacing an earlier version."""
        self.connection.execute(
            "INSERT INTO objects (kind, id, body) VALUES (?, ?, ?) "
            "ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (obj["object"], obj["id"], msgspec.json.encode(obj).decode()),
        )

    def delete_object(self, kind: str, object_id: str) -> None:
        self.connection.execute("DELETE FROM objects WHERE kind = ? AND id = ?", (kind, object_id))

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

        A name in `where` may end in an operator such as ` >=` or ` <`; a list matches any of its values, and after
        ` NOT IN` none of them.
        """
        clauses, values = ["kind = ?"], [kind]
        for name, value in (where or {}).items():
            clauses.append(_where_clause(name, value))
            values.extend(value if isinstance(value, list) else [value])  # type: ignore[list-item]
        for object_id, sign in ((after, "<"), (before, ">")):
            if object_id is not None:
                clauses.append(f"seq {sign} (SELECT seq FROM objects WHERE kind = ? AND id = ?)")
                values += [kind, object_id]
        order = "ASC" if before is not None else "DESC"
        query = f"SELECT body FROM objects WHERE {' AND '.join(clauses)} ORDER BY seq {order} LIMIT ?"
        rows = self.connection.execute(query, [*values, limit]).fetchall()
        objects = [msgspec.json.decode(row[0], type=Json) for row in rows]
        return objects[::-1] if before is not None else objects

    def find_first(self, kind: str, where: Mapping[str, object]) -> Json | None:
        """The newest object that matches."""
        objects = self.find_objects(kind, where, limit=1)
        return objects[0] if objects else None

    def get_setting(self, name: str) -> str | None:
        row = self.connection.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_setting(self, name: str, value: str | None) -> None:
        """Store a setting; None deletes it."""
        self.connection.execute("DELETE FROM notes WHERE name = ?", (name,))
        if value is not None:
            self.connection.execute("INSERT INTO notes (name, value) VALUES (?, ?)", (name, value))

    def delete_everything(self) -> None:
        for table in ("objects", "timetable", "deliveries", "keys", "notes"):
            self.connection.execute(f"DELETE FROM {table}")


def _where_clause(name: str, value: object) -> str:
    path, _, sign = name.partition(" ")
    column = "id" if path == "id" else f"json_extract(body, '$.{path}')"
    if isinstance(value, list):
        return f"{column} {sign or 'IN'} ({', '.join('?' * len(value))})"
    return f"{column} {sign or '='} ?"
