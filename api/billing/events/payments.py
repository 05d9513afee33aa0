"""Handlers of payments: credits for invoices and packs, clawbacks for refunds and disputes."""

from __future__ import annotations

from fractions import Fraction

from api.billing.ledger import clawbacks, grants
from api.billing.stripe import lookup_keys, reads
from api.billing.stripe.client import Stripe
from api.billing.stripe.invoice_objects import Dispute, Invoice, PaymentIntent, Refund
from api.billing.stripe.locks import LOCK_WAIT, lock_object
from api.billing.stripe.objects import CheckoutSession, from_unix_time
from api.billing.subscriptions import invoice_credits
from api.billing.tariff.plans import TariffPlan
from api.billing.tariff.tariff import Tariff
from api.sql import checkouts, subscriptions
from api.sql.connection import Database, Pool
from api.sql.ledger.clawbacks import ClawbackKind

REFUND_COUNTS = frozenset({"pending", "requires_action", "succeeded"})
"""Statuses of a refund in which the money counts as gone back; `failed` and `canceled` are the others."""
DISPUTE_COUNTS = frozenset({"needs_response", "under_review", "lost"})
"""Statuses of a dispute in which the bank has the money. A mere inquiry (`warning_…`) has not taken it."""


class PaymentHandlers:
    """Applies invoices, checkout sessions and payment intents, by their ids."""

    def __init__(self, pool: Pool, stripe: Stripe, tariff: Tariff, *, lock_wait: float = LOCK_WAIT) -> None:
        self._pool = pool
        self._stripe = stripe
        self._tariff = tariff
        self._lock_wait = lock_wait

    async def apply_invoice(self, invoice_id: str) -> Invoice:
        """Grant the credits of an invoice's lines, if it is paid."""
        invoice = await reads.retrieve_invoice(self._stripe, invoice_id)
        plans = await lookup_keys.plans_of_lines(self._stripe, self._tariff, invoice.lines.data)
        async with self._pool.acquire() as db, db.transaction():
            await _grant_invoice(db, invoice, plans)
        return invoice

    async def apply_session(self, session_id: str) -> CheckoutSession:
        """Record how a checkout session ended, and grant the pack it sold once nothing is owed."""
        async with lock_object(self._pool, "checkout", session_id, self._lock_wait) as db:
            session = await reads.retrieve_checkout_session(self._stripe, session_id)
            await self._grant_purchase(db, session)
        return session

    async def apply_payment(self, payment_intent_id: str) -> None:
        """Bring a payment's credits to what refunds and disputes leave of them. What it bought is granted first, for
        credits that have not come yet cannot be taken back.
        """
        async with lock_object(self._pool, "payment", payment_intent_id, self._lock_wait) as db:
            payment = await reads.retrieve_payment_intent(self._stripe, payment_intent_id)
            invoice = await reads.find_invoice_of_payment(self._stripe, payment_intent_id)
            lines = invoice.lines.data if invoice else []
            plans = await lookup_keys.plans_of_lines(self._stripe, self._tariff, lines)
            sessions = await reads.list_checkout_sessions(self._stripe, payment_intent_id)
            refunds = await reads.list_refunds(self._stripe, payment_intent_id)
            disputes = await reads.list_disputes(self._stripe, payment_intent_id)
            if invoice:
                await _grant_invoice(db, invoice, plans)
            for session in sessions:
                await self._grant_purchase(db, session)
            for claim, kind, share in claimed_shares(payment, refunds, disputes):
                await clawbacks.apply_claim(db, claim=claim, kind=kind, payment=payment_intent_id, share=share)

    async def _grant_purchase(self, db: Database, session: CheckoutSession) -> None:
        checkout_id = (session.metadata or {}).get("checkout")
        purchase = await checkouts.find_purchase(db, session.id, checkout_id)
        if purchase is None:
            return
        if session.end_state:
            await checkouts.close_checkout(db, purchase.id, session.end_state)
        if purchase.kind == "pack" and session.is_settled:
            pack = self._tariff.find_pack(purchase.item, purchase.version)
            await grants.grant_pack(
                db,
                purchase.user_id,
                source="stripe",
                key=session.id,
                credits=pack.credits * purchase.quantity,
                payment=session.payment_intent,
                invoice=session.invoice,
            )


async def _grant_invoice(db: Database, invoice: Invoice, plans: dict[str, TariffPlan]) -> None:
    if invoice.status != "paid" or not invoice.customer or not invoice.subscription_id:
        return
    owner = await subscriptions.lock_owner(db, invoice.customer, invoice.subscription_id)
    if owner is None:
        return
    for grant in invoice_credits.compute_grants(invoice.lines.data, plans, invoice.subscription_id):
        await grants.grant_allowance(
            db,
            owner,
            key=grant.key,
            credits=grant.credits,
            expires_at=from_unix_time(grant.expires_at),
            invoice=invoice.id,
            payment=invoice.payment_intent,
        )


def claimed_shares(
    payment: PaymentIntent, refunds: list[Refund], disputes: list[Dispute]
) -> list[tuple[str, ClawbackKind, Fraction]]:
    """Id and kind of each refund and dispute, with the share (0 to 1) of the payment's credits that it takes back."""
    paid = max(payment.amount_received, 1)
    claims: list[tuple[str, ClawbackKind, Fraction]] = []
    for refund in refunds:
        amount = refund.amount if refund.status in REFUND_COUNTS else 0
        claims.append((refund.id, "refund", min(Fraction(amount, paid), Fraction(1))))
    claims.extend((dispute.id, "dispute", Fraction(dispute.status in DISPUTE_COUNTS)) for dispute in disputes)
    return claims
