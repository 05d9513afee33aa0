"""Event handlers: each reads the object that an event names as it is now, and writes what follows from it.

Nothing of an event but the object's name is used, so events may come in any order and any number of times.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from api.billing.events import metering
from api.billing.events.payments import PaymentHandlers
from api.billing.stripe import meters, reads
from api.billing.stripe.client import Stripe
from api.billing.stripe.event_types import RENEWAL, REPORT
from api.billing.stripe.locks import LOCK_WAIT
from api.billing.stripe.objects import StripeSubscription
from api.billing.stripe.subscriptions import cancel_now, refund_payment
from api.billing.subscriptions.sync import sync_subscription
from api.billing.tariff.tariff import Tariff
from api.sql import subscriptions
from api.sql.connection import Pool
from api.sql.stripe_events import InboxEvent

log = structlog.get_logger()


class EventHandlers:
    """Applies events, each by the type of its object. Raises whatever prevents that."""

    def __init__(self, pool: Pool, stripe: Stripe, tariff: Tariff, *, lock_wait: float = LOCK_WAIT) -> None:
        self._pool = pool
        self._stripe = stripe
        self._tariff = tariff
        self._lock_wait = lock_wait
        self._payments = PaymentHandlers(pool, stripe, tariff, lock_wait=lock_wait)
        self._by_object_type: dict[str, Callable[[str], Awaitable[object]]] = {
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
        """Read the event's object and write what follows from it."""
        await self._by_object_type[event.object_type](event.object_id)

    async def _apply_subscription(self, subscription_id: str) -> StripeSubscription:
        subscription = await self._sync_subscription(subscription_id)
        await self._end_duplicates(subscription.customer)
        return subscription

    async def _sync_subscription(self, subscription_id: str) -> StripeSubscription:
        return await sync_subscription(
            self._pool, self._stripe, self._tariff, subscription_id, lock_wait=self._lock_wait
        )

    async def _end_duplicates(self, customer_id: str) -> None:
        """End every subscription of a customer but the one that began first, and refund it: it was bought by mistake,
        on two phones at once. Our rows may be old, so each is read again before anything is ended.
        """
        async with self._pool.acquire() as db:
            ids = await subscriptions.list_keeping_plan(db, customer_id)
        if len(ids) < 2:
            return
        listed = [await reads.retrieve_subscription(self._stripe, id) for id in ids]
        for duplicate in [subscription for subscription in listed if subscription.keeps_plan][1:]:
            await self._undo_duplicate(duplicate)

    async def _undo_duplicate(self, duplicate: StripeSubscription) -> None:
        """Refund first: a subscription that has ended would not be listed again."""
        log.warning("second_subscription", subscription_id=duplicate.id, customer_id=duplicate.customer)
        invoice_id = duplicate.latest_invoice
        invoice = await reads.retrieve_invoice(self._stripe, invoice_id) if invoice_id else None
        if invoice and invoice.payment_intent:
            await refund_payment(self._stripe, invoice.payment_intent)
        await cancel_now(self._stripe, duplicate.id)
        await self._sync_subscription(duplicate.id)

    async def _apply_session(self, session_id: str) -> None:
        session = await self._payments.apply_session(session_id)
        if session.is_settled and session.subscription:
            await self._apply_subscription(session.subscription)

    async def _apply_renewal(self, subscription_id: str) -> None:
        subscription = await self._apply_subscription(subscription_id)
        if subscription.latest_invoice:
            await self._payments.apply_invoice(subscription.latest_invoice)

    async def _apply_charge(self, charge_id: str) -> None:
        payment_intent_id = await reads.find_payment_of_charge(self._stripe, charge_id)
        if payment_intent_id:
            await self._payments.apply_payment(payment_intent_id)

    async def _apply_refund(self, refund_id: str) -> None:
        refund = await reads.retrieve_refund(self._stripe, refund_id)
        if refund.payment_intent:
            await self._payments.apply_payment(refund.payment_intent)

    async def _apply_dispute(self, dispute_id: str) -> None:
        dispute = await reads.retrieve_dispute(self._stripe, dispute_id)
        if dispute.payment_intent:
            await self._payments.apply_payment(dispute.payment_intent)

    async def _apply_report(self, event_id: str) -> None:
        report = await meters.retrieve_error_report(self._stripe, event_id)
        await metering.record_refusals(self._pool, report.error_types)
