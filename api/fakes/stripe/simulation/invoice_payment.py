"""Getting an invoice paid, with all that follows from it."""

from __future__ import annotations

from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json, StripeError
from api.fakes.stripe.simulation import invoice_objects, invoices, payment_methods, payment_outcomes


def collect_invoice(world: StripeAccount, ident: str, method: Json | None = None) -> StripeError | None:
    """Try to get an open invoice paid, with `method` or what the customer chose; gives why it was not.

    One that is paid already, because nothing was due, has its consequences all the same.
    """
    invoice = world.require_object("invoice", ident)
    if invoice["status"] == "open":
        name = invoice_objects.billed_subscription(invoice)
        subscription = world.store.get_object("subscription", name) if name else None
        method = method or payment_methods.default_payment_method(world, invoice["customer"], subscription)
        fault = invoices.attempt_payment(world, invoice, method)
        if fault is not None:
            payment_outcomes.record_failed(world, invoice)
            return fault
    if invoice["status"] == "paid":
        payment_outcomes.record_paid(world, invoice)
    return None
