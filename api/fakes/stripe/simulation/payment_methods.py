"""Payment methods: a test card as a customer's own, and which one pays."""

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


def new_payment_method(world: StripeAccount, card: TestCard) -> Json:
    """A card that nobody has saved yet."""
    return {
        "id": new_id("pm_1"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": EMPTY_BILLING_DETAILS,
        "card": _card_members(card),
        "created": world.now(),
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


def test_card_of(method: Json) -> TestCard:
    """The test card behind it."""
    return cards.CARDS_BY_NUMBER[method["_local"]["number"]]


def find_or_create(world: StripeAccount, name: str, *, param: str | None = "payment_method") -> Json:
    """A payment method by its id, or a new one by a test card's name such as `pm_card_visa`."""
    card = cards.CARDS_BY_TOKEN.get(name)
    return (
        world.create_object(new_payment_method(world, card))
        if card
        else world.require_object("payment_method", name, param=param)
    )


def attach_to_customer(world: StripeAccount, method: Json, customer: str) -> Json:
    """Save it for a customer. Raises StripeError for a card whose bank refuses even that."""
    card = test_card_of(method)
    if card.fails_attach and card.decline_code:
        raise errors.card_declined(
            cards.error_code_for(card.decline_code), card.decline_code, cards.DECLINE_MESSAGES[card.decline_code]
        )
    if method["customer"] == customer:
        return method
    if method["customer"] is not None:
        raise errors.invalid_request(
            "The payment method you provided has already been attached to a customer.", begun=True
        )
    method["customer"] = customer
    return world.update_object(method, "payment_method.attached")


def set_default_method(world: StripeAccount, customer: str, method: str | None) -> None:
    """Let the customer's invoices be paid with it from now on."""
    thing = world.require_object("customer", customer)
    thing["invoice_settings"] = {**thing["invoice_settings"], "default_payment_method": method}
    world.update_object(thing, "customer.updated")


def default_payment_method(world: StripeAccount, customer: str, subscription: Json | None) -> Json | None:
    """What pays the invoices of a subscription: its own method, else the customer's."""
    name = (subscription or {}).get("default_payment_method")
    name = name or world.require_object("customer", customer)["invoice_settings"]["default_payment_method"]
    return world.store.get_object("payment_method", name) if name else None
