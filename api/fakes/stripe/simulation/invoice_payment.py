"""Getting an invoice paid, with all that follows from it."""

from __future__ import annotations

from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json, StripeError
from api.fakes.stripe.simulation import invoice_objects, invoices, payment_methods, payment_outcomes


def collect(world: StripeAccount, ident: str, method: Json | None = None) -> StripeError | None:
    """Try to get an open invoice paid, with `method` or what the customer chose; gives why it was not.

    One that is paid already, because nothing was due, has its consequences all the same.
    """
    invoice = world.require_object("invoice", ident)
    if invoice["status"] == "open":
        name = invoice_objects.subscription_of(invoice)
        subscription = world.store.get_object("subscription", name) if name else None
        method = method or payment_methods.paying(world, invoice["customer"], subscription)
        fault = invoices.attempt(world, invoice, method)
        if fault is not None:
            payment_outcomes.failed(world, invoice)
            return fault
    if invoice["status"] == "paid":
        payment_outcomes.paid(world, invoice)
    return None
