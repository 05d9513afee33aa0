"""What payments bring and what they take back: credits for invoices and packs, clawbacks for refunds and disputes."""

from __future__ import annotations

from fractions import Fraction

from api.billing.ledger import clawbacks, grants
from api.billing.stripe import plan_of_price
from api.billing.stripe.client import Stripe
from api.billing.stripe.locks import lock_object
from api.billing.stripe.objects import CheckoutSession, Dispute, Invoice, PaymentIntent, Refund, from_unix_time
from api.billing.subscriptions import invoice_credits
from api.billing.tariff.plans import TariffPlan
from api.billing.tariff.tariff import Tariff
from api.sql import checkouts, subscriptions
from api.sql.clawbacks import ClawbackKind
from api.sql.connection import Database, Pool

GIVEN_BACK = frozenset({"pending", "requires_action", "succeeded"})
"""States of a refund in which the money counts as gone back; `failed` and `canceled` are the others."""
CONTESTED = frozenset({"needs_response", "under_review", "lost"})
"""States of a dispute in which the bank has the money. A mere inquiry (`warning_…`) has not taken it."""


class PaymentHandlers:
    """Applies payments."""

    def __init__(self, pool: Pool, stripe: Stripe, tariff: Tariff) -> None:
        self._pool = pool
        self._stripe = stripe
        self._tariff = tariff

    async def apply_invoice(self, name: str) -> Invoice:
        """Grant what an invoice's lines buy, if it is paid."""
        invoice = await self._stripe.invoice(name)
        plans = await self._plans(invoice)
        async with self._pool.acquire() as db, db.transaction():
            await self._grant_invoice(db, invoice, plans)
        return invoice

    async def apply_session(self, name: str) -> CheckoutSession:
        """Note how a checkout ended, and hand over the pack it sold once nothing is owed."""
        async with lock_object(self._pool, "checkout", name) as db:
            session = await self._stripe.session(name)
            async with db.transaction():
                await self._grant_purchase(db, session)
        return session

    async def apply_payment(self, name: str) -> None:
        """Bring a payment's credits to what refunds and disputes leave of them. What it bought is handed over first,
        for what has not come yet cannot be taken back.
        """
        async with lock_object(self._pool, "payment", name) as db:
            payment = await self._stripe.payment(name)
            invoice = await self._stripe.invoice_of(name)
            plans = await self._plans(invoice) if invoice else {}
            sessions = await self._stripe.sessions_of(name)
            claims = claimed_shares(payment, await self._stripe.refunds(name), await self._stripe.disputes(name))
            async with db.transaction():
                if invoice:
                    await self._grant_invoice(db, invoice, plans)
                for session in sessions:
                    await self._grant_purchase(db, session)
                for claim, kind, share in claims:
                    await clawbacks.apply_claim(db, claim=claim, kind=kind, payment=name, share=share)

    async def _plans(self, invoice: Invoice) -> dict[str, TariffPlan]:
        """The plans whose prices an invoice charges, by price."""
        names = {line.price_id for line in invoice.lines.data if line.price_id}
        found = {name: plan_of_price.plan(self._tariff, await self._stripe.price(name)) for name in sorted(names)}
        return {name: plan for name, plan in found.items() if plan}

    async def _grant_invoice(self, db: Database, invoice: Invoice, plans: dict[str, TariffPlan]) -> None:
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

    async def _grant_purchase(self, db: Database, session: CheckoutSession) -> None:
        bought = await subscriptions.find_purchase(db, session.id, (session.metadata or {}).get("checkout"))
        if bought is None:
            return
        if session.end_state:
            await checkouts.close_checkout(db, bought.id, session.end_state)
        if bought.kind == "pack" and session.is_settled:
            pack = self._tariff.find_pack(bought.item, bought.version)
            await grants.grant_pack(
                db,
                bought.user_id,
                source="stripe",
                key=session.id,
                credits=pack.credits * bought.quantity,
                payment=session.payment_intent,
                invoice=session.invoice,
            )


def claimed_shares(
    payment: PaymentIntent, refunds: list[Refund], disputes: list[Dispute]
) -> list[tuple[str, ClawbackKind, Fraction]]:
    """How much of what a payment bought each refund and each dispute takes back, from 0 to 1."""
    paid = max(payment.amount_received, 1)
    found: list[tuple[str, ClawbackKind, Fraction]] = []
    for refund in refunds:
        amount = refund.amount if refund.status in GIVEN_BACK else 0
        found.append((refund.id, "refund", min(Fraction(amount, paid), Fraction(1))))
    found.extend((dispute.id, "dispute", Fraction(dispute.status in CONTESTED)) for dispute in disputes)
    return found
