"""Ending a subscription: at once, at the end of its period, or because it was not paid."""

from __future__ import annotations

from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json
from api.fakes.stripe.simulation import invoice_items, invoice_lines, invoices, payment_methods, subscription_items

ENDED_STATUSES = ("canceled", "incomplete_expired")
SUBSCRIPTION_ACTIONS = ("cycle", "trial_ends", "expire_incomplete", "expire_pending", "phase")


def end_subscription(
    account: StripeAccount,
    subscription: Json,
    *,
    status: str = "canceled",
    reason: str | None = "cancellation_requested",
    invoice_now: bool = True,
    prorate: bool = False,
) -> Json:
    """End it now. `invoice_now` bills usage that is not billed yet, `prorate` credits unused time."""
    lines = invoice_lines.proration_lines(account, subscription, [], account.now()) if prorate else []
    lines = _unbilled_usage_lines(account, subscription) if invoice_now and not prorate else lines
    _mark_ended(account, subscription, status, reason)
    invoice_items.create_invoice_items(account, subscription, lines)
    if invoice_now:
        _bill_final_invoice(account, subscription)
    event = "customer.subscription.deleted" if status == "canceled" else "customer.subscription.updated"
    account.store.put_object(subscription)
    account.emit_event(event, subscription, None if status == "canceled" else {"status": "incomplete"})
    return subscription


def _unbilled_usage_lines(account: StripeAccount, subscription: Json) -> list[Json]:
    lines = []
    for item in subscription_items.metered_items(subscription["items"]["data"]):
        until = min(account.now(), item["current_period_end"])
        line = invoice_lines.usage_line(account, subscription, item, (item["current_period_start"], until))
        lines += [line] if line["amount"] else []
    return lines


def _mark_ended(account: StripeAccount, subscription: Json, status: str, reason: str | None) -> None:
    now = account.now()
    subscription |= {
        "canceled_at": subscription["canceled_at"] or now,
        "ended_at": now,
        "pending_update": None,
        "status": status,
    }
    details = subscription["cancellation_details"]
    subscription["cancellation_details"] = {**details, "reason": details["reason"] or reason}
    for action in SUBSCRIPTION_ACTIONS:
        account.due_actions.cancel(action, subscription["id"])
    for invoice in account.store.find_objects(
        "invoice", {"customer": subscription["customer"], "status": ["draft", "open"]}
    ):
        if (invoice["parent"] or {}).get("subscription_details", {}).get("subscription") == subscription["id"]:
            _stop_collection(account, invoice)
    _cancel_schedule(account, subscription)


def _stop_collection(account: StripeAccount, invoice: Json) -> None:
    """Leave an open invoice open, but stop collecting it."""
    invoice |= {"auto_advance": False, "next_payment_attempt": None, "automatically_finalizes_at": None}
    for action in ("retry", "finalise"):
        account.due_actions.cancel(action, invoice["id"])
    account.update_object(invoice, "invoice.updated")


def _bill_final_invoice(account: StripeAccount, subscription: Json) -> None:
    lines = invoice_items.pending_lines(account, subscription)
    if not lines:
        return
    invoice = invoices.create_draft(
        account, subscription["customer"], lines, reason="subscription_cycle", subscription=subscription
    )
    invoice_items.bill_pending_items(account, subscription, invoice)
    invoices.finalize_invoice(account, invoice)
    if invoice["status"] == "open":
        error = invoices.attempt_payment(
            account, invoice, payment_methods.default_payment_method(account, subscription["customer"], subscription)
        )
        if error is not None:
            invoices.record_failed_attempt(account, invoice, may_retry=True)


def _cancel_schedule(account: StripeAccount, subscription: Json) -> None:
    if subscription["schedule"] is None:
        return
    schedule = account.require_object("subscription_schedule", subscription["schedule"])
    schedule |= {"canceled_at": account.now(), "current_phase": None, "status": "canceled"}
    account.due_actions.cancel("phase", schedule["id"])
    account.update_object(schedule, "subscription_schedule.canceled")
