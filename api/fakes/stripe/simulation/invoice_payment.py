"""Collection of an invoice with its consequences for the subscription."""

from __future__ import annotations

from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json, StripeError
from api.fakes.stripe.simulation import invoice_objects, invoices, payment_methods, payment_outcomes


def collect_invoice(account: StripeAccount, invoice_id: str, payment_method: Json | None = None) -> StripeError | None:
    """Attempt to collect an open invoice with `payment_method` or the default one; returns the error if it failed.

    An invoice that was paid by finalizing it, because nothing was due, has its consequences all the same.
    """
    invoice = account.require_object("invoice", invoice_id)
    if invoice["status"] == "open":
        subscription_id = invoice_objects.billed_subscription(invoice)
        subscription = account.store.get_object("subscription", subscription_id) if subscription_id else None
        payment_method = payment_method or payment_methods.default_payment_method(
            account, invoice["customer"], subscription
        )
        error = invoices.attempt_payment(account, invoice, payment_method)
        if error is not None:
            payment_outcomes.record_failed(account, invoice)
            return error
    if invoice["status"] == "paid":
        payment_outcomes.record_paid(account, invoice)
    return None
