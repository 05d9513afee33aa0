"""Payments as they are read: payment intents, charges, disputes and balance transactions."""

from __future__ import annotations

from api.fakes.stripe import lists
from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params


def retrieve_payment_intent(world: StripeAccount, params: Params, ident: str) -> Json:
    """A payment."""
    params.ignore_params("client_secret")
    return world.require_object("payment_intent", ident)


def list_payment_intents(world: StripeAccount, params: Params) -> Json:
    """The payments of a customer."""
    where = {"customer": params.optional_text("customer")}
    return lists.list_page(world, params, "payment_intent", "/v1/payment_intents", where)


def retrieve_charge(world: StripeAccount, params: Params, ident: str) -> Json:
    """A charge."""
    return world.require_object("charge", ident)


def list_charges(world: StripeAccount, params: Params) -> Json:
    """The charges of a payment or a customer."""
    where = {"customer": params.optional_text("customer"), "payment_intent": params.optional_text("payment_intent")}
    return lists.list_page(world, params, "charge", "/v1/charges", where)


def retrieve_dispute(world: StripeAccount, params: Params, ident: str) -> Json:
    """A dispute."""
    return world.require_object("dispute", ident)


def list_disputes(world: StripeAccount, params: Params) -> Json:
    """The disputes about a payment or a charge."""
    where = {"charge": params.optional_text("charge"), "payment_intent": params.optional_text("payment_intent")}
    return lists.list_page(world, params, "dispute", "/v1/disputes", where)


def retrieve_balance_transaction(world: StripeAccount, params: Params, ident: str) -> Json:
    """What something did to the account's balance."""
    return world.require_object("balance_transaction", ident)


ROUTES = (
    ("GET", "/v1/payment_intents", list_payment_intents),
    ("GET", "/v1/payment_intents/{}", retrieve_payment_intent),
    ("GET", "/v1/charges", list_charges),
    ("GET", "/v1/charges/{}", retrieve_charge),
    ("GET", "/v1/disputes", list_disputes),
    ("GET", "/v1/disputes/{}", retrieve_dispute),
    ("GET", "/v1/balance_transactions/{}", retrieve_balance_transaction),
)
