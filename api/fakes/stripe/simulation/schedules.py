"""Subscription schedules: future items of a subscription, phase by phase."""

from __future__ import annotations

from collections.abc import Sequence

from api.fakes.stripe import errors
from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.errors import Json
from api.fakes.stripe.simulation import changes, periods, subscription_items
from api.fakes.stripe.simulation.changes import SubscriptionUpdateRequest
from api.fakes.stripe.simulation.invoice_lines import RequestedItem

DEFAULT_SETTINGS: Json = {
    "application_fee_percent": None,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_cycle_anchor": "automatic",
    "billing_thresholds": None,
    "collection_method": "charge_automatically",
    "default_payment_method": None,
    "description": None,
    "invoice_settings": {"account_tax_ids": None, "days_until_due": None, "issuer": {"type": "self"}},
    "on_behalf_of": None,
    "transfer_data": None,
}


SCHEDULE_DEFAULTS: Json = {
    "application": None,
    "canceled_at": None,
    "completed_at": None,
    "customer_account": None,
    "end_behavior": "release",
    "livemode": False,
    "metadata": {},
    "pause_schedules": [],
    "released_at": None,
    "released_subscription": None,
    "status": "active",
    "test_clock": None,
}
"""Members of a new schedule."""


def create_from_subscription(account: StripeAccount, subscription: Json) -> Json:
    """A schedule whose first phase is the subscription's current period."""
    start, end = subscription_items.current_period(subscription)
    items = [new_phase_item(item["price"]["id"], item.get("quantity")) for item in subscription["items"]["data"]]
    schedule: Json = {
        **SCHEDULE_DEFAULTS,
        "id": new_id("sub_sched_1"),
        "object": "subscription_schedule",
        "billing_mode": subscription["billing_mode"],
        "created": account.now(),
        "current_phase": {"end_date": end, "start_date": start},
        "customer": subscription["customer"],
        "default_settings": DEFAULT_SETTINGS,
        "phases": [new_phase(subscription["currency"], items, start, end, subscription["metadata"])],
        "subscription": subscription["id"],
    }
    subscription["schedule"] = schedule["id"]
    account.due_actions.schedule("phase", schedule["id"], end)
    account.create_object(schedule, "subscription_schedule.created")
    account.update_object(subscription, "customer.subscription.updated")
    return schedule


def new_phase_item(price: str, quantity: int | None) -> Json:
    item: Json = {
        "billing_thresholds": None,
        "discounts": [],
        "metadata": {},
        "plan": price,
        "price": price,
        "quantity": quantity,
        "tax_rates": [],
    }
    return item if quantity is not None else {name: value for name, value in item.items() if name != "quantity"}


PHASE_DEFAULTS: Json = {
    "add_invoice_items": [],
    "application_fee_percent": None,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_cycle_anchor": None,
    "billing_thresholds": None,
    "collection_method": None,
    "default_payment_method": None,
    "default_tax_rates": [],
    "description": None,
    "discounts": [],
    "invoice_settings": None,
    "on_behalf_of": None,
    "transfer_data": None,
    "trial_end": None,
}
"""Members of a new phase."""


def new_phase(
    currency: str,
    items: Sequence[Json],
    start: int,
    end: int,
    metadata: dict[str, str],
    proration: str = "create_prorations",
) -> Json:
    return {
        **PHASE_DEFAULTS,
        "currency": currency,
        "end_date": end,
        "items": list(items),
        "metadata": metadata,
        "proration_behavior": proration,
        "start_date": start,
    }


def replace_phases(account: StripeAccount, schedule: Json, phases: list[Json]) -> Json:
    """Replace the phases. The first one must be the current phase."""
    current = schedule["current_phase"]
    if not phases or phases[0]["start_date"] != current["start_date"]:
        message = "You can not modify the start date of the current phase."
        raise errors.invalid_request(message, param="phases[0][start_date]")
    if phases[0]["end_date"] <= account.now():
        raise errors.invalid_request("The current phase cannot end in the past.", param="phases[0][end_date]")
    schedule["phases"] = phases
    schedule["current_phase"] = {"end_date": phases[0]["end_date"], "start_date": phases[0]["start_date"]}
    account.due_actions.schedule("phase", schedule["id"], phases[0]["end_date"])
    return account.update_object(schedule, "subscription_schedule.updated")


def phase_end(account: StripeAccount, price: str, start: int, duration: tuple[str, int] | None) -> int:
    """The end of a phase without `end_date`: after `duration`, or after one period of its price."""
    recurring = account.require_object("price", price, param="phases")["recurring"]
    interval, count = duration or (recurring["interval"], recurring["interval_count"])
    return periods.period_boundary(start, interval, count, 1)


def end_phase(account: StripeAccount, schedule_id: str) -> None:
    """Start the next phase, or complete or release the schedule after the last one."""
    schedule = account.require_object("subscription_schedule", schedule_id)
    if schedule["status"] != "active":
        return
    phase_end_date = schedule["current_phase"]["end_date"]
    later_phases = [phase for phase in schedule["phases"] if phase["start_date"] >= phase_end_date]
    if later_phases:
        _start_phase(account, schedule, later_phases[0])
    elif schedule["end_behavior"] == "cancel":
        _end_with_subscription(account, schedule)
    else:
        release_subscription(account, schedule)


def _start_phase(account: StripeAccount, schedule: Json, phase: Json) -> None:
    schedule["current_phase"] = {"end_date": phase["end_date"], "start_date": phase["start_date"]}
    account.due_actions.schedule("phase", schedule["id"], phase["end_date"])
    account.update_object(schedule, "subscription_schedule.updated")
    subscription = account.require_object("subscription", schedule["subscription"])
    if phase["metadata"]:
        subscription["metadata"] = {**subscription["metadata"], **phase["metadata"]}
    items = match_phase_items(account, subscription, phase["items"])
    changes.apply_update(
        account, subscription, SubscriptionUpdateRequest(items, account.now(), phase["proration_behavior"])
    )


def match_phase_items(account: StripeAccount, subscription: Json, phase_items: Sequence[Json]) -> list[RequestedItem]:
    """The items of a phase, each matched with an existing item of the subscription."""
    unmatched = list(subscription["items"]["data"])
    requested_items = []
    for phase_item in phase_items:
        price = account.require_object("price", phase_item["price"], param="phases")
        candidates = [candidate for candidate in unmatched if candidate["price"]["id"] == price["id"]] or [
            candidate
            for candidate in unmatched
            if candidate["price"]["recurring"]["usage_type"] == price["recurring"]["usage_type"]
        ]
        item = candidates[0] if candidates else None
        unmatched = [candidate for candidate in unmatched if candidate is not item]
        requested_items.append(RequestedItem(price, phase_item.get("quantity") or 1, item))
    return requested_items


def _end_with_subscription(account: StripeAccount, schedule: Json) -> None:
    """The subscription ends with its last phase: its renewal, due in the same second, ends it."""
    subscription = account.require_object("subscription", schedule["subscription"])
    subscription["cancel_at"] = account.now()
    subscription["schedule"] = None
    account.update_object(subscription)
    account.due_actions.schedule("cycle", subscription["id"], account.now())
    schedule |= {"completed_at": account.now(), "current_phase": None, "status": "completed"}
    account.update_object(schedule, "subscription_schedule.completed")


def release_subscription(account: StripeAccount, schedule: Json) -> Json:
    """Release the subscription, which continues unchanged."""
    subscription = account.require_object("subscription", schedule["subscription"])
    subscription["schedule"] = None
    schedule |= {
        "current_phase": None,
        "released_at": account.now(),
        "released_subscription": subscription["id"],
        "status": "released",
        "subscription": None,
    }
    account.due_actions.cancel("phase", schedule["id"])
    account.update_object(schedule, "subscription_schedule.released")
    account.update_object(subscription, "customer.subscription.updated")
    return schedule
