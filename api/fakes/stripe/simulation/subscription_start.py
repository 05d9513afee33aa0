"""How a subscription begins: with a trial, or with a first invoice that is paid at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from api.fakes.stripe import errors
from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.clock import DAY, HOUR
from api.fakes.stripe.errors import Json, StripeError
from api.fakes.stripe.lists import list_object
from api.fakes.stripe.simulation import invoice_lines, invoice_payment, invoices, periods, subscription_items
from api.fakes.stripe.simulation.invoice_lines import RequestedItem

MISSING_PAYMENT_METHOD = ("cancel", "create_invoice", "pause")
"""What may follow a trial that ends without a payment method."""
INCOMPLETE_LIFETIME = 23 * HOUR
"""Seconds in which a first invoice may still be paid."""
TRIAL_END_NOTICE = 3 * DAY
"""Seconds before its end at which a trial is told to end."""


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """What is agreed at the beginning. `without_method` is what happens if there is no card when a trial ends."""

    customer: str
    items: Sequence[RequestedItem]
    payment_method: str | None = None
    trial_end: int | None = None
    missing_payment_method: str = "create_invoice"
    metadata: dict[str, str] = field(default_factory=dict)
    description: str | None = None


def start_subscription(world: StripeAccount, terms: NewSubscription) -> tuple[Json, StripeError | None]:
    """The subscription, and why its first invoice was not paid, if it was not."""
    subscription = _new_subscription(world, terms)
    world.store.put_object(subscription)
    trial = terms.trial_end is not None
    period = subscription_items.current_period(subscription)
    draw = invoice_lines.trial_line if trial else invoice_lines.full_period_line
    rows = [
        draw(world, subscription, item, period)
        for item in subscription_items.licensed_items(subscription["items"]["data"])
    ]
    invoice = invoices.create_draft(
        world, terms.customer, rows, reason="subscription_create", subscription=subscription
    )
    world.create_object(subscription, "customer.subscription.created")
    _schedule_actions(world, subscription)
    fault = invoice_payment.collect_invoice(world, invoices.finalize_invoice(world, invoice)["id"])
    return world.require_object("subscription", subscription["id"]), fault


def _schedule_actions(world: StripeAccount, subscription: Json) -> None:
    end = subscription_items.current_period(subscription)[1]
    world.due_actions.schedule("cycle", subscription["id"], end)
    if subscription["status"] == "trialing":
        world.due_actions.schedule("trial_ends", subscription["id"], max(world.now(), end - TRIAL_END_NOTICE))
    else:
        world.due_actions.schedule("expire_incomplete", subscription["id"], world.now() + INCOMPLETE_LIFETIME)


SUBSCRIPTION_DEFAULTS: Json = {
    "application": None,
    "application_fee_percent": None,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_cycle_anchor_config": None,
    "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
    "billing_schedules": [],
    "billing_thresholds": None,
    "cancel_at": None,
    "cancel_at_period_end": False,
    "canceled_at": None,
    "cancellation_details": {"comment": None, "feedback": None, "feedback_option": None, "reason": None},
    "collection_method": "charge_automatically",
    "customer_account": None,
    "days_until_due": None,
    "default_source": None,
    "default_tax_rates": [],
    "discounts": [],
    "ended_at": None,
    "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
    "latest_invoice": None,
    "livemode": False,
    "next_pending_invoice_item_invoice": None,
    "on_behalf_of": None,
    "pause_collection": None,
    "payment_settings": {
        "payment_method_options": None,
        "payment_method_types": ["card"],
        "save_default_payment_method": "off",
    },
    "pending_invoice_item_interval": None,
    "pending_setup_intent": None,
    "pending_update": None,
    "schedule": None,
    "test_clock": None,
    "transfer_data": None,
}
"""What every subscription begins with."""


def _new_subscription(world: StripeAccount, terms: NewSubscription) -> Json:
    now, ident = world.now(), new_id("sub_1")
    price = terms.items[0].price
    anchor = terms.trial_end or now
    end = terms.trial_end or periods.period_end(price, anchor)
    rows = [subscription_items.new_item(world, ident, one, (now, end)) for one in terms.items]
    return {
        **SUBSCRIPTION_DEFAULTS,
        "id": ident,
        "object": "subscription",
        "billing_cycle_anchor": anchor,
        "created": now,
        "currency": price["currency"],
        "customer": terms.customer,
        "default_payment_method": terms.payment_method,
        "description": terms.description,
        "items": list_object(rows, f"/v1/subscription_items?subscription={ident}"),
        "metadata": terms.metadata,
        "start_date": now,
        "status": "trialing" if terms.trial_end else "incomplete",
        "trial_end": terms.trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": terms.missing_payment_method}},
        "trial_start": now if terms.trial_end else None,
    }


def check_billable_together(wanted: Sequence[RequestedItem]) -> Sequence[RequestedItem]:
    """The items, if they can be billed together. Raises StripeError."""
    if not wanted:
        raise errors.missing_parameter("items")
    if any(one.price["recurring"] is None for one in wanted):
        raise errors.invalid_request(
            "The price specified is of type `one_time` but must be of type `recurring`.", param="items"
        )
    spans = {periods.billing_interval(one.price) for one in wanted}
    if len(spans) > 1:
        raise errors.invalid_request("This fake Stripe bills items of one interval only.", param="items")
    if len({one.price["id"] for one in wanted}) < len(wanted):
        words = "Cannot add multiple subscription items with the same plan."
        raise errors.invalid_request(words, param="items")
    return wanted
