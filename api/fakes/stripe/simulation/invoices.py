"""The life of an invoice: draft, open, paid or void. Knows nothing of what a payment does to a subscription."""

from __future__ import annotations

from collections.abc import Sequence

from api.fakes.stripe import errors
from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.clock import DAY, HOUR
from api.fakes.stripe.errors import Json, StripeError
from api.fakes.stripe.simulation import invoice_objects, payments

RETRY_DELAYS = (3 * DAY, 5 * DAY, 7 * DAY)
"""Seconds from one failed attempt to the next; after the last the subscription has failed."""
DRAFT_LIFETIME = HOUR
"""Seconds for which the bill of a new period stays a draft, so that late usage still gets on it."""


def create_draft(
    world: StripeAccount,
    customer: str,
    lines: Sequence[Json],
    *,
    reason: str,
    subscription: Json,
    period: tuple[int, int] | None = None,
    proration_date: int | None = None,
) -> Json:
    """A new invoice of a subscription, which becomes its latest."""
    owner = world.require_object("customer", customer)
    invoice = invoice_objects.new_invoice(
        world,
        owner,
        lines,
        reason=reason,
        subscription=subscription,
        period=period,
        proration_date=proration_date,
    )
    if owner["currency"] is None:
        owner["currency"] = invoice["currency"]
        world.update_object(owner)
    subscription["latest_invoice"] = invoice["id"]
    return world.create_object(invoice, "invoice.created")


def finalize_invoice(world: StripeAccount, invoice: Json) -> Json:
    """Make it binding: a number, and a payment to come unless nothing is due."""
    owner = world.require_object("customer", invoice["customer"])
    number = owner["next_invoice_sequence"]
    owner |= {"balance": invoice["ending_balance"], "next_invoice_sequence": number + 1}
    world.update_object(owner)
    page = f"{world.base_url}/i/{invoice['id']}"
    invoice |= {
        "auto_advance": True,
        "automatically_finalizes_at": None,
        "effective_at": world.now(),
        "hosted_invoice_url": page,
        "invoice_pdf": f"{page}/pdf",
        "number": f"{owner['invoice_prefix']}-{number:04}",
        "status": "open",
    }
    _set_transition_time(world, invoice, "finalized_at")
    world.update_object(invoice)
    if invoice["amount_due"] > 0:
        _create_invoice_payment(world, invoice)
    world.emit_event("invoice.finalized", invoice)
    return mark_paid(world, invoice) if invoice["amount_due"] == 0 else invoice


def _create_invoice_payment(world: StripeAccount, invoice: Json) -> None:
    """The payment of an invoice, before anybody tries to make it."""
    intent = payments.create_payment_intent(
        world,
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        description="Subscription update" if invoice["billing_reason"] == "subscription_update" else "Subscription",
        setup="off_session",
    )
    world.create_object(
        {
            "id": new_id("inpay_1"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": world.now(),
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )


def find_invoice_payment(world: StripeAccount, invoice: Json) -> Json | None:
    """The payment that an invoice waits for or was paid with."""
    return world.store.find_first("invoice_payment", {"invoice": invoice["id"]})


def attempt_payment(world: StripeAccount, invoice: Json, method: Json | None) -> StripeError | None:
    """Try to get it paid; gives the reason why it was not. The invoice is changed in place."""
    waiting = find_invoice_payment(world, invoice)
    if waiting is None:
        return None
    fault: StripeError | None
    if method is None:
        words = "There is no `default_payment_method` set on this Customer or Invoice. Please set one and try again."
        fault = errors.invalid_request(words, code="resource_missing", begun=True)
    else:
        fault = payments.attempt_charge(
            world, world.require_object("payment_intent", waiting["payment"]["payment_intent"]), method
        )
    invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1, "next_payment_attempt": None}
    if fault is not None:
        world.update_object(invoice)
        return fault
    waiting |= {"amount_paid": waiting["amount_requested"], "status": "paid"}
    waiting["status_transitions"] = {**waiting["status_transitions"], "paid_at": world.now()}
    world.update_object(waiting)
    world.emit_event("invoice_payment.paid", waiting)
    mark_paid(world, invoice)
    return None


def mark_paid(world: StripeAccount, invoice: Json) -> Json:
    """Nothing is owed any more."""
    invoice |= {
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
        "attempted": True,
        "auto_advance": False,
        "next_payment_attempt": None,
        "status": "paid",
    }
    _set_transition_time(world, invoice, "paid_at")
    world.due_actions.cancel("retry", invoice["id"])
    world.update_object(invoice)
    for event in ("invoice.updated", "invoice.paid", "invoice.payment_succeeded"):
        world.emit_event(event, invoice)
    return invoice


def record_failed_attempt(world: StripeAccount, invoice: Json, *, again: bool) -> bool:
    """Tell of an attempt that failed; gives whether there will be another."""
    will = again and schedule_retry(world, invoice)
    invoice["auto_advance"] = will
    world.update_object(invoice)
    world.emit_event("invoice.payment_failed", invoice)
    return will


def schedule_retry(world: StripeAccount, invoice: Json) -> bool:
    """Try again later, if there is a try left."""
    tries = invoice["attempt_count"]
    if tries > len(RETRY_DELAYS):
        return False
    invoice |= {"auto_advance": True, "next_payment_attempt": world.now() + RETRY_DELAYS[tries - 1]}
    world.due_actions.schedule("retry", invoice["id"], invoice["next_payment_attempt"])
    world.update_object(invoice)
    return True


def void_invoice(world: StripeAccount, invoice: Json) -> None:
    """Nobody will have to pay it."""
    invoice |= {"auto_advance": False, "next_payment_attempt": None, "status": "void"}
    _set_transition_time(world, invoice, "voided_at")
    world.due_actions.cancel("retry", invoice["id"])
    world.update_object(invoice, "invoice.voided")
    waiting = find_invoice_payment(world, invoice)
    if waiting is not None and waiting["status"] == "open":
        waiting["status"] = "canceled"
        waiting["status_transitions"] = {**waiting["status_transitions"], "canceled_at": world.now()}
        world.update_object(waiting)
        payments.cancel_payment_intent(world, waiting["payment"]["payment_intent"], "void_invoice")


def _set_transition_time(world: StripeAccount, invoice: Json, name: str) -> None:
    invoice["status_transitions"] = {**invoice["status_transitions"], name: world.now()}
