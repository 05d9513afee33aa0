"""The users table."""

from __future__ import annotations

from msgspec import Struct

from api.schemas.accounts import User
from api.sql.connection import Database, changed_one_row, row

_COLUMNS = """
    id, email, verified_at IS NOT NULL AS email_verified, name, locale, plan,
    floor(extract(epoch FROM created_at))::bigint AS created_at
"""


class Credentials(Struct, frozen=True):
    """What signing in checks."""

    id: str
    password_hash: str
    suspended: bool


async def insert_user(
    db: Database, *, id: str, email: str, password_hash: str, name: str, locale: str, full_allowance: bool
) -> bool:
    """Insert a user; False if the e-mail address is taken, in any case."""
    tag = await db.execute(
        """
        INSERT INTO users (id, email, password_hash, name, locale, full_allowance)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (lower(email)) DO NOTHING
        """,
        id,
        email,
        password_hash,
        name,
        locale,
        full_allowance,
    )
    return changed_one_row(tag)


async def find_credentials(db: Database, email: str) -> Credentials | None:
    """The credentials of the account with this e-mail address, given in lower case."""
    record = await db.fetchrow(
        """
        SELECT id, password_hash, suspended_at IS NOT NULL AS suspended
        FROM users
        WHERE lower(email) = $1
        """,
        email,
    )
    return row(record, Credentials)


async def set_password_hash(db: Database, user_id: str, *, old: str, new: str) -> None:
    """Replace the password hash if it is still `old`."""
    await db.execute("UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2", user_id, old, new)


async def find_user(db: Database, user_id: str) -> User | None:
    """The user as a response body."""
    return row(await db.fetchrow(f"SELECT {_COLUMNS} FROM users WHERE id = $1", user_id), User)


class Customer(Struct, frozen=True):
    """A user as a customer of Stripe; `stripe_customer` is None before the first purchase."""

    stripe_customer: str | None
    email: str
    locale: str
    trialled: bool


async def find_customer(db: Database, user_id: str) -> Customer | None:
    """The user as a customer of Stripe."""
    record = await db.fetchrow(
        """
        SELECT stripe_customer, email, locale, trialled_at IS NOT NULL AS trialled
        FROM users
        WHERE id = $1
        """,
        user_id,
    )
    return row(record, Customer)


async def set_customer(db: Database, user_id: str, *, old: str | None, new: str) -> None:
    """Replace the id of the user's Stripe customer if it is still `old`."""
    await db.execute(
        """
        UPDATE users
        SET stripe_customer = $3
        WHERE id = $1
          AND stripe_customer IS NOT DISTINCT FROM $2
        """,
        user_id,
        old,
        new,
    )


async def update_user(db: Database, user_id: str, *, name: str | None, locale: str | None) -> User | None:
    """Update the values that are not None; return the updated user."""
    record = await db.fetchrow(
        f"""
        UPDATE users
        SET name = coalesce($2, name), locale = coalesce($3, locale)
        WHERE id = $1
        RETURNING {_COLUMNS}
        """,
        user_id,
        name,
        locale,
    )
    return row(record, User)


async def list_plan_versions(db: Database) -> list[tuple[str, int | None]]:
    """Ids and versions of the plans that users have; version None means the newest."""
    records = await db.fetch("SELECT DISTINCT plan, plan_version FROM users ORDER BY 1, 2")
    return [tuple(record) for record in records]
