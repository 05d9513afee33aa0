"""Items of a subscription and their periods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.errors import Json
from api.fakes.stripe.simulation import amounts
from api.fakes.stripe.simulation.invoice_lines import RequestedItem


def new_item(account: StripeAccount, subscription_id: str, requested: RequestedItem, period: tuple[int, int]) -> Json:
    item: Json = {
        "id": new_id("si_"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": account.now(),
        "current_period_end": period[1],
        "current_period_start": period[0],
        "discounts": [],
        "metadata": requested.metadata or {},
        "plan": legacy_plan(requested.price),
        "price": requested.price,
        "quantity": requested.quantity,
        "subscription": subscription_id,
        "tax_rates": [],
    }
    if amounts.is_metered(requested.price):
        del item["quantity"]
    return item


def apply_requested_items(
    account: StripeAccount, subscription: Json, requested_items: Iterable[RequestedItem]
) -> list[Json]:
    """The requested items: existing ones keep id and period, new ones begin now and end with the others."""
    end = current_period(subscription)[1]
    items = []
    for requested in requested_items:
        item = new_item(account, subscription["id"], requested, (account.now(), end))
        if requested.existing_item is not None:
            kept_members = ("id", "created", "current_period_start", "current_period_end")
            item |= {name: requested.existing_item[name] for name in kept_members}
            item["metadata"] = (
                requested.metadata if requested.metadata is not None else requested.existing_item["metadata"]
            )
        items.append(item)
    return items


def set_items(subscription: Json, items: Sequence[Json]) -> None:
    subscription["items"] = {**subscription["items"], "data": list(items)}


def current_period(subscription: Json) -> tuple[int, int]:
    items = subscription["items"]["data"]
    return min(item["current_period_start"] for item in items), items[0]["current_period_end"]


def start_period(subscription: Json, start: int, end: int) -> None:
    """Start a new period for all items."""
    items = subscription["items"]["data"]
    set_items(subscription, [{**item, "current_period_start": start, "current_period_end": end} for item in items])


def licensed_items(items: Iterable[Json]) -> list[Json]:
    """Items that are paid in advance."""
    return [item for item in items if not amounts.is_metered(item["price"])]


def metered_items(items: Iterable[Json]) -> list[Json]:
    """Items that are paid afterwards, by usage."""
    return [item for item in items if amounts.is_metered(item["price"])]


def legacy_plan(price: Json) -> Json:
    """A price as a `plan` object, the shape that came before prices."""
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
