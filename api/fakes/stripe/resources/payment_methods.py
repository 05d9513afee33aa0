"""Payment methods: the cards that customers have saved."""

from __future__ import annotations

from api.fakes.stripe import lists
from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params
from api.fakes.stripe.simulation import payment_methods

KIND = "payment_method"


def retrieve_payment_method(world: StripeAccount, params: Params, ident: str) -> Json:
    """One of them; a test card's name makes one."""
    return payment_methods.find_or_create(world, ident, param=None)


def list_payment_methods(world: StripeAccount, params: Params) -> Json:
    """Those of a customer."""
    where = {"customer": params.optional_text("customer"), "type": params.optional_text("type")}
    return lists.list_page(world, params, KIND, "/v1/payment_methods", where)


def list_customer_payment_methods(world: StripeAccount, params: Params, customer: str) -> Json:
    """The same, asked for at the customer."""
    world.require_object("customer", customer)
    where = {"customer": customer, "type": params.optional_text("type")}
    return lists.list_page(world, params, KIND, f"/v1/customers/{customer}/payment_methods", where)


def attach_payment_method(world: StripeAccount, params: Params, ident: str) -> Json:
    """Save it for a customer."""
    customer = world.require_object("customer", params.required_text("customer"), param="customer")
    return payment_methods.attach_to_customer(
        world, payment_methods.find_or_create(world, ident, param=None), customer["id"]
    )


def detach_payment_method(world: StripeAccount, params: Params, ident: str) -> Json:
    """Let it go: nobody can pay with it any more."""
    method = world.require_object(KIND, ident)
    owner, method["customer"] = method["customer"], None
    if owner is not None:
        customer = world.require_object("customer", owner)
        if customer["invoice_settings"]["default_payment_method"] == ident:
            payment_methods.set_default_method(world, owner, None)
    return world.update_object(method, "payment_method.detached")


ROUTES = (
    ("GET", "/v1/payment_methods", list_payment_methods),
    ("GET", "/v1/payment_methods/{}", retrieve_payment_method),
    ("POST", "/v1/payment_methods/{}/attach", attach_payment_method),
    ("POST", "/v1/payment_methods/{}/detach", detach_payment_method),
    ("GET", "/v1/customers/{}/payment_methods", list_customer_payment_methods),
)
