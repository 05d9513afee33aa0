"""Applies the migrations of this release to a database."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import asyncpg

from api.sql.connection import DatabaseUnavailableError, open_connection

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x6B696E6F7261  # "kinora": one migrator at a time, in whichever process


class MigrationError(Exception):
    """A migration that was changed after it was applied, or that failed."""


async def apply_migrations(url: str) -> list[str]:
    """Apply the missing files of `sql/migrations` in order; return their names.

    Each file is one transaction under a lock, with its row in `migrations`. Raises MigrationError if an applied file
    has changed since, because two databases would then differ unnoticed.
    """
    try:
        connection = await open_connection(url)
    except DatabaseUnavailableError as error:
        raise MigrationError(str(error)) from error
    try:
        await _create_table(connection)
        return [name for name, text in _read_files() if await _apply_file(connection, name, text)]
    finally:
        await connection.close()


def _read_files() -> list[tuple[str, str]]:
    return [(path.name, path.read_text()) for path in sorted(MIGRATIONS.glob("[0-9]*.sql"))]


async def _create_table(connection: asyncpg.Connection[Any]) -> None:
    """Under the lock too, since PostgreSQL lets one of two simultaneous `IF NOT EXISTS` fail."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
        await connection.execute(
            """
            CREATE TABLE IF NOT EXISTS migrations (
                name text PRIMARY KEY,
                checksum text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now()
            )
            """
        )


async def _apply_file(connection: asyncpg.Connection[Any], name: str, text: str) -> bool:
    """Apply a file unless the database has it; whether it was applied."""
    checksum = hashlib.sha256(text.encode()).hexdigest()
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
            applied = await connection.fetchval("SELECT checksum FROM migrations WHERE name = $1", name)
            if applied is None:
                await connection.execute(text)
                await connection.execute("INSERT INTO migrations (name, checksum) VALUES ($1, $2)", name, checksum)
    except asyncpg.PostgresError as error:
        reason = f"{name} failed: {error}"
        raise MigrationError(reason) from error
    if applied not in (None, checksum):
        reason = f"{name} was changed after it was applied; write a new migration instead"
        raise MigrationError(reason)
    return applied is None
