"""Invoice items: what a change has cost that is not on an invoice yet."""

from __future__ import annotations

from collections.abc import Sequence

from api.fakes.stripe.account import PRIVATE, StripeAccount
from api.fakes.stripe.errors import Json


def create_invoice_items(world: StripeAccount, subscription: Json, lines: Sequence[Json]) -> None:
    """Keep lines for the subscription's next invoice."""
    for line in lines:
        world.create_object(_new_invoice_item(world, subscription, line), "invoiceitem.created")


def pending_lines(world: StripeAccount, subscription: Json) -> list[Json]:
    """The lines that wait, oldest first."""
    found = world.store.find_objects("invoiceitem", {"_local.subscription": subscription["id"], "_local.waiting": 1})
    return [item[PRIVATE]["line"] for item in found[::-1]]


def bill_pending_items(world: StripeAccount, subscription: Json, invoice: Json) -> None:
    """They are on this invoice now."""
    where = {"_local.subscription": subscription["id"], "_local.waiting": 1}
    for item in world.store.find_objects("invoiceitem", where):
        item["invoice"] = invoice["id"]
        item[PRIVATE]["waiting"] = 0
        world.update_object(item)


INVOICE_ITEM_DEFAULTS: Json = {
    "customer_account": None,
    "discounts": [],
    "invoice": None,
    "livemode": False,
    "metadata": {},
    "tax_rates": [],
    "test_clock": None,
}
"""What all items have in common."""


def _new_invoice_item(world: StripeAccount, subscription: Json, line: Json) -> Json:
    details = line["parent"]["subscription_item_details"]
    return {
        **INVOICE_ITEM_DEFAULTS,
        "id": details["invoice_item"] or f"ii_{line['id'][3:]}",
        "object": "invoiceitem",
        "amount": line["amount"],
        "currency": line["currency"],
        "customer": subscription["customer"],
        "date": world.now(),
        "description": line["description"],
        "discountable": line["discountable"],
        "net_amount": line["amount"],
        "parent": {
            "subscription_details": {
                "subscription": subscription["id"],
                "subscription_item": details["subscription_item"],
            },
            "type": "subscription_details",
        },
        "period": line["period"],
        "pricing": line["pricing"],
        "proration": details["proration"],
        "proration_details": {"credited_items": None, "discount_amounts": []} if details["proration"] else None,
        "quantity": line["quantity"],
        "quantity_decimal": line["quantity_decimal"],
        PRIVATE: {"line": line, "subscription": subscription["id"], "waiting": 1},
    }
