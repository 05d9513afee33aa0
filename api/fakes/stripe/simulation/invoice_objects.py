"""Invoice objects: lines, totals and customer details."""

from __future__ import annotations

from collections.abc import Sequence

from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.errors import Json
from api.fakes.stripe.lists import list_object

MINIMUM_CHARGE = 50
"""Minor units below which Stripe charges nothing and carries the amount over."""


INVOICE_DEFAULTS: Json = {
    "account_country": "US",
    "account_name": "Kinora, fake Stripe",
    "account_tax_ids": None,
    "amount_due": 0,
    "amount_overpaid": 0,
    "amount_paid": 0,
    "amount_remaining": 0,
    "amount_shipping": 0,
    "application": None,
    "attempt_count": 0,
    "attempted": False,
    "auto_advance": True,
    "automatic_tax": {
        "disabled_reason": None,
        "enabled": False,
        "liability": None,
        "provider": None,
        "status": None,
    },
    "automatically_finalizes_at": None,
    "collection_method": "charge_automatically",
    "custom_fields": None,
    "customer_account": None,
    "customer_tax_ids": [],
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "description": None,
    "discounts": [],
    "due_date": None,
    "effective_at": None,
    "ending_balance": None,
    "footer": None,
    "from_invoice": None,
    "hosted_invoice_url": None,
    "invoice_pdf": None,
    "issuer": {"type": "self"},
    "last_finalization_error": None,
    "latest_revision": None,
    "livemode": False,
    "metadata": {},
    "next_payment_attempt": None,
    "number": None,
    "on_behalf_of": None,
    "payment_settings": {
        "default_mandate": None,
        "payment_method_options": None,
        "payment_method_types": None,
    },
    "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0,
    "receipt_number": None,
    "rendering": None,
    "shipping_cost": None,
    "shipping_details": None,
    "statement_descriptor": None,
    "status": "draft",
    "status_transitions": {
        "finalized_at": None,
        "marked_uncollectible_at": None,
        "paid_at": None,
        "voided_at": None,
    },
    "subtotal": 0,
    "subtotal_excluding_tax": 0,
    "test_clock": None,
    "total": 0,
    "total_discount_amounts": [],
    "total_excluding_tax": 0,
    "total_pretax_credit_amounts": [],
    "total_taxes": [],
    "webhooks_delivered_at": None,
}
"""Members of a new draft."""


def new_invoice(
    account: StripeAccount,
    customer: Json,
    lines: Sequence[Json],
    *,
    reason: str,
    subscription: Json | None = None,
    period: tuple[int, int] | None = None,
    proration_date: int | None = None,
    preview: bool = False,
) -> Json:
    """A draft that is not stored; a preview never is."""
    invoice_id = new_id("upcoming_in_") if preview else new_id("in_1")
    now = account.now()
    start, end = period or (now, now)
    invoice: Json = {
        **INVOICE_DEFAULTS,
        "id": invoice_id,
        "object": "invoice",
        "billing_reason": reason,
        "created": now,
        "currency": customer["currency"] or (lines[0]["currency"] if lines else "usd"),
        "customer": customer["id"],
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": customer["shipping"],
        "customer_tax_exempt": customer["tax_exempt"],
        "lines": list_object([], f"/v1/invoices/{invoice_id}/lines"),
        "parent": None if subscription is None else _subscription_parent(subscription, proration_date),
        "period_end": end,
        "period_start": start,
        "starting_balance": customer["balance"],
    }
    return set_lines(invoice, lines)


def _subscription_parent(subscription: Json, proration_date: int | None) -> Json:
    details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
    if proration_date is not None:
        details["subscription_proration_date"] = proration_date
    return {"quote_details": None, "subscription_details": details, "type": "subscription_details"}


def set_lines(invoice: Json, lines: Sequence[Json]) -> Json:
    """Set the lines of a draft and compute its totals."""
    invoice_lines = [{**line, "invoice": invoice["id"]} for line in lines]
    invoice["lines"] = list_object(invoice_lines, invoice["lines"]["url"])
    total = sum(line["amount"] for line in invoice_lines)
    balance_due = total + invoice["starting_balance"]
    due, ending_balance = max(0, balance_due), min(0, balance_due)
    if 0 < due < MINIMUM_CHARGE:
        due, ending_balance = 0, due
    invoice |= {"subtotal": total, "subtotal_excluding_tax": total, "total": total, "total_excluding_tax": total}
    invoice |= {"amount_due": due, "amount_remaining": due, "ending_balance": ending_balance}
    return invoice


def billed_subscription(invoice: Json) -> str | None:
    """The id of the subscription that the invoice bills."""
    details = (invoice["parent"] or {}).get("subscription_details")
    return None if details is None else str(details["subscription"])
