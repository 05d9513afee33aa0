"""Starting a subscription: with a trial, or with a first invoice that is collected at once."""

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
"""Seconds in which the first invoice can still be paid."""
TRIAL_END_NOTICE = 3 * DAY
"""Seconds before the end of a trial at which it is announced."""


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """Parameters of a subscription. `missing_payment_method` is what follows a trial without a payment method."""

    customer: str
    items: Sequence[RequestedItem]
    payment_method: str | None = None
    trial_end: int | None = None
    missing_payment_method: str = "create_invoice"
    metadata: dict[str, str] = field(default_factory=dict)
    description: str | None = None


def start_subscription(account: StripeAccount, request: NewSubscription) -> tuple[Json, StripeError | None]:
    """The subscription, and the error if its first invoice was not paid."""
    subscription = _new_subscription(account, request)
    account.store.put_object(subscription)
    has_trial = request.trial_end is not None
    period = subscription_items.current_period(subscription)
    new_line = invoice_lines.trial_line if has_trial else invoice_lines.full_period_line
    lines = [
        new_line(account, subscription, item, period)
        for item in subscription_items.licensed_items(subscription["items"]["data"])
    ]
    invoice = invoices.create_draft(
        account, request.customer, lines, reason="subscription_create", subscription=subscription
    )
    account.create_object(subscription, "customer.subscription.created")
    _schedule_actions(account, subscription)
    error = invoice_payment.collect_invoice(account, invoices.finalize_invoice(account, invoice)["id"])
    return account.require_object("subscription", subscription["id"]), error


def _schedule_actions(account: StripeAccount, subscription: Json) -> None:
    end = subscription_items.current_period(subscription)[1]
    account.due_actions.schedule("cycle", subscription["id"], end)
    if subscription["status"] == "trialing":
        account.due_actions.schedule("trial_ends", subscription["id"], max(account.now(), end - TRIAL_END_NOTICE))
    else:
        account.due_actions.schedule("expire_incomplete", subscription["id"], account.now() + INCOMPLETE_LIFETIME)


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
"""Members of a new subscription."""


def _new_subscription(account: StripeAccount, request: NewSubscription) -> Json:
    now, subscription_id = account.now(), new_id("sub_1")
    price = request.items[0].price
    anchor = request.trial_end or now
    end = request.trial_end or periods.period_end(price, anchor)
    items = [
        subscription_items.new_item(account, subscription_id, requested, (now, end)) for requested in request.items
    ]
    return {
        **SUBSCRIPTION_DEFAULTS,
        "id": subscription_id,
        "object": "subscription",
        "billing_cycle_anchor": anchor,
        "created": now,
        "currency": price["currency"],
        "customer": request.customer,
        "default_payment_method": request.payment_method,
        "description": request.description,
        "items": list_object(items, f"/v1/subscription_items?subscription={subscription_id}"),
        "metadata": request.metadata,
        "start_date": now,
        "status": "trialing" if request.trial_end else "incomplete",
        "trial_end": request.trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": request.missing_payment_method}},
        "trial_start": now if request.trial_end else None,
    }


def check_billable_together(items: Sequence[RequestedItem]) -> Sequence[RequestedItem]:
    """Raises StripeError if the items cannot be billed together."""
    if not items:
        raise errors.missing_parameter("items")
    if any(item.price["recurring"] is None for item in items):
        raise errors.invalid_request(
            "The price specified is of type `one_time` but must be of type `recurring`.", param="items"
        )
    intervals = {periods.billing_interval(item.price) for item in items}
    if len(intervals) > 1:
        raise errors.invalid_request("This fake Stripe bills items of one interval only.", param="items")
    if len({item.price["id"] for item in items}) < len(items):
        message = "Cannot add multiple subscription items with the same plan."
        raise errors.invalid_request(message, param="items")
    return items
