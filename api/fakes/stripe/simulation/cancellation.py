"""How a subscription ends: at once, at the end of its period, or because nobody paid."""

from __future__ import annotations

from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json
from api.fakes.stripe.simulation import invoice_items, invoice_lines, invoices, payment_methods, subscription_items

ENDED_STATUSES = ("canceled", "incomplete_expired")
STEPS = ("cycle", "trial_ends", "expire_incomplete", "expire_pending", "phase")


def end(
    world: StripeAccount,
    subscription: Json,
    *,
    status: str = "canceled",
    reason: str | None = "cancellation_requested",
    invoice_now: bool = True,
    prorate: bool = False,
) -> Json:
    """End it now. What was counted and not billed yet is billed if `invoice_now`; so is unused time if `prorate`."""
    rows = invoice_lines.prorated(world, subscription, [], world.now()) if prorate else []
    rows = _counted(world, subscription) if invoice_now and not prorate else rows
    _over(world, subscription, status, reason)
    invoice_items.put(world, subscription, rows)
    if invoice_now:
        _last_invoice(world, subscription)
    event = "customer.subscription.deleted" if status == "canceled" else "customer.subscription.updated"
    world.store.put_object(subscription)
    world.emit_event(event, subscription, None if status == "canceled" else {"status": "incomplete"})
    return subscription


def _counted(world: StripeAccount, subscription: Json) -> list[Json]:
    rows = []
    for item in subscription_items.metered(subscription["items"]["data"]):
        until = min(world.now(), item["current_period_end"])
        row = invoice_lines.counted(world, subscription, item, (item["current_period_start"], until))
        rows += [row] if row["amount"] else []
    return rows


def _over(world: StripeAccount, subscription: Json, status: str, reason: str | None) -> None:
    now = world.now()
    subscription |= {
        "canceled_at": subscription["canceled_at"] or now,
        "ended_at": now,
        "pending_update": None,
        "status": status,
    }
    details = subscription["cancellation_details"]
    subscription["cancellation_details"] = {**details, "reason": details["reason"] or reason}
    for step in STEPS:
        world.due_actions.cancel(step, subscription["id"])
    for invoice in world.store.find_objects(
        "invoice", {"customer": subscription["customer"], "status": ["draft", "open"]}
    ):
        if (invoice["parent"] or {}).get("subscription_details", {}).get("subscription") == subscription["id"]:
            _let_go(world, invoice)
    _end_schedule(world, subscription)


def _let_go(world: StripeAccount, invoice: Json) -> None:
    """What is open stays open, but nobody collects it any more."""
    invoice |= {"auto_advance": False, "next_payment_attempt": None, "automatically_finalizes_at": None}
    for step in ("retry", "finalise"):
        world.due_actions.cancel(step, invoice["id"])
    world.update_object(invoice, "invoice.updated")


def _last_invoice(world: StripeAccount, subscription: Json) -> None:
    rows = invoice_items.waiting(world, subscription)
    if not rows:
        return
    invoice = invoices.draft(
        world, subscription["customer"], rows, reason="subscription_cycle", subscription=subscription
    )
    invoice_items.take(world, subscription, invoice)
    invoices.finalise(world, invoice)
    if invoice["status"] == "open":
        fault = invoices.attempt(world, invoice, payment_methods.paying(world, subscription["customer"], subscription))
        if fault is not None:
            invoices.failed(world, invoice, again=True)


def _end_schedule(world: StripeAccount, subscription: Json) -> None:
    if subscription["schedule"] is None:
        return
    schedule = world.require_object("subscription_schedule", subscription["schedule"])
    schedule |= {"canceled_at": world.now(), "current_phase": None, "status": "canceled"}
    world.due_actions.cancel("phase", schedule["id"])
    world.update_object(schedule, "subscription_schedule.canceled")
