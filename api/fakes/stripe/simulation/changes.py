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
from api.fakes.stripe.simulation.invoice_lines import Wanted

PRORATION_BEHAVIORS = ("always_invoice", "create_prorations", "none")
PENDING_FOR = 23 * HOUR
"""Seconds in which a change that waits for its payment may still be paid."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to change. `at` is the moment that prorations count from; `trial_over` ends a trial now."""

    wanted: list[Wanted]
    at: int
    proration: str = "create_prorations"
    payment: str = "allow_incomplete"
    trial_over: bool = False


def checked(subscription: Json, change: Change) -> Change:
    """The change, if it can be made. Raises StripeError."""
    start, end = subscription_items.period(subscription)
    if not start <= change.at <= end:
        words = "Cannot specify a proration_date outside of the subscription's current period."
        raise errors.invalid_request(words, param="proration_date")
    spans = {periods.billing_interval(one["price"]) for one in subscription["items"]["data"]}
    if {periods.billing_interval(one.price) for one in change.wanted} != spans:
        raise errors.invalid_request("This fake Stripe changes no billing interval.", param="items")
    return change


def rows(world: StripeAccount, subscription: Json, change: Change) -> list[Json]:
    """The lines of the change itself."""
    if change.trial_over:
        return _first_period(world, subscription, change)
    if change.proration == "none" or subscription["status"] in ("trialing", "incomplete"):
        return []
    return invoice_lines.prorated(world, subscription, change.wanted, change.at)


def _first_period(world: StripeAccount, subscription: Json, change: Change) -> list[Json]:
    """A trial that ends now is followed by a whole period."""
    found = subscription_items.licensed(subscription_items.changed(world, subscription, change.wanted))
    period = (change.at, periods.period_end(found[0]["price"], change.at)) if found else (change.at, change.at)
    return [invoice_lines.whole(world, subscription, item, period) for item in found]


def preview(world: StripeAccount, subscription: Json, change: Change) -> Json:
    """The invoice that the change would make, or the next one with the change in it."""
    found = rows(world, subscription, change)
    owner = world.require_object("customer", subscription["customer"])
    start, end = subscription_items.period(subscription)
    at_once = change.trial_over or (change.proration == "always_invoice" and found)
    waiting = invoice_items.waiting(world, subscription)
    if at_once:
        found, reason, period = waiting + found, "subscription_update", (change.at, change.at)
    else:
        found, reason, period = _next_bill(world, subscription, change, waiting + found), "upcoming", (start, end)
    return invoice_objects.new(
        world,
        owner,
        found,
        reason=reason,
        subscription=subscription,
        period=period,
        proration_date=change.at,
        preview=True,
    )


def _next_bill(world: StripeAccount, subscription: Json, change: Change, found: list[Json]) -> list[Json]:
    end = subscription_items.period(subscription)[1]
    for item in subscription_items.metered(subscription["items"]["data"]):
        period = (item["current_period_start"], end)
        found = [*found, invoice_lines.counted(world, subscription, item, period)]
    if subscription["cancel_at"] is not None and subscription["cancel_at"] <= end:
        return found
    for item in subscription_items.licensed(subscription_items.changed(world, subscription, change.wanted)):
        found = [*found, invoice_lines.whole(world, subscription, item, (end, periods.period_end(item["price"], end)))]
    return found


def make(world: StripeAccount, subscription: Json, change: Change) -> Json:
    """Make the change; gives the subscription as it is then. Raises StripeError for `error_if_incomplete`."""
    payment_outcomes.drop_pending(world, subscription)
    found = rows(world, subscription, change)
    new = subscription_items.changed(world, subscription, change.wanted)
    before = list(subscription["items"]["data"])
    if not change.trial_over and change.proration != "always_invoice":
        invoice_items.put(world, subscription, found)
        found = []
    if not found:
        subscription_items.put(subscription, new)
        world.store.put_object(subscription)
        _told(world, subscription, before)
        return subscription
    return _billed(world, subscription, change, new, found)


def _billed(world: StripeAccount, subscription: Json, change: Change, new: list[Json], found: list[Json]) -> Json:
    """The change with its invoice, paid or not: how it goes on is in `payment`."""
    waiting = invoice_items.waiting(world, subscription)
    invoice = invoices.draft(
        world,
        subscription["customer"],
        waiting + found,
        reason="subscription_update",
        subscription=subscription,
        proration_date=change.at,
    )
    invoice_items.take(world, subscription, invoice)
    # The change waits for its invoice in every case; if that is paid now, it is made now.
    payment_outcomes.defer(world, subscription, invoice, new, world.now() + PENDING_FOR)
    if change.trial_over:
        subscription[PRIVATE]["trial_over"] = change.at
    world.store.put_object(subscription)
    fault = invoice_payment.collect(world, invoices.finalise(world, invoice)["id"])
    if fault is not None and change.payment == "error_if_incomplete":
        raise fault
    subscription = world.require_object("subscription", subscription["id"])
    if fault is not None and change.payment == "allow_incomplete":
        return payment_outcomes.apply_unpaid(world, subscription)
    if fault is not None:
        subscription[PRIVATE]["waited"] = True
        world.store.put_object(subscription)
        world.emit_event("customer.subscription.updated", subscription, {"pending_update": None})
    return subscription


def _told(world: StripeAccount, subscription: Json, before: list[Json]) -> None:
    """Tell of other items, if they are others."""
    if before != subscription["items"]["data"]:
        was = {"items": {**subscription["items"], "data": before}}
        world.emit_event("customer.subscription.updated", subscription, was)
