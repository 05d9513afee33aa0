"""The lines of an invoice: a period of a price, a part of one, and what a meter counted. Pure but for the meter."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.errors import Json
from api.fakes.stripe.simulation import amounts, periods, usage


@dataclass(frozen=True, slots=True)
class RequestedItem:
    """An item as a subscription is to have it; `item` is the one it has, if it has it already."""

    price: Json
    quantity: int
    existing_item: Json | None = None
    metadata: dict[str, str] | None = None

    @property
    def is_unchanged(self) -> bool:
        """Whether nothing changes."""
        old = self.existing_item
        return (
            old is not None and old["price"]["id"] == self.price["id"] and (old.get("quantity") or 1) == self.quantity
        )


def new_line(
    subscription: Json,
    item: str,
    price: Json,
    *,
    amount: int,
    quantity: int,
    period: tuple[int, int],
    description: str,
    proration: bool = False,
) -> Json:
    """One line, not yet on an invoice."""
    details = {
        "invoice_item": new_id("ii_1") if proration else None,
        "proration": proration,
        "proration_details": {"credited_items": None},
        "subscription": subscription["id"],
        "subscription_item": item,
    }
    return {
        "id": new_id("il_1"),
        "object": "line_item",
        "amount": amount,
        "currency": price["currency"],
        "description": description,
        "discount_amounts": [],
        "discountable": not proration,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": dict(subscription["metadata"]),
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": details,
            "type": "subscription_item_details",
        },
        "period": {"end": period[1], "start": period[0]},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": subscription["id"],
        "subtotal": amount,
        "taxes": [],
    }


def full_period_line(world: StripeAccount, subscription: Json, item: Json, period: tuple[int, int]) -> Json:
    """A whole period of a licensed item."""
    price, quantity = item["price"], item["quantity"]
    name = product_name(world, price)
    words = f"{quantity} × {name} (at {format_unit_price(price)} / {price['recurring']['interval']})"
    amount = amounts.total_amount(price, quantity)
    return new_line(subscription, item["id"], price, amount=amount, quantity=quantity, period=period, description=words)


def trial_line(world: StripeAccount, subscription: Json, item: Json, period: tuple[int, int]) -> Json:
    """A trial, which costs nothing."""
    words = f"Trial period for {product_name(world, item['price'])}"
    return new_line(
        subscription, item["id"], item["price"], amount=0, quantity=item["quantity"], period=period, description=words
    )


def usage_line(world: StripeAccount, subscription: Json, item: Json, period: tuple[int, int]) -> Json:
    """What the item's meter counted in a period that is over."""
    price = item["price"]
    total = usage.total_usage(world, price["recurring"]["meter"], subscription["customer"], *period)
    words = f"{total} × {product_name(world, price)} (at {format_unit_price(price)} each)"
    return new_line(
        subscription,
        item["id"],
        price,
        amount=amounts.total_amount(price, Fraction(str(total))),
        quantity=int(total),
        period=period,
        description=words,
    )


def proration_lines(world: StripeAccount, subscription: Json, wanted: list[RequestedItem], at: int) -> list[Json]:
    """What a change at a moment within the period costs: unused time given back, remaining time charged."""
    found: list[Json] = []
    kept = {one.existing_item["id"]: one for one in wanted if one.existing_item}
    for item in subscription["items"]["data"]:
        change = kept.get(item["id"])
        if change is None or not change.is_unchanged:
            found += _unused_time_lines(world, subscription, item, at)
        if change is not None and not change.is_unchanged:
            found += _remaining_time_lines(world, subscription, item["id"], change, _item_period(item), at)
    new = [one for one in wanted if one.existing_item is None]
    first = subscription["items"]["data"][0]
    for one in new:
        found += _remaining_time_lines(world, subscription, new_id("si_"), one, _item_period(first), at)
    return found


def _item_period(item: Json) -> tuple[int, int]:
    return item["current_period_start"], item["current_period_end"]


def _unused_time_lines(world: StripeAccount, subscription: Json, item: Json, at: int) -> list[Json]:
    start, end = _item_period(item)
    price = item["price"]
    if amounts.is_metered(price):
        return [usage_line(world, subscription, item, (start, at))] if at > start else []
    amount = -amounts.prorated_amount(price, item["quantity"], end - at, end - start)
    words = f"Unused time on {product_name(world, price)} after {periods.format_date(at)}"
    return _proration_line(subscription, item["id"], price, amount, item["quantity"], (at, end), words)


def _remaining_time_lines(
    world: StripeAccount, subscription: Json, item: str, change: RequestedItem, period: tuple[int, int], at: int
) -> list[Json]:
    if amounts.is_metered(change.price):
        return []
    start, end = period
    amount = amounts.prorated_amount(change.price, change.quantity, end - at, end - start)
    words = f"Remaining time on {product_name(world, change.price)} after {periods.format_date(at)}"
    return _proration_line(subscription, item, change.price, amount, change.quantity, (at, end), words)


def _proration_line(
    subscription: Json, item: str, price: Json, amount: int, quantity: int, period: tuple[int, int], words: str
) -> list[Json]:
    if period[0] == period[1]:
        return []
    return [
        new_line(
            subscription,
            item,
            price,
            amount=amount,
            quantity=quantity,
            period=period,
            description=words,
            proration=True,
        )
    ]


def product_name(world: StripeAccount, price: Json) -> str:
    """The name of what is sold."""
    return str((world.store.get_object("product", price["product"]) or {"name": price["product"]})["name"])


def format_unit_price(price: Json) -> str:
    """A unit's price in words."""
    return f"{float(amounts.unit_amount(price)) / 100:.2f} {price['currency'].upper()}"
