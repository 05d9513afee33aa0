"""Payments as they are read: payment intents, charges, disputes and balance transactions."""

from __future__ import annotations

from api.fakes.stripe import lists
from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params


def retrieve_payment_intent(account: StripeAccount, params: Params, payment_intent_id: str) -> Json:
    params.ignore_params("client_secret")
    return account.require_object("payment_intent", payment_intent_id)


def list_payment_intents(account: StripeAccount, params: Params) -> Json:
    where = {"customer": params.optional_text("customer")}
    return lists.list_page(account, params, "payment_intent", "/v1/payment_intents", where)


def retrieve_charge(account: StripeAccount, params: Params, charge_id: str) -> Json:
    return account.require_object("charge", charge_id)


def list_charges(account: StripeAccount, params: Params) -> Json:
    where = {"customer": params.optional_text("customer"), "payment_intent": params.optional_text("payment_intent")}
    return lists.list_page(account, params, "charge", "/v1/charges", where)


def retrieve_dispute(account: StripeAccount, params: Params, dispute_id: str) -> Json:
    return account.require_object("dispute", dispute_id)


def list_disputes(account: StripeAccount, params: Params) -> Json:
    where = {"charge": params.optional_text("charge"), "payment_intent": params.optional_text("payment_intent")}
    return lists.list_page(account, params, "dispute", "/v1/disputes", where)


def retrieve_balance_transaction(account: StripeAccount, params: Params, transaction_id: str) -> Json:
    return account.require_object("balance_transaction", transaction_id)


ROUTES = (
    ("GET", "/v1/payment_intents", list_payment_intents),
    ("GET", "/v1/payment_intents/{}", retrieve_payment_intent),
    ("GET", "/v1/charges", list_charges),
    ("GET", "/v1/charges/{}", retrieve_charge),
    ("GET", "/v1/disputes", list_disputes),
    ("GET", "/v1/disputes/{}", retrieve_dispute),
    ("GET", "/v1/balance_transactions/{}", retrieve_balance_transaction),
)
