"""Schedules: what a subscription will consist of later, phase by phase."""

from __future__ import annotations

from collections.abc import Sequence

from api.fakes.stripe import errors
from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.errors import Json
from api.fakes.stripe.simulation import changes, periods, subscription_items
from api.fakes.stripe.simulation.changes import SubscriptionUpdate
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
"""What every schedule begins with."""


def create_from_subscription(world: StripeAccount, subscription: Json) -> Json:
    """A schedule around a subscription: its present period is the first phase."""
    start, end = subscription_items.current_period(subscription)
    rows = [new_phase_item(one["price"]["id"], one.get("quantity")) for one in subscription["items"]["data"]]
    schedule: Json = {
        **SCHEDULE_DEFAULTS,
        "id": new_id("sub_sched_1"),
        "object": "subscription_schedule",
        "billing_mode": subscription["billing_mode"],
        "created": world.now(),
        "current_phase": {"end_date": end, "start_date": start},
        "customer": subscription["customer"],
        "default_settings": DEFAULT_SETTINGS,
        "phases": [new_phase(subscription["currency"], rows, start, end, subscription["metadata"])],
        "subscription": subscription["id"],
    }
    subscription["schedule"] = schedule["id"]
    world.due_actions.schedule("phase", schedule["id"], end)
    world.create_object(schedule, "subscription_schedule.created")
    world.update_object(subscription, "customer.subscription.updated")
    return schedule


def new_phase_item(price: str, quantity: int | None) -> Json:
    """What a phase says of an item."""
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
"""What all phases have in common."""


def new_phase(
    currency: str,
    rows: Sequence[Json],
    start: int,
    end: int,
    metadata: dict[str, str],
    proration: str = "create_prorations",
) -> Json:
    """A stretch of time with its items."""
    return {
        **PHASE_DEFAULTS,
        "currency": currency,
        "end_date": end,
        "items": list(rows),
        "metadata": metadata,
        "proration_behavior": proration,
        "start_date": start,
    }


def replace_phases(world: StripeAccount, schedule: Json, phases: list[Json]) -> Json:
    """Put other phases in place of the ones it has. The first must be the one that runs."""
    current = schedule["current_phase"]
    if not phases or phases[0]["start_date"] != current["start_date"]:
        words = "You can not modify the start date of the current phase."
        raise errors.invalid_request(words, param="phases[0][start_date]")
    if phases[0]["end_date"] <= world.now():
        raise errors.invalid_request("The current phase cannot end in the past.", param="phases[0][end_date]")
    schedule["phases"] = phases
    schedule["current_phase"] = {"end_date": phases[0]["end_date"], "start_date": phases[0]["start_date"]}
    world.due_actions.schedule("phase", schedule["id"], phases[0]["end_date"])
    return world.update_object(schedule, "subscription_schedule.updated")


def phase_end(world: StripeAccount, price: str, start: int, duration: tuple[str, int] | None) -> int:
    """When a phase ends whose end is not given: after a while, or after one period of its price."""
    recurring = world.require_object("price", price, param="phases")["recurring"]
    interval, count = duration or (recurring["interval"], recurring["interval_count"])
    return periods.period_boundary(start, interval, count, 1)


def end_phase(world: StripeAccount, ident: str) -> None:
    """A phase is over: the next begins, or the schedule has nothing more to say."""
    schedule = world.require_object("subscription_schedule", ident)
    if schedule["status"] != "active":
        return
    over = schedule["current_phase"]["end_date"]
    following = [one for one in schedule["phases"] if one["start_date"] >= over]
    if following:
        _start_phase(world, schedule, following[0])
    elif schedule["end_behavior"] == "cancel":
        _end_with_subscription(world, schedule)
    else:
        release_subscription(world, schedule)


def _start_phase(world: StripeAccount, schedule: Json, following: Json) -> None:
    schedule["current_phase"] = {"end_date": following["end_date"], "start_date": following["start_date"]}
    world.due_actions.schedule("phase", schedule["id"], following["end_date"])
    world.update_object(schedule, "subscription_schedule.updated")
    subscription = world.require_object("subscription", schedule["subscription"])
    if following["metadata"]:
        subscription["metadata"] = {**subscription["metadata"], **following["metadata"]}
    wanted = match_phase_items(world, subscription, following["items"])
    changes.apply_update(world, subscription, SubscriptionUpdate(wanted, world.now(), following["proration_behavior"]))


def match_phase_items(world: StripeAccount, subscription: Json, rows: Sequence[Json]) -> list[RequestedItem]:
    """The items of a phase, each in the place of one that the subscription has."""
    have = list(subscription["items"]["data"])
    found = []
    for row in rows:
        price = world.require_object("price", row["price"], param="phases")
        alike = [one for one in have if one["price"]["id"] == price["id"]] or [
            one for one in have if one["price"]["recurring"]["usage_type"] == price["recurring"]["usage_type"]
        ]
        item = alike[0] if alike else None
        have = [one for one in have if one is not item]
        found.append(RequestedItem(price, row.get("quantity") or 1, item))
    return found


def _end_with_subscription(world: StripeAccount, schedule: Json) -> None:
    """The subscription ends with its last phase; the turn of its period, due in the same second, sees to it."""
    subscription = world.require_object("subscription", schedule["subscription"])
    subscription["cancel_at"] = world.now()
    subscription["schedule"] = None
    world.update_object(subscription)
    world.due_actions.schedule("cycle", subscription["id"], world.now())
    schedule |= {"completed_at": world.now(), "current_phase": None, "status": "completed"}
    world.update_object(schedule, "subscription_schedule.completed")


def release_subscription(world: StripeAccount, schedule: Json) -> Json:
    """Let go of the subscription, which goes on as it is."""
    subscription = world.require_object("subscription", schedule["subscription"])
    subscription["schedule"] = None
    schedule |= {
        "current_phase": None,
        "released_at": world.now(),
        "released_subscription": subscription["id"],
        "status": "released",
        "subscription": None,
    }
    world.due_actions.cancel("phase", schedule["id"])
    world.update_object(schedule, "subscription_schedule.released")
    world.update_object(subscription, "customer.subscription.updated")
    return schedule
