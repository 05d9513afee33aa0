"""Applies the migrations of this release to a database."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import asyncpg

from api.sql.connection import AWAY

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x6B696E6F7261  # "kinora": one migrator at a time, in whichever process


class MigrationError(Exception):
    """A migration that was changed after it was applied, or that failed."""


async def apply_migrations(url: str) -> list[str]:
    """Apply the missing files of `sql/migrations` in order, under a lock; return their names.

    Each file is one transaction with its row in `migrations`. Raises MigrationError if an applied file has changed
    since, because two databases would then differ unnoticed.
    """
    try:
        connection = await asyncpg.connect(url)
    except (*AWAY, asyncpg.PostgresError) as error:
        raise MigrationError(f"The database does not answer: {error}") from error
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
        applied = await _read_checksums(connection)
        return [name for name, text in _read_files() if await _apply_file(connection, name, text, applied)]
    finally:
        await connection.close()


def _read_files() -> list[tuple[str, str]]:
    return [(path.name, path.read_text()) for path in sorted(MIGRATIONS.glob("[0-9]*.sql"))]


async def _read_checksums(connection: asyncpg.Connection[Any]) -> dict[str, str]:
    await connection.execute(
        """
        CREATE TABLE IF NOT EXISTS migrations (
            name text PRIMARY KEY,
            checksum text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    return dict(await connection.fetch("SELECT name, checksum FROM migrations"))


async def _apply_file(connection: asyncpg.Connection[Any], name: str, text: str, applied: dict[str, str]) -> bool:
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
