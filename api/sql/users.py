"""The users table."""

from __future__ import annotations

from msgspec import Struct

from api.schemas.accounts import User
from api.sql.connection import Database, row

_USER = (
    "id, email, verified_at IS NOT NULL AS email_verified, name, locale, plan,"
    " floor(extract(epoch FROM created_at))::bigint AS created_at"
)


class Credentials(Struct, frozen=True):
    """What a log-in is judged by."""

    id: str
    password_hash: str
    suspended: bool


async def add(
    db: Database, *, id: str, email: str, password_hash: str, name: str, locale: str, full_allowance: bool
) -> bool:
    """Add a user; False if the address (in lower case) is taken."""
    tag = await db.execute(
        "INSERT INTO users (id, email, password_hash, name, locale, full_allowance)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (lower(email)) DO NOTHING",
        id,
        email,
        password_hash,
        name,
        locale,
        full_allowance,
    )
    return tag.endswith(" 1")


async def credentials(db: Database, email: str) -> Credentials | None:
    """The account with this address (in lower case)."""
    record = await db.fetchrow(
        "SELECT id, password_hash, suspended_at IS NOT NULL AS suspended FROM users WHERE lower(email) = $1",
        email,
    )
    return row(record, Credentials)


async def set_password_hash(db: Database, user_id: str, *, old: str, new: str) -> None:
    """Replace the hash, unless somebody has meanwhile."""
    await db.execute("UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2", user_id, old, new)


async def find(db: Database, user_id: str) -> User | None:
    """The user as the wire shows them."""
    return row(await db.fetchrow(f"SELECT {_USER} FROM users WHERE id = $1", user_id), User)


class Customer(Struct, frozen=True):
    """Who a user is at Stripe, as far as that is known, and whether a trial was had."""

    stripe_customer: str | None
    email: str
    locale: str
    trialled: bool


async def customer(db: Database, user_id: str) -> Customer | None:
    """The user as somebody who buys."""
    record = await db.fetchrow(
        "SELECT stripe_customer, email, locale, trialled_at IS NOT NULL AS trialled FROM users WHERE id = $1", user_id
    )
    return row(record, Customer)


async def set_customer(db: Database, user_id: str, *, old: str | None, new: str) -> None:
    """Note who the user is at Stripe, unless somebody has meanwhile."""
    await db.execute(
        "UPDATE users SET stripe_customer = $3 WHERE id = $1 AND stripe_customer IS NOT DISTINCT FROM $2",
        user_id,
        old,
        new,
    )


async def update(db: Database, user_id: str, *, name: str | None, locale: str | None) -> User | None:
    """Change what is not None; answer the user as they are now."""
    record = await db.fetchrow(
        f"UPDATE users SET name = coalesce($2, name), locale = coalesce($3, locale) WHERE id = $1 RETURNING {_USER}",
        user_id,
        name,
        locale,
    )
    return row(record, User)


async def plans(db: Database) -> list[tuple[str, int | None]]:
    """The versions of plans that anybody has; None for the newest."""
    records = await db.fetch("SELECT DISTINCT plan, plan_version FROM users ORDER BY 1, 2")
    return [tuple(record) for record in records]
