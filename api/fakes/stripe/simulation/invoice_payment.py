"""Getting an invoice paid, with all that follows from it."""

from __future__ import annotations

from api.fakes.stripe.account import World
from api.fakes.stripe.errors import Json, StripeError
from api.fakes.stripe.simulation import invoice_objects as bills
from api.fakes.stripe.simulation import invoices as invoicing
from api.fakes.stripe.simulation import payment_methods as methods
from api.fakes.stripe.simulation import payment_outcomes as standing


def collect(world: World, ident: str, method: Json | None = None) -> StripeError | None:
    """Try to get an open invoice paid, with `method` or what the customer chose; gives why it was not.

    One that is paid already, because nothing was due, has its consequences all the same.
    """
    invoice = world.need("invoice", ident)
    if invoice["status"] == "open":
        name = bills.subscription_of(invoice)
        subscription = world.store.get("subscription", name) if name else None
        method = method or methods.paying(world, invoice["customer"], subscription)
        fault = invoicing.attempt(world, invoice, method)
        if fault is not None:
            standing.failed(world, invoice)
            return fault
    if invoice["status"] == "paid":
        standing.paid(world, invoice)
    return None
