"""Applying what Stripe tells of: the object an event names is read as it is now, and what follows from it is written.

Nothing of an event but that name is believed, so events may come in any order and any number of times.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from api.billing.events import metering
from api.billing.events.payments import PaymentHandlers
from api.billing.stripe import refunds
from api.billing.stripe.client import Stripe
from api.billing.stripe.event_types import RENEWAL, REPORT
from api.billing.stripe.objects import StripeSubscription
from api.billing.subscriptions.sync import sync_subscription
from api.billing.tariff.tariff import Tariff
from api.sql import subscriptions
from api.sql.connection import Pool
from api.sql.stripe_events import InboxEvent

log = structlog.get_logger()


class EventHandlers:
    """Applies events, each by the kind of its object. Raises what stands in the way."""

    def __init__(self, pool: Pool, stripe: Stripe, tariff: Tariff) -> None:
        self._pool = pool
        self._stripe = stripe
        self._tariff = tariff
        self._payments = PaymentHandlers(pool, stripe, tariff)
        self._by_kind: dict[str, Callable[[str], Awaitable[object]]] = {
            "subscription": self._apply_subscription,
            "invoice": self._payments.apply_invoice,
            "checkout.session": self._apply_session,
            "charge": self._apply_charge,
            "refund": self._apply_refund,
            "dispute": self._apply_dispute,
            REPORT: self._apply_report,
            RENEWAL: self._apply_renewal,
        }

    async def apply_event(self, event: InboxEvent) -> None:
        """Read and write what the event is about."""
        await self._by_kind[event.object_type](event.object_id)

    async def _apply_subscription(self, name: str) -> StripeSubscription:
        seen = await sync_subscription(self._pool, self._stripe, self._tariff, name)
        await self._end_duplicates(seen)
        return seen

    async def _end_duplicates(self, seen: StripeSubscription) -> None:
        """End every subscription of a person but the one that began first, and pay back what it took: it was bought
        by mistake, on two phones at once. Our rows may be old, so each is looked at before anything is ended.
        """
        async with self._pool.acquire() as db:
            names = await subscriptions.list_keeping_plan(db, seen.customer)
        if len(names) < 2:
            return
        now = [await self._stripe.subscription(name) for name in names]
        for other in [one for one in now if one.keeps_plan][1:]:
            await self._undo_duplicate(other)

    async def _undo_duplicate(self, seen: StripeSubscription) -> None:
        """The money goes back first: a subscription that has ended would not be found here again."""
        log.warning("second_subscription", subscription_id=seen.id, customer_id=seen.customer)
        invoice = await self._stripe.invoice(seen.latest_invoice) if seen.latest_invoice else None
        if invoice and invoice.payment_intent:
            await refunds.pay_back(self._stripe, invoice.payment_intent)
        await refunds.end(self._stripe, seen.id)
        await sync_subscription(self._pool, self._stripe, self._tariff, seen.id)

    async def _apply_session(self, name: str) -> None:
        session = await self._payments.apply_session(name)
        if session.is_settled and session.subscription:
            await self._apply_subscription(session.subscription)

    async def _apply_renewal(self, name: str) -> None:
        seen = await self._apply_subscription(name)
        if seen.latest_invoice:
            await self._payments.apply_invoice(seen.latest_invoice)

    async def _apply_charge(self, name: str) -> None:
        payment = await self._stripe.payment_of(name)
        if payment:
            await self._payments.apply_payment(payment)

    async def _apply_refund(self, name: str) -> None:
        refund = await self._stripe.refund(name)
        if refund.payment_intent:
            await self._payments.apply_payment(refund.payment_intent)

    async def _apply_dispute(self, name: str) -> None:
        dispute = await self._stripe.dispute(name)
        if dispute.payment_intent:
            await self._payments.apply_payment(dispute.payment_intent)

    async def _apply_report(self, name: str) -> None:
        report = await self._stripe.meter_errors(name)
        await metering.record_refusals(self._pool, report.error_types)
