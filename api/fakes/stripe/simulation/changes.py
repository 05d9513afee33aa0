"""Changing a subscription: other items, billed at once, later or not at all; and what that would cost, beforehand.

A preview and a change take their lines from the same functions, so with the same moment the numbers are the same.
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
"""Seconds in which a change that waits for its payment may still be paid."""


@dataclass(frozen=True, slots=True)
class SubscriptionUpdate:
    """What is to change. `at` is the moment that prorations count from; `trial_over` ends a trial now."""

    items: list[RequestedItem]
    proration_date: int
    proration_behavior: str = "create_prorations"
    payment_behavior: str = "allow_incomplete"
    ends_trial: bool = False


def check_update(subscription: Json, change: SubscriptionUpdate) -> SubscriptionUpdate:
    """The change, if it can be made. Raises StripeError."""
    start, end = subscription_items.current_period(subscription)
    if not start <= change.proration_date <= end:
        words = "Cannot specify a proration_date outside of the subscription's current period."
        raise errors.invalid_request(words, param="proration_date")
    spans = {periods.billing_interval(one["price"]) for one in subscription["items"]["data"]}
    if {periods.billing_interval(one.price) for one in change.items} != spans:
        raise errors.invalid_request("This fake Stripe changes no billing interval.", param="items")
    return change


def update_lines(world: StripeAccount, subscription: Json, change: SubscriptionUpdate) -> list[Json]:
    """The lines of the change itself."""
    if change.ends_trial:
        return _first_period_lines(world, subscription, change)
    if change.proration_behavior == "none" or subscription["status"] in ("trialing", "incomplete"):
        return []
    return invoice_lines.proration_lines(world, subscription, change.items, change.proration_date)


def _first_period_lines(world: StripeAccount, subscription: Json, change: SubscriptionUpdate) -> list[Json]:
    """A trial that ends now is followed by a whole period."""
    found = subscription_items.licensed_items(
        subscription_items.apply_requested_items(world, subscription, change.items)
    )
    period = (
        (change.proration_date, periods.period_end(found[0]["price"], change.proration_date))
        if found
        else (change.proration_date, change.proration_date)
    )
    return [invoice_lines.full_period_line(world, subscription, item, period) for item in found]


def preview_update(world: StripeAccount, subscription: Json, change: SubscriptionUpdate) -> Json:
    """The invoice that the change would make, or the next one with the change in it."""
    found = update_lines(world, subscription, change)
    owner = world.require_object("customer", subscription["customer"])
    start, end = subscription_items.current_period(subscription)
    at_once = change.ends_trial or (change.proration_behavior == "always_invoice" and found)
    waiting = invoice_items.pending_lines(world, subscription)
    if at_once:
        found, reason, period = waiting + found, "subscription_update", (change.proration_date, change.proration_date)
    else:
        found, reason, period = (
            _next_invoice_lines(world, subscription, change, waiting + found),
            "upcoming",
            (start, end),
        )
    return invoice_objects.new_invoice(
        world,
        owner,
        found,
        reason=reason,
        subscription=subscription,
        period=period,
        proration_date=change.proration_date,
        preview=True,
    )


def _next_invoice_lines(
    world: StripeAccount, subscription: Json, change: SubscriptionUpdate, found: list[Json]
) -> list[Json]:
    end = subscription_items.current_period(subscription)[1]
    for item in subscription_items.metered_items(subscription["items"]["data"]):
        period = (item["current_period_start"], end)
        found = [*found, invoice_lines.usage_line(world, subscription, item, period)]
    if subscription["cancel_at"] is not None and subscription["cancel_at"] <= end:
        return found
    for item in subscription_items.licensed_items(
        subscription_items.apply_requested_items(world, subscription, change.items)
    ):
        found = [
            *found,
            invoice_lines.full_period_line(world, subscription, item, (end, periods.period_end(item["price"], end))),
        ]
    return found


def apply_update(world: StripeAccount, subscription: Json, change: SubscriptionUpdate) -> Json:
    """Make the change; gives the subscription as it is then. Raises StripeError for `error_if_incomplete`."""
    payment_outcomes.drop_pending_update(world, subscription)
    found = update_lines(world, subscription, change)
    new = subscription_items.apply_requested_items(world, subscription, change.items)
    before = list(subscription["items"]["data"])
    if not change.ends_trial and change.proration_behavior != "always_invoice":
        invoice_items.create_invoice_items(world, subscription, found)
        found = []
    if not found:
        subscription_items.set_items(subscription, new)
        world.store.put_object(subscription)
        _emit_if_items_changed(world, subscription, before)
        return subscription
    return _invoice_update(world, subscription, change, new, found)


def _invoice_update(
    world: StripeAccount, subscription: Json, change: SubscriptionUpdate, new: list[Json], found: list[Json]
) -> Json:
    """The change with its invoice, paid or not: how it goes on is in `payment`."""
    waiting = invoice_items.pending_lines(world, subscription)
    invoice = invoices.create_draft(
        world,
        subscription["customer"],
        waiting + found,
        reason="subscription_update",
        subscription=subscription,
        proration_date=change.proration_date,
    )
    invoice_items.bill_pending_items(world, subscription, invoice)
    # The change waits for its invoice in every case; if that is paid now, it is made now.
    payment_outcomes.defer_update(world, subscription, invoice, new, world.now() + PENDING_UPDATE_LIFETIME)
    if change.ends_trial:
        subscription[PRIVATE]["trial_over"] = change.proration_date
    world.store.put_object(subscription)
    fault = invoice_payment.collect_invoice(world, invoices.finalize_invoice(world, invoice)["id"])
    if fault is not None and change.payment_behavior == "error_if_incomplete":
        raise fault
    subscription = world.require_object("subscription", subscription["id"])
    if fault is not None and change.payment_behavior == "allow_incomplete":
        return payment_outcomes.apply_unpaid_update(world, subscription)
    if fault is not None:
        subscription[PRIVATE]["waited"] = True
        world.store.put_object(subscription)
        world.emit_event("customer.subscription.updated", subscription, {"pending_update": None})
    return subscription


def _emit_if_items_changed(world: StripeAccount, subscription: Json, before: list[Json]) -> None:
    """Tell of other items, if they are others."""
    if before != subscription["items"]["data"]:
        was = {"items": {**subscription["items"], "data": before}}
        world.emit_event("customer.subscription.updated", subscription, was)
