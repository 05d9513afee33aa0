"""What a subscription consists of: its items with their periods, and a new set of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.errors import Json
from api.fakes.stripe.simulation import amounts
from api.fakes.stripe.simulation.invoice_lines import RequestedItem


def new_item(world: StripeAccount, subscription: str, wanted: RequestedItem, period: tuple[int, int]) -> Json:
    """An item for a price."""
    item: Json = {
        "id": new_id("si_"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": world.now(),
        "current_period_end": period[1],
        "current_period_start": period[0],
        "discounts": [],
        "metadata": wanted.metadata or {},
        "plan": legacy_plan(wanted.price),
        "price": wanted.price,
        "quantity": wanted.quantity,
        "subscription": subscription,
        "tax_rates": [],
    }
    if amounts.is_metered(wanted.price):
        del item["quantity"]
    return item


def apply_requested_items(world: StripeAccount, subscription: Json, wanted: Iterable[RequestedItem]) -> list[Json]:
    """The items as wanted: those that stay keep id and period, new ones begin now and end with the rest."""
    end = current_period(subscription)[1]
    found = []
    for one in wanted:
        item = new_item(world, subscription["id"], one, (world.now(), end))
        if one.existing_item is not None:
            kept = ("id", "created", "current_period_start", "current_period_end")
            item |= {name: one.existing_item[name] for name in kept}
            item["metadata"] = one.metadata if one.metadata is not None else one.existing_item["metadata"]
        found.append(item)
    return found


def set_items(subscription: Json, items: Sequence[Json]) -> None:
    """Give the subscription these items."""
    subscription["items"] = {**subscription["items"], "data": list(items)}


def current_period(subscription: Json) -> tuple[int, int]:
    """The period the subscription is in."""
    items = subscription["items"]["data"]
    return min(one["current_period_start"] for one in items), items[0]["current_period_end"]


def start_period(subscription: Json, start: int, end: int) -> None:
    """Begin a new period for all of them."""
    items = subscription["items"]["data"]
    set_items(subscription, [{**one, "current_period_start": start, "current_period_end": end} for one in items])


def licensed_items(items: Iterable[Json]) -> list[Json]:
    """Those paid in advance."""
    return [one for one in items if not amounts.is_metered(one["price"])]


def metered_items(items: Iterable[Json]) -> list[Json]:
    """Those paid afterwards, by what was counted."""
    return [one for one in items if amounts.is_metered(one["price"])]


def legacy_plan(price: Json) -> Json:
    """A price in the shape that Stripe used before there were prices."""
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": False,
        "metadata": price["metadata"],
        "meter": recurring["meter"],
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": recurring["usage_type"],
    }
