"""What happens to a subscription by itself: its trial ends, its period turns, its bill becomes due, a payment is tried
again.
"""

from __future__ import annotations

from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json
from api.fakes.stripe.simulation import (
    cancellation,
    invoice_items,
    invoice_lines,
    invoice_objects,
    invoice_payment,
    invoices,
    payment_methods,
    periods,
    subscription_items,
)


def renew_subscription(world: StripeAccount, ident: str) -> None:
    """The period is over: the next one begins, unless the subscription ends here."""
    subscription = world.require_object("subscription", ident)
    if subscription["cancel_at"] is not None and subscription["cancel_at"] <= world.now():
        cancellation.end_subscription(world, subscription)
        return
    if subscription["status"] == "trialing" and not _continues_after_trial(world, subscription):
        return
    start, end = subscription_items.current_period(subscription)
    used = [
        (item, (item["current_period_start"], end))
        for item in subscription_items.metered_items(subscription["items"]["data"])
    ]
    _start_next_period(world, subscription, end)
    _draft_renewal_invoice(world, subscription, used, (start, end))


def _continues_after_trial(world: StripeAccount, subscription: Json) -> bool:
    """Whether a trial becomes a subscription; without a card that depends on what was agreed."""
    behaviour = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if behaviour == "create_invoice" or payment_methods.default_payment_method(
        world, subscription["customer"], subscription
    ):
        return True
    if behaviour == "cancel":
        cancellation.end_subscription(world, subscription, reason="payment_failed", invoice_now=False)
    else:
        subscription["status"] = "paused"
        world.update_object(subscription, "customer.subscription.updated")
        world.emit_event("customer.subscription.paused", subscription)
    return False


def _start_next_period(world: StripeAccount, subscription: Json, start: int) -> None:
    price = subscription["items"]["data"][0]["price"]
    end = periods.next_boundary(subscription["billing_cycle_anchor"], *periods.billing_interval(price), start)
    subscription_items.start_period(subscription, start, end)
    if subscription["status"] == "trialing":
        subscription["status"] = "active"
    until = subscription["cancel_at"]
    world.due_actions.schedule("cycle", subscription["id"], min(end, until) if until is not None else end)


def _draft_renewal_invoice(
    world: StripeAccount, subscription: Json, used: list[tuple[Json, tuple[int, int]]], past: tuple[int, int]
) -> None:
    """The bill for the period that begins and for what was counted in the one that ended. It stays a draft a while."""
    rows = renewal_lines(world, subscription, used)
    invoice = invoices.create_draft(
        world, subscription["customer"], rows, reason="subscription_cycle", subscription=subscription, period=past
    )
    invoice_items.bill_pending_items(world, subscription, invoice)
    if subscription["status"] == "unpaid":
        invoice["auto_advance"] = False
    else:
        invoice["automatically_finalizes_at"] = world.now() + invoices.DRAFT_LIFETIME
        world.due_actions.schedule("finalise", invoice["id"], invoice["automatically_finalizes_at"])
    world.update_object(invoice)
    world.update_object(subscription, "customer.subscription.updated")


def renewal_lines(world: StripeAccount, subscription: Json, used: list[tuple[Json, tuple[int, int]]]) -> list[Json]:
    """The lines of the bill at the turn of a period that has begun."""
    rows = invoice_items.pending_lines(world, subscription)
    rows += [invoice_lines.usage_line(world, subscription, item, period) for item, period in used]
    for item in subscription_items.licensed_items(subscription["items"]["data"]):
        period = (item["current_period_start"], item["current_period_end"])
        rows.append(invoice_lines.full_period_line(world, subscription, item, period))
    return rows


def finalize_draft(world: StripeAccount, ident: str) -> None:
    """The draft becomes a bill: usage that came late is on it, and it is to be paid."""
    invoice = world.require_object("invoice", ident)
    if invoice["status"] == "draft":
        refresh_draft(world, invoice)
        invoices.finalize_invoice(world, invoice)
        invoice_payment.collect_invoice(world, ident)


def refresh_draft(world: StripeAccount, invoice: Json) -> None:
    """Count again what is on a draft, and take the customer's balance as it is now."""
    world.due_actions.cancel("finalise", invoice["id"])
    name = invoice_objects.billed_subscription(invoice)
    subscription = world.store.get_object("subscription", name) if name else None
    if subscription is not None:
        rows = [_refresh_usage_line(world, subscription, row) for row in invoice["lines"]["data"]]
        invoice["starting_balance"] = world.require_object("customer", invoice["customer"])["balance"]
        invoice_objects.set_lines(invoice, rows)


def _refresh_usage_line(world: StripeAccount, subscription: Json, row: Json) -> Json:
    details = row["parent"]["subscription_item_details"]
    found = [one for one in subscription["items"]["data"] if one["id"] == details["subscription_item"]]
    if not found or not subscription_items.metered_items(found) or details["proration"]:
        return row
    period = (row["period"]["start"], row["period"]["end"])
    return {**invoice_lines.usage_line(world, subscription, found[0], period), "id": row["id"]}


def retry_payment(world: StripeAccount, ident: str) -> None:
    """Try again to get an invoice paid."""
    if world.require_object("invoice", ident)["status"] == "open":
        invoice_payment.collect_invoice(world, ident)


def announce_trial_end(world: StripeAccount, ident: str) -> None:
    """Tell that a trial ends soon."""
    subscription = world.require_object("subscription", ident)
    if subscription["status"] == "trialing":
        world.emit_event("customer.subscription.trial_will_end", subscription)
