"""Updates of a subscription: other items, billed at once, later or not at all; and previews of their cost.

A preview and an update take their lines from the same functions, so with the same `proration_date` they agree.
"""

from __future__ import annotations

from dataclasses import dataclass

from api.fakes.stripe import errors
from api.fakes.stripe.account import PRIVATE, StripeAccount
from api.fakes.stripe.clock import HOUR
from api.fakes.stripe.errors import Json
from api.fakes.stripe.simulation import (
    invoice_items,
    invoice_lines,
    invoice_objects,
    invoice_payment,
    invoices,
    payment_outcomes,
    periods,
    subscription_items,
)
from api.fakes.stripe.simulation.invoice_lines import RequestedItem

PRORATION_BEHAVIORS = ("always_invoice", "create_prorations", "none")
PENDING_UPDATE_LIFETIME = 23 * HOUR
"""Seconds in which a pending update can still be paid."""


@dataclass(frozen=True, slots=True)
class SubscriptionUpdateRequest:
    """An update. Prorations count from `proration_date`; `ends_trial` ends a trial now."""

    items: list[RequestedItem]
    proration_date: int
    proration_behavior: str = "create_prorations"
    payment_behavior: str = "allow_incomplete"
    ends_trial: bool = False


def check_update(subscription: Json, update: SubscriptionUpdateRequest) -> SubscriptionUpdateRequest:
    """Raises StripeError if the update cannot be made."""
    start, end = subscription_items.current_period(subscription)
    if not start <= update.proration_date <= end:
        message = "Cannot specify a proration_date outside of the subscription's current period."
        raise errors.invalid_request(message, param="proration_date")
    intervals = {periods.billing_interval(item["price"]) for item in subscription["items"]["data"]}
    if {periods.billing_interval(item.price) for item in update.items} != intervals:
        raise errors.invalid_request("This fake Stripe changes no billing interval.", param="items")
    return update


def update_lines(account: StripeAccount, subscription: Json, update: SubscriptionUpdateRequest) -> list[Json]:
    """The invoice lines of the update itself."""
    if update.ends_trial:
        return _first_period_lines(account, subscription, update)
    if update.proration_behavior == "none" or subscription["status"] in ("trialing", "incomplete"):
        return []
    return invoice_lines.proration_lines(account, subscription, update.items, update.proration_date)


def _first_period_lines(account: StripeAccount, subscription: Json, update: SubscriptionUpdateRequest) -> list[Json]:
    """A trial that ends now is followed by a full period."""
    lines = subscription_items.licensed_items(
        subscription_items.apply_requested_items(account, subscription, update.items)
    )
    period = (
        (update.proration_date, periods.period_end(lines[0]["price"], update.proration_date))
        if lines
        else (update.proration_date, update.proration_date)
    )
    return [invoice_lines.full_period_line(account, subscription, item, period) for item in lines]


def preview_update(account: StripeAccount, subscription: Json, update: SubscriptionUpdateRequest) -> Json:
    """The invoice that the update would create, or the next invoice with the update in it."""
    lines = update_lines(account, subscription, update)
    customer = account.require_object("customer", subscription["customer"])
    start, end = subscription_items.current_period(subscription)
    invoice_now = update.ends_trial or (update.proration_behavior == "always_invoice" and lines)
    pending = invoice_items.pending_lines(account, subscription)
    if invoice_now:
        lines, reason, period = pending + lines, "subscription_update", (update.proration_date, update.proration_date)
    else:
        lines, reason, period = (
            _next_invoice_lines(account, subscription, update, pending + lines),
            "upcoming",
            (start, end),
        )
    return invoice_objects.new_invoice(
        account,
        customer,
        lines,
        reason=reason,
        subscription=subscription,
        period=period,
        proration_date=update.proration_date,
        preview=True,
    )


def _next_invoice_lines(
    account: StripeAccount, subscription: Json, update: SubscriptionUpdateRequest, lines: list[Json]
) -> list[Json]:
    end = subscription_items.current_period(subscription)[1]
    for item in subscription_items.metered_items(subscription["items"]["data"]):
        period = (item["current_period_start"], end)
        lines = [*lines, invoice_lines.usage_line(account, subscription, item, period)]
    if subscription["cancel_at"] is not None and subscription["cancel_at"] <= end:
        return lines
    for item in subscription_items.licensed_items(
        subscription_items.apply_requested_items(account, subscription, update.items)
    ):
        lines = [
            *lines,
            invoice_lines.full_period_line(account, subscription, item, (end, periods.period_end(item["price"], end))),
        ]
    return lines


def apply_update(account: StripeAccount, subscription: Json, update: SubscriptionUpdateRequest) -> Json:
    """Apply the update; returns the new subscription. Raises StripeError for `error_if_incomplete`."""
    payment_outcomes.drop_pending_update(account, subscription)
    lines = update_lines(account, subscription, update)
    new_items = subscription_items.apply_requested_items(account, subscription, update.items)
    previous_items = list(subscription["items"]["data"])
    if not update.ends_trial and update.proration_behavior != "always_invoice":
        invoice_items.create_invoice_items(account, subscription, lines)
        lines = []
    if not lines:
        subscription_items.set_items(subscription, new_items)
        account.store.put_object(subscription)
        _emit_if_items_changed(account, subscription, previous_items)
        return subscription
    return _invoice_update(account, subscription, update, new_items, lines)


def _invoice_update(
    account: StripeAccount,
    subscription: Json,
    update: SubscriptionUpdateRequest,
    new_items: list[Json],
    lines: list[Json],
) -> Json:
    """Invoice the update and collect; `payment_behavior` decides what follows a failed payment."""
    pending = invoice_items.pending_lines(account, subscription)
    invoice = invoices.create_draft(
        account,
        subscription["customer"],
        pending + lines,
        reason="subscription_update",
        subscription=subscription,
        proration_date=update.proration_date,
    )
    invoice_items.bill_pending_items(account, subscription, invoice)
    # The change waits for its invoice in every case; if that is paid now, it is made now.
    payment_outcomes.defer_update(account, subscription, invoice, new_items, account.now() + PENDING_UPDATE_LIFETIME)
    if update.ends_trial:
        subscription[PRIVATE]["trial_over"] = update.proration_date
    account.store.put_object(subscription)
    error = invoice_payment.collect_invoice(account, invoices.finalize_invoice(account, invoice)["id"])
    if error is not None and update.payment_behavior == "error_if_incomplete":
        raise error
    subscription = account.require_object("subscription", subscription["id"])
    if error is not None and update.payment_behavior == "allow_incomplete":
        return payment_outcomes.apply_unpaid_update(account, subscription)
    if error is not None:
        subscription[PRIVATE]["waited"] = True
        account.store.put_object(subscription)
        account.emit_event("customer.subscription.updated", subscription, {"pending_update": None})
    return subscription


def _emit_if_items_changed(account: StripeAccount, subscription: Json, previous_items: list[Json]) -> None:
    if previous_items != subscription["items"]["data"]:
        previous = {"items": {**subscription["items"], "data": previous_items}}
        account.emit_event("customer.subscription.updated", subscription, previous)
