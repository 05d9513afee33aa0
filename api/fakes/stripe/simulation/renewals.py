"""Due actions of subscriptions: trial end, renewal, finalization of drafts, payment retries."""

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


def renew_subscription(account: StripeAccount, subscription_id: str) -> None:
    """Start and bill the next period, unless the subscription ends here."""
    subscription = account.require_object("subscription", subscription_id)
    if subscription["cancel_at"] is not None and subscription["cancel_at"] <= account.now():
        cancellation.end_subscription(account, subscription)
        return
    if subscription["status"] == "trialing" and not _continues_after_trial(account, subscription):
        return
    start, end = subscription_items.current_period(subscription)
    metered_periods = [
        (item, (item["current_period_start"], end))
        for item in subscription_items.metered_items(subscription["items"]["data"])
    ]
    _start_next_period(account, subscription, end)
    _draft_renewal_invoice(account, subscription, metered_periods, (start, end))


def _continues_after_trial(account: StripeAccount, subscription: Json) -> bool:
    """Whether the subscription continues; without a payment method the trial's settings decide."""
    behavior = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if behavior == "create_invoice" or payment_methods.default_payment_method(
        account, subscription["customer"], subscription
    ):
        return True
    if behavior == "cancel":
        cancellation.end_subscription(account, subscription, reason="payment_failed", invoice_now=False)
    else:
        subscription["status"] = "paused"
        account.update_object(subscription, "customer.subscription.updated")
        account.emit_event("customer.subscription.paused", subscription)
    return False


def _start_next_period(account: StripeAccount, subscription: Json, start: int) -> None:
    price = subscription["items"]["data"][0]["price"]
    end = periods.next_boundary(subscription["billing_cycle_anchor"], *periods.billing_interval(price), start)
    subscription_items.start_period(subscription, start, end)
    if subscription["status"] == "trialing":
        subscription["status"] = "active"
    until = subscription["cancel_at"]
    account.due_actions.schedule("cycle", subscription["id"], min(end, until) if until is not None else end)


def _draft_renewal_invoice(
    account: StripeAccount,
    subscription: Json,
    metered_periods: list[tuple[Json, tuple[int, int]]],
    last_period: tuple[int, int],
) -> None:
    """Draft the invoice for the new period and the usage of the last one."""
    lines = renewal_lines(account, subscription, metered_periods)
    invoice = invoices.create_draft(
        account,
        subscription["customer"],
        lines,
        reason="subscription_cycle",
        subscription=subscription,
        period=last_period,
    )
    invoice_items.bill_pending_items(account, subscription, invoice)
    if subscription["status"] == "unpaid":
        invoice["auto_advance"] = False
    else:
        invoice["automatically_finalizes_at"] = account.now() + invoices.DRAFT_LIFETIME
        account.due_actions.schedule("finalise", invoice["id"], invoice["automatically_finalizes_at"])
    account.update_object(invoice)
    account.update_object(subscription, "customer.subscription.updated")


def renewal_lines(
    account: StripeAccount, subscription: Json, metered_periods: list[tuple[Json, tuple[int, int]]]
) -> list[Json]:
    """Lines of the invoice for a period that has begun."""
    lines = invoice_items.pending_lines(account, subscription)
    lines += [invoice_lines.usage_line(account, subscription, item, period) for item, period in metered_periods]
    for item in subscription_items.licensed_items(subscription["items"]["data"]):
        period = (item["current_period_start"], item["current_period_end"])
        lines.append(invoice_lines.full_period_line(account, subscription, item, period))
    return lines


def finalize_draft(account: StripeAccount, invoice_id: str) -> None:
    """Finalize a draft with late usage included, and collect it."""
    invoice = account.require_object("invoice", invoice_id)
    if invoice["status"] == "draft":
        refresh_draft(account, invoice)
        invoices.finalize_invoice(account, invoice)
        invoice_payment.collect_invoice(account, invoice_id)


def refresh_draft(account: StripeAccount, invoice: Json) -> None:
    """Read usage and the customer's balance again."""
    account.due_actions.cancel("finalise", invoice["id"])
    subscription_id = invoice_objects.billed_subscription(invoice)
    subscription = account.store.get_object("subscription", subscription_id) if subscription_id else None
    if subscription is not None:
        lines = [_refresh_usage_line(account, subscription, line) for line in invoice["lines"]["data"]]
        invoice["starting_balance"] = account.require_object("customer", invoice["customer"])["balance"]
        invoice_objects.set_lines(invoice, lines)


def _refresh_usage_line(account: StripeAccount, subscription: Json, line: Json) -> Json:
    details = line["parent"]["subscription_item_details"]
    items = [item for item in subscription["items"]["data"] if item["id"] == details["subscription_item"]]
    if not items or not subscription_items.metered_items(items) or details["proration"]:
        return line
    period = (line["period"]["start"], line["period"]["end"])
    return {**invoice_lines.usage_line(account, subscription, items[0], period), "id": line["id"]}


def retry_payment(account: StripeAccount, invoice_id: str) -> None:
    if account.require_object("invoice", invoice_id)["status"] == "open":
        invoice_payment.collect_invoice(account, invoice_id)


def announce_trial_end(account: StripeAccount, subscription_id: str) -> None:
    subscription = account.require_object("subscription", subscription_id)
    if subscription["status"] == "trialing":
        account.emit_event("customer.subscription.trial_will_end", subscription)
