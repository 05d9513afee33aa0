"""How a subscription ends: at once, at the end of its period, or because nobody paid."""

from __future__ import annotations

from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json
from api.fakes.stripe.simulation import invoice_items, invoice_lines, invoices, payment_methods, subscription_items

ENDED_STATUSES = ("canceled", "incomplete_expired")
SUBSCRIPTION_ACTIONS = ("cycle", "trial_ends", "expire_incomplete", "expire_pending", "phase")


def end_subscription(
    world: StripeAccount,
    subscription: Json,
    *,
    status: str = "canceled",
    reason: str | None = "cancellation_requested",
    invoice_now: bool = True,
    prorate: bool = False,
) -> Json:
    """End it now. What was counted and not billed yet is billed if `invoice_now`; so is unused time if `prorate`."""
    rows = invoice_lines.proration_lines(world, subscription, [], world.now()) if prorate else []
    rows = _unbilled_usage_lines(world, subscription) if invoice_now and not prorate else rows
    _mark_ended(world, subscription, status, reason)
    invoice_items.create_invoice_items(world, subscription, rows)
    if invoice_now:
        _bill_final_invoice(world, subscription)
    event = "customer.subscription.deleted" if status == "canceled" else "customer.subscription.updated"
    world.store.put_object(subscription)
    world.emit_event(event, subscription, None if status == "canceled" else {"status": "incomplete"})
    return subscription


def _unbilled_usage_lines(world: StripeAccount, subscription: Json) -> list[Json]:
    rows = []
    for item in subscription_items.metered_items(subscription["items"]["data"]):
        until = min(world.now(), item["current_period_end"])
        row = invoice_lines.usage_line(world, subscription, item, (item["current_period_start"], until))
        rows += [row] if row["amount"] else []
    return rows


def _mark_ended(world: StripeAccount, subscription: Json, status: str, reason: str | None) -> None:
    now = world.now()
    subscription |= {
        "canceled_at": subscription["canceled_at"] or now,
        "ended_at": now,
        "pending_update": None,
        "status": status,
    }
    details = subscription["cancellation_details"]
    subscription["cancellation_details"] = {**details, "reason": details["reason"] or reason}
    for step in SUBSCRIPTION_ACTIONS:
        world.due_actions.cancel(step, subscription["id"])
    for invoice in world.store.find_objects(
        "invoice", {"customer": subscription["customer"], "status": ["draft", "open"]}
    ):
        if (invoice["parent"] or {}).get("subscription_details", {}).get("subscription") == subscription["id"]:
            _stop_collection(world, invoice)
    _cancel_schedule(world, subscription)


def _stop_collection(world: StripeAccount, invoice: Json) -> None:
    """What is open stays open, but nobody collects it any more."""
    invoice |= {"auto_advance": False, "next_payment_attempt": None, "automatically_finalizes_at": None}
    for step in ("retry", "finalise"):
        world.due_actions.cancel(step, invoice["id"])
    world.update_object(invoice, "invoice.updated")


def _bill_final_invoice(world: StripeAccount, subscription: Json) -> None:
    rows = invoice_items.pending_lines(world, subscription)
    if not rows:
        return
    invoice = invoices.create_draft(
        world, subscription["customer"], rows, reason="subscription_cycle", subscription=subscription
    )
    invoice_items.bill_pending_items(world, subscription, invoice)
    invoices.finalize_invoice(world, invoice)
    if invoice["status"] == "open":
        fault = invoices.attempt_payment(
            world, invoice, payment_methods.default_payment_method(world, subscription["customer"], subscription)
        )
        if fault is not None:
            invoices.record_failed_attempt(world, invoice, again=True)


def _cancel_schedule(world: StripeAccount, subscription: Json) -> None:
    if subscription["schedule"] is None:
        return
    schedule = world.require_object("subscription_schedule", subscription["schedule"])
    schedule |= {"canceled_at": world.now(), "current_phase": None, "status": "canceled"}
    world.due_actions.cancel("phase", schedule["id"])
    world.update_object(schedule, "subscription_schedule.canceled")
