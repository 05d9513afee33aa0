"""Lines of an invoice: full periods, prorations and metered usage. Pure but for reading usage and product names."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.errors import Json
from api.fakes.stripe.simulation import amounts, periods, usage


@dataclass(frozen=True, slots=True)
class RequestedItem:
    """An item that a subscription is to have; `existing_item` is the one it replaces."""

    price: Json
    quantity: int
    existing_item: Json | None = None
    metadata: dict[str, str] | None = None

    @property
    def is_unchanged(self) -> bool:
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
    """A line that is not on an invoice yet."""
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


def full_period_line(account: StripeAccount, subscription: Json, item: Json, period: tuple[int, int]) -> Json:
    """A full period of a licensed item."""
    price, quantity = item["price"], item["quantity"]
    name = product_name(account, price)
    description = f"{quantity} × {name} (at {format_unit_price(price)} / {price['recurring']['interval']})"
    amount = amounts.total_amount(price, quantity)
    return new_line(
        subscription, item["id"], price, amount=amount, quantity=quantity, period=period, description=description
    )


def trial_line(account: StripeAccount, subscription: Json, item: Json, period: tuple[int, int]) -> Json:
    """A trial period, which is free."""
    description = f"Trial period for {product_name(account, item['price'])}"
    return new_line(
        subscription,
        item["id"],
        item["price"],
        amount=0,
        quantity=item["quantity"],
        period=period,
        description=description,
    )


def usage_line(account: StripeAccount, subscription: Json, item: Json, period: tuple[int, int]) -> Json:
    """Metered usage of a period that is over."""
    price = item["price"]
    total = usage.total_usage(account, price["recurring"]["meter"], subscription["customer"], *period)
    description = f"{total} × {product_name(account, price)} (at {format_unit_price(price)} each)"
    return new_line(
        subscription,
        item["id"],
        price,
        amount=amounts.total_amount(price, Fraction(str(total))),
        quantity=int(total),
        period=period,
        description=description,
    )


def proration_lines(
    account: StripeAccount, subscription: Json, requested_items: list[RequestedItem], proration_date: int
) -> list[Json]:
    """The lines of an update within the period: credit for unused time, charge for remaining time."""
    lines: list[Json] = []
    by_item_id = {requested.existing_item["id"]: requested for requested in requested_items if requested.existing_item}
    for item in subscription["items"]["data"]:
        requested = by_item_id.get(item["id"])
        if requested is None or not requested.is_unchanged:
            lines += _unused_time_lines(account, subscription, item, proration_date)
        if requested is not None and not requested.is_unchanged:
            lines += _remaining_time_lines(
                account, subscription, item["id"], requested, _item_period(item), proration_date
            )
    added = [requested for requested in requested_items if requested.existing_item is None]
    first = subscription["items"]["data"][0]
    for requested in added:
        lines += _remaining_time_lines(
            account, subscription, new_id("si_"), requested, _item_period(first), proration_date
        )
    return lines


def _item_period(item: Json) -> tuple[int, int]:
    return item["current_period_start"], item["current_period_end"]


def _unused_time_lines(account: StripeAccount, subscription: Json, item: Json, proration_date: int) -> list[Json]:
    start, end = _item_period(item)
    price = item["price"]
    if amounts.is_metered(price):
        return [usage_line(account, subscription, item, (start, proration_date))] if proration_date > start else []
    amount = -amounts.prorated_amount(price, item["quantity"], end - proration_date, end - start)
    description = f"Unused time on {product_name(account, price)} after {periods.format_date(proration_date)}"
    return _proration_line(
        subscription, item["id"], price, amount, item["quantity"], (proration_date, end), description
    )


def _remaining_time_lines(
    account: StripeAccount,
    subscription: Json,
    item: str,
    requested: RequestedItem,
    period: tuple[int, int],
    proration_date: int,
) -> list[Json]:
    if amounts.is_metered(requested.price):
        return []
    start, end = period
    amount = amounts.prorated_amount(requested.price, requested.quantity, end - proration_date, end - start)
    description = (
        f"Remaining time on {product_name(account, requested.price)} after {periods.format_date(proration_date)}"
    )
    return _proration_line(
        subscription, item, requested.price, amount, requested.quantity, (proration_date, end), description
    )


def _proration_line(
    subscription: Json, item: str, price: Json, amount: int, quantity: int, period: tuple[int, int], description: str
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
            description=description,
            proration=True,
        )
    ]


def product_name(account: StripeAccount, price: Json) -> str:
    return str((account.store.get_object("product", price["product"]) or {"name": price["product"]})["name"])


def format_unit_price(price: Json) -> str:
    return f"{float(amounts.unit_amount(price)) / 100:.2f} {price['currency'].upper()}"
