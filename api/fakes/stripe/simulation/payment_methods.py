"""Payment methods: test cards as payment methods of customers, and the default one."""

from __future__ import annotations

import hashlib

from api.fakes.stripe import errors
from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.errors import Json
from api.fakes.stripe.simulation import cards
from api.fakes.stripe.simulation.cards import TestCard

EMPTY_BILLING_DETAILS: Json = {
    "address": {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None},
    "email": None,
    "name": None,
    "phone": None,
    "tax_id": None,
}


def new_payment_method(account: StripeAccount, card: TestCard) -> Json:
    """A payment method that is not attached yet."""
    return {
        "id": new_id("pm_1"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": EMPTY_BILLING_DETAILS,
        "card": _card_members(card),
        "created": account.now(),
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
        "_local": {"number": card.number},
    }


def _card_members(card: TestCard) -> Json:
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": card.brand,
        "exp_month": 12,
        "exp_year": 2099,
        "fingerprint": hashlib.sha256(card.number.encode()).hexdigest()[:16],
        "funding": "credit",
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def test_card_of(payment_method: Json) -> TestCard:
    return cards.CARDS_BY_NUMBER[payment_method["_local"]["number"]]


def find_or_create(account: StripeAccount, name: str, *, param: str | None = "payment_method") -> Json:
    """The payment method with this id, or a new one for a test card's token such as `pm_card_visa`."""
    card = cards.CARDS_BY_TOKEN.get(name)
    return (
        account.create_object(new_payment_method(account, card))
        if card
        else account.require_object("payment_method", name, param=param)
    )


def attach_to_customer(account: StripeAccount, payment_method: Json, customer_id: str) -> Json:
    """Raises StripeError for a card that cannot be saved."""
    card = test_card_of(payment_method)
    if card.fails_attach and card.decline_code:
        raise errors.card_declined(
            cards.error_code_for(card.decline_code), card.decline_code, cards.DECLINE_MESSAGES[card.decline_code]
        )
    if payment_method["customer"] == customer_id:
        return payment_method
    if payment_method["customer"] is not None:
        raise errors.invalid_request(
            "The payment method you provided has already been attached to a customer.", begun=True
        )
    payment_method["customer"] = customer_id
    return account.update_object(payment_method, "payment_method.attached")


def set_default_method(account: StripeAccount, customer_id: str, payment_method: str | None) -> None:
    """Set the customer's default payment method for invoices."""
    customer = account.require_object("customer", customer_id)
    customer["invoice_settings"] = {**customer["invoice_settings"], "default_payment_method": payment_method}
    account.update_object(customer, "customer.updated")


def default_payment_method(account: StripeAccount, customer_id: str, subscription: Json | None) -> Json | None:
    """The payment method for a subscription's invoices: its own, or else the customer's."""
    name = (subscription or {}).get("default_payment_method")
    name = name or account.require_object("customer", customer_id)["invoice_settings"]["default_payment_method"]
    return account.store.get_object("payment_method", name) if name else None
