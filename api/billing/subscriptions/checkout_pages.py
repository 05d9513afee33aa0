"""Pages to pay at. A user has one open page for each kind of thing: asking again for the same gives the same page, and
asking for another closes the first, so that nobody pays twice from two screens.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from api import ids
from api.billing.stripe import checkout_sessions, lookup_keys
from api.billing.stripe.checkout_sessions import Order
from api.billing.stripe.client import Stripe, if_there
from api.billing.stripe.lookup_keys import PriceCatalog
from api.billing.stripe.objects import LIVE, CheckoutSession, StripeSubscription
from api.billing.subscriptions.customers import Buyer
from api.billing.tariff.tariff import Tariff
from api.errors import Conflict, Invalid, PaymentsRefused, Subscribed
from api.sql import checkouts
from api.sql.checkouts import CheckoutRow, CheckoutTerms
from api.sql.connection import Pool, transaction

SHORTEST = 600
"""Seconds for which a page must still be open to be given out again."""
ROUNDS = 5
"""How often another request may come between before this one gives way."""
HOLDS = LIVE - {"incomplete"}
"""Statuses of a subscription beside which there is no place for another; one that is `incomplete` never began."""


def refuse_second_subscription(had: list[StripeSubscription]) -> None:
    """Raise Subscribed if one of a customer's subscriptions still holds."""
    if any(one.status in HOLDS for one in had):
        raise Subscribed("POST /v1/billing/subscription/change changes the plan, now or at the period's end.")


class CheckoutPages:
    """Opens and closes pages."""

    def __init__(self, pool: Pool, stripe: Stripe, tariff: Tariff, prices: PriceCatalog) -> None:
        self._pool = pool
        self._stripe = stripe
        self._tariff = tariff
        self._prices = prices

    async def get_or_open(self, buyer: Buyer, wanted: CheckoutTerms) -> CheckoutRow:
        """The open page that sells this. Raises Subscribed if a subscription has been paid at it meanwhile."""
        for _ in range(ROUNDS):
            async with transaction(self._pool) as db:
                row = await checkouts.insert_checkout(db, ids.new(ids.CHECKOUT), buyer.user_id, wanted)
                row = row or await checkouts.find_open_checkout(db, buyer.user_id, wanted.kind)
            if row and row.session is None:
                row = await self._create_session(buyer, row)
            elif row and not await self._is_usable(row):
                row = None
            if row and row.terms == wanted:
                return row
            if row:
                await self._close_page(row)
        raise Conflict("Another checkout is being opened. Ask again in a moment.", headers={"Retry-After": "1"})

    async def _create_session(self, buyer: Buyer, row: CheckoutRow) -> CheckoutRow | None:
        """The row with its page. That is made even for a row that is to be closed: whoever began the row may be lost,
        and the page open. None if the row was closed meanwhile, by somebody who had the same page and closed it.
        A row that Stripe will make no page for is closed, so that it is in nobody's way.
        """
        try:
            session = await self._create_page(buyer, row)
        except (PaymentsRefused, Invalid):
            async with transaction(self._pool) as db:
                await checkouts.close_checkout(db, row.id, "expired")
            raise
        expires_at = datetime.fromtimestamp(session.expires_at, UTC)
        async with transaction(self._pool) as db:
            return await checkouts.set_session(db, row.id, session=session.id, url=session.url, expires_at=expires_at)

    async def _create_page(self, buyer: Buyer, row: CheckoutRow) -> CheckoutSession:
        about = {row.kind if row.kind == "pack" else "plan": row.item, "version": str(row.version)}
        if row.kind == "pack":
            [price] = await self._prices.find_prices(
                lookup_keys.pack_key(self._tariff.find_pack(row.item, row.version))
            )
            return await checkout_sessions.pack_page(self._stripe, _order(buyer, row, about=about, price=price))
        plan = self._tariff.find_plan(row.item, row.version)
        price, metered = await self._prices.find_prices(
            lookup_keys.plan_key(plan), lookup_keys.overage_key(self._tariff.overage)
        )
        order = _order(buyer, row, about=about, price=price, metered=metered)
        return await checkout_sessions.subscription_page(self._stripe, order)

    async def _is_usable(self, row: CheckoutRow) -> bool:
        """Whether a page is open and stays so for a while; one that is not is closed here too."""
        session = await self._retrieve_session(row)
        if session is None:
            async with transaction(self._pool) as db:
                await checkouts.close_checkout(db, row.id, "expired")
            return False
        if session.status == "open":
            if session.expires_at - time.time() > SHORTEST:
                return True
            await self._close_page(row)
        else:
            await self._record_end(row, session)
        return False

    async def _retrieve_session(self, row: CheckoutRow) -> CheckoutSession | None:
        """The page; None for one of another account, sold at before the key was changed."""
        return await if_there(self._stripe.session(row.session or ""))

    async def _close_page(self, row: CheckoutRow) -> None:
        """Close a page, first where it can be paid."""
        try:
            session = await checkout_sessions.expire(self._stripe, row.session or "")
        except PaymentsRefused:
            session = await self._stripe.session(row.session or "")
            if session.status == "open":
                raise
        await self._record_end(row, session)

    async def _record_end(self, row: CheckoutRow, session: CheckoutSession) -> None:
        if session.end_state == "completed" and session.subscription:
            refuse_second_subscription([await self._stripe.subscription(session.subscription)])
        async with transaction(self._pool) as db:
            await checkouts.close_checkout(db, row.id, session.end_state or "expired")


def _order(buyer: Buyer, row: CheckoutRow, **what: Any) -> Order:
    return Order(
        id=row.id,
        user_id=row.user_id,
        customer=buyer.customer,
        locale=row.locale,
        success_url=row.success_url,
        cancel_url=row.cancel_url,
        quantity=row.quantity,
        trial_days=row.trial_days,
        **what,
    )
