"""Invoice items: prorations that are not on an invoice yet."""

from __future__ import annotations

from collections.abc import Sequence

from api.fakes.stripe.account import PRIVATE, StripeAccount
from api.fakes.stripe.errors import Json


def create_invoice_items(account: StripeAccount, subscription: Json, lines: Sequence[Json]) -> None:
    """Keep lines for the subscription's next invoice."""
    for line in lines:
        account.create_object(_new_invoice_item(account, subscription, line), "invoiceitem.created")


def pending_lines(account: StripeAccount, subscription: Json) -> list[Json]:
    """Lines that are not on an invoice yet, oldest first."""
    items = account.store.find_objects("invoiceitem", {"_local.subscription": subscription["id"], "_local.waiting": 1})
    return [item[PRIVATE]["line"] for item in items[::-1]]


def bill_pending_items(account: StripeAccount, subscription: Json, invoice: Json) -> None:
    """Mark the pending items as billed by the invoice."""
    where = {"_local.subscription": subscription["id"], "_local.waiting": 1}
    for item in account.store.find_objects("invoiceitem", where):
        item["invoice"] = invoice["id"]
        item[PRIVATE]["waiting"] = 0
        account.update_object(item)


INVOICE_ITEM_DEFAULTS: Json = {
    "customer_account": None,
    "discounts": [],
    "invoice": None,
    "livemode": False,
    "metadata": {},
    "tax_rates": [],
    "test_clock": None,
}
"""Members of a new invoice item."""


def _new_invoice_item(account: StripeAccount, subscription: Json, line: Json) -> Json:
    details = line["parent"]["subscription_item_details"]
    return {
        **INVOICE_ITEM_DEFAULTS,
        "id": details["invoice_item"] or f"ii_{line['id'][3:]}",
        "object": "invoiceitem",
        "amount": line["amount"],
        "currency": line["currency"],
        "customer": subscription["customer"],
        "date": account.now(),
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
