"""The checkouts table: pages on which users pay. A user has at most one open page of each kind."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from api.schemas.billing import CheckoutKind
from api.sql.connection import Database, row

CheckoutState = Literal["open", "completed", "expired"]

_COLUMNS = (
    "id, user_id, kind, item, version, quantity, trial_days, locale, success_url, cancel_url, session, url, expires_at"
)


class CheckoutTerms(Struct, frozen=True, kw_only=True):
    """The item that a page sells, and its return URLs. Requests with equal terms share a page."""

    kind: CheckoutKind
    item: str
    version: int
    quantity: int
    trial_days: int
    locale: str
    success_url: str
    cancel_url: str | None


class CheckoutRow(CheckoutTerms, frozen=True, kw_only=True):
    """A page, or one that is about to be: `session` is null until Stripe has created it."""

    id: str
    user_id: str
    session: str | None
    url: str | None
    expires_at: datetime | None

    @property
    def terms(self) -> CheckoutTerms:
        """The terms alone, to compare with those of a request."""
        return CheckoutTerms(**{name: getattr(self, name) for name in CheckoutTerms.__struct_fields__})


class CheckoutPurchase(Struct, frozen=True):
    """The item that a checkout sells, and its buyer."""

    id: str
    user_id: str
    kind: CheckoutKind
    item: str
    version: int
    quantity: int


async def find_open_checkout(db: Database, user_id: str, kind: CheckoutKind) -> CheckoutRow | None:
    """The user's open page of this kind."""
    query = f"""
        SELECT {_COLUMNS}
        FROM checkouts
        WHERE user_id = $1 AND kind = $2 AND state = 'open'
    """
    return row(await db.fetchrow(query, user_id, kind), CheckoutRow)


async def insert_checkout(db: Database, id: str, user_id: str, terms: CheckoutTerms) -> CheckoutRow | None:
    """Insert a page; None if there is an open one of its kind."""
    query = f"""
        INSERT INTO checkouts (
            id, user_id, kind, item, version, quantity, trial_days, locale, success_url, cancel_url
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (user_id, kind) WHERE state = 'open' DO NOTHING
        RETURNING {_COLUMNS}
    """
    record = await db.fetchrow(
        query,
        id,
        user_id,
        terms.kind,
        terms.item,
        terms.version,
        terms.quantity,
        terms.trial_days,
        terms.locale,
        terms.success_url,
        terms.cancel_url,
    )
    return row(record, CheckoutRow)


async def set_session(
    db: Database, id: str, *, session: str, url: str | None, expires_at: datetime
) -> CheckoutRow | None:
    """Store the session that Stripe created; None if the page was closed here meanwhile."""
    query = f"""
        UPDATE checkouts
        SET session = $2, url = $3, expires_at = $4
        WHERE id = $1 AND state = 'open'
        RETURNING {_COLUMNS}
    """
    return row(await db.fetchrow(query, id, session, url, expires_at), CheckoutRow)


async def close_checkout(db: Database, id: str, state: CheckoutState) -> None:
    """Record how a page ended, once."""
    query = """
        UPDATE checkouts
        SET state = $2
        WHERE id = $1 AND state = 'open'
    """
    await db.execute(query, id, state)


async def find_purchase(db: Database, session: str, checkout_id: str | None) -> CheckoutPurchase | None:
    """The purchase of a session, by its id at Stripe or by the checkout it was created for; None if it is not ours."""
    query = """
        SELECT id, user_id, kind, item, version, quantity
        FROM checkouts
        WHERE session = $1 OR id = $2
    """
    return row(await db.fetchrow(query, session, checkout_id), CheckoutPurchase)
