"""Payment methods: the saved cards of customers."""

from __future__ import annotations

from api.fakes.stripe import lists
from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params
from api.fakes.stripe.simulation import payment_methods

KIND = "payment_method"


def retrieve_payment_method(account: StripeAccount, params: Params, payment_method_id: str) -> Json:
    """The token of a test card creates a payment method."""
    return payment_methods.find_or_create(account, payment_method_id, param=None)


def list_payment_methods(account: StripeAccount, params: Params) -> Json:
    where = {"customer": params.optional_text("customer"), "type": params.optional_text("type")}
    return lists.list_page(account, params, KIND, "/v1/payment_methods", where)


def list_customer_payment_methods(account: StripeAccount, params: Params, customer_id: str) -> Json:
    account.require_object("customer", customer_id)
    where = {"customer": customer_id, "type": params.optional_text("type")}
    return lists.list_page(account, params, KIND, f"/v1/customers/{customer_id}/payment_methods", where)


def attach_payment_method(account: StripeAccount, params: Params, payment_method_id: str) -> Json:
    customer = account.require_object("customer", params.required_text("customer"), param="customer")
    return payment_methods.attach_to_customer(
        account, payment_methods.find_or_create(account, payment_method_id, param=None), customer["id"]
    )


def detach_payment_method(account: StripeAccount, params: Params, payment_method_id: str) -> Json:
    """Detach a payment method, which can then no longer be used for payments."""
    payment_method = account.require_object(KIND, payment_method_id)
    customer_id, payment_method["customer"] = payment_method["customer"], None
    if customer_id is not None:
        customer = account.require_object("customer", customer_id)
        if customer["invoice_settings"]["default_payment_method"] == payment_method_id:
            payment_methods.set_default_method(account, customer_id, None)
    return account.update_object(payment_method, "payment_method.detached")


ROUTES = (
    ("GET", "/v1/payment_methods", list_payment_methods),
    ("GET", "/v1/payment_methods/{}", retrieve_payment_method),
    ("POST", "/v1/payment_methods/{}/attach", attach_payment_method),
    ("POST", "/v1/payment_methods/{}/detach", detach_payment_method),
    ("GET", "/v1/customers/{}/payment_methods", list_customer_payment_methods),
)
