"""The checkouts table: pages at which somebody may pay. A user has one that is open for each kind of thing."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from api.sql.connection import Database, row

Kind = Literal["subscription", "pack"]
State = Literal["open", "completed", "expired"]


class CheckoutTerms(Struct, frozen=True, kw_only=True):
    """What a page is to sell, and where it leads afterwards. Two that are equal are one page."""

    kind: Kind
    item: str
    version: int
    quantity: int
    trial_days: int
    locale: str
    success_url: str
    cancel_url: str | None


class CheckoutRow(CheckoutTerms, frozen=True, kw_only=True):
    """A page, or one that is about to be: `session` is null until Stripe has made it."""

    id: str
    user_id: str
    session: str | None
    url: str | None
    expires_at: datetime | None

    @property
    def terms(self) -> CheckoutTerms:
        """What it sells."""
        return CheckoutTerms(**{name: getattr(self, name) for name in CheckoutTerms.__struct_fields__})


_COLUMNS = ", ".join(CheckoutRow.__struct_fields__)


async def find_open_checkout(db: Database, user_id: str, kind: Kind) -> CheckoutRow | None:
    """The user's open page of this kind."""
    return row(
        await db.fetchrow(
            f"SELECT {_COLUMNS} FROM checkouts WHERE user_id = $1 AND kind = $2 AND state = 'open'", user_id, kind
        ),
        CheckoutRow,
    )


async def insert_checkout(db: Database, id: str, user_id: str, wanted: CheckoutTerms) -> CheckoutRow | None:
    """Begin a page; None if there is an open one of its kind."""
    names = CheckoutTerms.__struct_fields__
    places = ", ".join(f"${number}" for number in range(3, 3 + len(names)))
    return row(
        await db.fetchrow(
            f"INSERT INTO checkouts (id, user_id, {', '.join(names)}) VALUES ($1, $2, {places})"
            f" ON CONFLICT (user_id, kind) WHERE state = 'open' DO NOTHING RETURNING {_COLUMNS}",
            id,
            user_id,
            *(getattr(wanted, name) for name in names),
        ),
        CheckoutRow,
    )


async def set_session(
    db: Database, id: str, *, session: str, url: str | None, expires_at: datetime
) -> CheckoutRow | None:
    """Note the page that Stripe made; None if it has been closed here meanwhile."""
    return row(
        await db.fetchrow(
            "UPDATE checkouts SET session = $2, url = $3, expires_at = $4 WHERE id = $1 AND state = 'open'"
            f" RETURNING {_COLUMNS}",
            id,
            session,
            url,
            expires_at,
        ),
        CheckoutRow,
    )


async def close_checkout(db: Database, id: str, state: State) -> None:
    """Note how a page ended, once."""
    await db.execute("UPDATE checkouts SET state = $2 WHERE id = $1 AND state = 'open'", id, state)
