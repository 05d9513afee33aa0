"""The states of an invoice: draft, open, paid, void. Knows nothing of a payment's effect on the subscription."""

from __future__ import annotations

from collections.abc import Sequence

from api.fakes.stripe import errors
from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.clock import DAY, HOUR
from api.fakes.stripe.errors import Json, StripeError
from api.fakes.stripe.simulation import invoice_objects, payments

RETRY_DELAYS = (3 * DAY, 5 * DAY, 7 * DAY)
"""Seconds from one failed attempt to the next; after the last one collection has failed."""
DRAFT_LIFETIME = HOUR
"""Seconds for which a renewal invoice stays a draft, so that late usage is still included."""


def create_draft(
    account: StripeAccount,
    customer_id: str,
    lines: Sequence[Json],
    *,
    reason: str,
    subscription: Json,
    period: tuple[int, int] | None = None,
    proration_date: int | None = None,
) -> Json:
    """A new invoice of a subscription, whose latest invoice it becomes."""
    customer = account.require_object("customer", customer_id)
    invoice = invoice_objects.new_invoice(
        account,
        customer,
        lines,
        reason=reason,
        subscription=subscription,
        period=period,
        proration_date=proration_date,
    )
    if customer["currency"] is None:
        customer["currency"] = invoice["currency"]
        account.update_object(customer)
    subscription["latest_invoice"] = invoice["id"]
    return account.create_object(invoice, "invoice.created")


def finalize_invoice(account: StripeAccount, invoice: Json) -> Json:
    """Assign a number, then expect a payment, or mark it paid if nothing is due."""
    customer = account.require_object("customer", invoice["customer"])
    number = customer["next_invoice_sequence"]
    customer |= {"balance": invoice["ending_balance"], "next_invoice_sequence": number + 1}
    account.update_object(customer)
    page = f"{account.base_url}/i/{invoice['id']}"
    invoice |= {
        "auto_advance": True,
        "automatically_finalizes_at": None,
        "effective_at": account.now(),
        "hosted_invoice_url": page,
        "invoice_pdf": f"{page}/pdf",
        "number": f"{customer['invoice_prefix']}-{number:04}",
        "status": "open",
    }
    _set_transition_time(account, invoice, "finalized_at")
    account.update_object(invoice)
    if invoice["amount_due"] > 0:
        _create_invoice_payment(account, invoice)
    account.emit_event("invoice.finalized", invoice)
    return mark_paid(account, invoice) if invoice["amount_due"] == 0 else invoice


def _create_invoice_payment(account: StripeAccount, invoice: Json) -> None:
    """Create the payment intent of an invoice before the first attempt."""
    payment_intent = payments.create_payment_intent(
        account,
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        description="Subscription update" if invoice["billing_reason"] == "subscription_update" else "Subscription",
        setup_future_usage="off_session",
    )
    account.create_object(
        {
            "id": new_id("inpay_1"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": account.now(),
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"payment_intent": payment_intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )


def find_invoice_payment(account: StripeAccount, invoice: Json) -> Json | None:
    """The payment that an invoice expects or was paid with."""
    return account.store.find_first("invoice_payment", {"invoice": invoice["id"]})


def attempt_payment(account: StripeAccount, invoice: Json, payment_method: Json | None) -> StripeError | None:
    """Attempt to collect; returns the error if it failed. The invoice is changed in place."""
    invoice_payment = find_invoice_payment(account, invoice)
    if invoice_payment is None:
        return None
    error: StripeError | None
    if payment_method is None:
        message = "There is no `default_payment_method` set on this Customer or Invoice. Please set one and try again."
        error = errors.invalid_request(message, code="resource_missing", begun=True)
    else:
        error = payments.attempt_charge(
            account,
            account.require_object("payment_intent", invoice_payment["payment"]["payment_intent"]),
            payment_method,
        )
    invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1, "next_payment_attempt": None}
    if error is not None:
        account.update_object(invoice)
        return error
    invoice_payment |= {"amount_paid": invoice_payment["amount_requested"], "status": "paid"}
    invoice_payment["status_transitions"] = {**invoice_payment["status_transitions"], "paid_at": account.now()}
    account.update_object(invoice_payment)
    account.emit_event("invoice_payment.paid", invoice_payment)
    mark_paid(account, invoice)
    return None


def mark_paid(account: StripeAccount, invoice: Json) -> Json:
    invoice |= {
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
        "attempted": True,
        "auto_advance": False,
        "next_payment_attempt": None,
        "status": "paid",
    }
    _set_transition_time(account, invoice, "paid_at")
    account.due_actions.cancel("retry", invoice["id"])
    account.update_object(invoice)
    for event in ("invoice.updated", "invoice.paid", "invoice.payment_succeeded"):
        account.emit_event(event, invoice)
    return invoice


def record_failed_attempt(account: StripeAccount, invoice: Json, *, may_retry: bool) -> bool:
    """Emit the failure; returns whether a retry is scheduled."""
    has_retry = may_retry and schedule_retry(account, invoice)
    invoice["auto_advance"] = has_retry
    account.update_object(invoice)
    account.emit_event("invoice.payment_failed", invoice)
    return has_retry


def schedule_retry(account: StripeAccount, invoice: Json) -> bool:
    """Schedule the next retry; returns False if there are none left."""
    attempts = invoice["attempt_count"]
    if attempts > len(RETRY_DELAYS):
        return False
    invoice |= {"auto_advance": True, "next_payment_attempt": account.now() + RETRY_DELAYS[attempts - 1]}
    account.due_actions.schedule("retry", invoice["id"], invoice["next_payment_attempt"])
    account.update_object(invoice)
    return True


def void_invoice(account: StripeAccount, invoice: Json) -> None:
    invoice |= {"auto_advance": False, "next_payment_attempt": None, "status": "void"}
    _set_transition_time(account, invoice, "voided_at")
    account.due_actions.cancel("retry", invoice["id"])
    account.update_object(invoice, "invoice.voided")
    invoice_payment = find_invoice_payment(account, invoice)
    if invoice_payment is not None and invoice_payment["status"] == "open":
        invoice_payment["status"] = "canceled"
        invoice_payment["status_transitions"] = {**invoice_payment["status_transitions"], "canceled_at": account.now()}
        account.update_object(invoice_payment)
        payments.cancel_payment_intent(account, invoice_payment["payment"]["payment_intent"], "void_invoice")


def _set_transition_time(account: StripeAccount, invoice: Json, name: str) -> None:
    invoice["status_transitions"] = {**invoice["status_transitions"], name: account.now()}
