"""Pages on which users pay. A user has one open page for each kind of purchase: the same request returns the same page,
and another request closes the first page, so that no purchase is paid twice from two screens.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from api import ids
from api.billing.stripe import checkout_sessions, lookup_keys, reads
from api.billing.stripe.checkout_sessions import CheckoutSpec
from api.billing.stripe.client import Stripe, none_if_missing
from api.billing.stripe.lookup_keys import PriceCatalog
from api.billing.stripe.objects import CheckoutSession, StripeSubscription
from api.billing.subscriptions.buyers import Buyer
from api.billing.tariff.tariff import Tariff
from api.errors import AlreadySubscribed, Conflict, Invalid, PaymentRequestRejected
from api.sql import checkouts
from api.sql.checkouts import CheckoutRow, CheckoutState, CheckoutTerms
from api.sql.connection import Pool, transaction
from api.sql.subscriptions import LIVE

SHORTEST_REMAINDER = 600
"""Seconds for which a page must still be open to be returned again."""
OPENING_ROUNDS = 5
"""How often a concurrent request may come between before this one gives up."""
EXCLUSIVE = frozenset(LIVE) - {"incomplete"}
"""Statuses of a subscription beside which there can be no other; one that is `incomplete` never began."""


def refuse_second_subscription(subscriptions: list[StripeSubscription]) -> None:
    """Raise AlreadySubscribed if one of a customer's subscriptions allows no other beside it."""
    if any(subscription.status in EXCLUSIVE for subscription in subscriptions):
        raise AlreadySubscribed("POST /v1/billing/subscription/change changes the plan, now or at the period's end.")


class CheckoutPages:
    """Opens and closes pages."""

    def __init__(self, pool: Pool, stripe: Stripe, tariff: Tariff, prices: PriceCatalog) -> None:
        self._pool = pool
        self._stripe = stripe
        self._tariff = tariff
        self._prices = prices

    async def get_or_open(self, buyer: Buyer, terms: CheckoutTerms) -> CheckoutRow:
        """The open page with these terms. Raises AlreadySubscribed if a subscription was paid on it meanwhile."""
        for _ in range(OPENING_ROUNDS):
            async with transaction(self._pool) as db:
                row = await checkouts.insert_checkout(db, ids.new_id("checkout"), buyer.user_id, terms)
                row = row or await checkouts.find_open_checkout(db, buyer.user_id, terms.kind)
            if row and row.session is None:
                row = await self._create_session(buyer, row)
            elif row and not await self._is_usable(row):
                row = None
            if row and row.terms == terms:
                return row
            if row:
                await self._close_page(row)
        raise Conflict("Another checkout is being opened. Ask again in a moment.", headers={"Retry-After": "1"})

    async def _create_session(self, buyer: Buyer, row: CheckoutRow) -> CheckoutRow | None:
        """The row with its session, created even for a row that is to be closed: the request that inserted the row may
        have died after its page was opened. None if the row was closed meanwhile by another request. A row for which
        Stripe refuses a session is closed, so that it does not block the next.
        """
        try:
            session = await self._create_page(buyer, row)
        except (PaymentRequestRejected, Invalid):
            await self._record_state(row, "expired")
            raise
        expires_at = datetime.fromtimestamp(session.expires_at, UTC)
        async with transaction(self._pool) as db:
            return await checkouts.set_session(db, row.id, session=session.id, url=session.url, expires_at=expires_at)

    async def _create_page(self, buyer: Buyer, row: CheckoutRow) -> CheckoutSession:
        metadata = {row.kind if row.kind == "pack" else "plan": row.item, "version": str(row.version)}
        if row.kind == "pack":
            pack = self._tariff.find_pack(row.item, row.version)
            [price] = await self._prices.find_prices(lookup_keys.pack_key(pack))
            spec = _checkout_spec(buyer, row, extra_metadata=metadata, price=price)
            return await checkout_sessions.create_pack_checkout(self._stripe, spec)
        plan = self._tariff.find_plan(row.item, row.version)
        price, metered = await self._prices.find_prices(
            lookup_keys.plan_key(plan), lookup_keys.overage_key(self._tariff.overage)
        )
        spec = _checkout_spec(buyer, row, extra_metadata=metadata, price=price, metered=metered)
        return await checkout_sessions.create_subscription_checkout(self._stripe, spec)

    async def _is_usable(self, row: CheckoutRow) -> bool:
        """True if the page is open and stays so for a while; otherwise its row is closed too."""
        session = await none_if_missing(reads.retrieve_checkout_session(self._stripe, row.session or ""))
        if session is None:  # it is of another account, from before the key was changed
            await self._record_state(row, "expired")
        elif session.status != "open":
            await self._record_end(row, session)
        elif session.expires_at - time.time() > SHORTEST_REMAINDER:
            return True
        else:
            await self._close_page(row)
        return False

    async def _close_page(self, row: CheckoutRow) -> None:
        """Close a page, at Stripe first."""
        try:
            session = await checkout_sessions.expire_session(self._stripe, row.session or "")
        except PaymentRequestRejected:
            session = await reads.retrieve_checkout_session(self._stripe, row.session or "")
            if session.status == "open":
                raise
        await self._record_end(row, session)

    async def _record_end(self, row: CheckoutRow, session: CheckoutSession) -> None:
        if session.end_state == "completed" and session.subscription:
            refuse_second_subscription([await reads.retrieve_subscription(self._stripe, session.subscription)])
        await self._record_state(row, session.end_state or "expired")

    async def _record_state(self, row: CheckoutRow, state: CheckoutState) -> None:
        async with transaction(self._pool) as db:
            await checkouts.close_checkout(db, row.id, state)


def _checkout_spec(buyer: Buyer, row: CheckoutRow, **priced: Any) -> CheckoutSpec:
    return CheckoutSpec(
        id=row.id,
        user_id=row.user_id,
        customer=buyer.customer,
        locale=row.locale,
        success_url=row.success_url,
        cancel_url=row.cancel_url,
        quantity=row.quantity,
        trial_days=row.trial_days,
        **priced,
    )
