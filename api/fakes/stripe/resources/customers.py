"""Customers."""

from __future__ import annotations

from api.fakes.stripe import errors, lists
from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.errors import Json
from api.fakes.stripe.params import Params
from api.fakes.stripe.simulation import cancellation, payment_methods

KIND = "customer"
ADDRESS_MEMBERS = ("city", "country", "line1", "line2", "postal_code", "state")
TEXT_MEMBERS = ("email", "name", "description", "phone", "business_name", "individual_name")


CUSTOMER_DEFAULTS: Json = {
    "address": None,
    "balance": 0,
    "currency": None,
    "customer_account": None,
    "default_source": None,
    "delinquent": False,
    "description": None,
    "discount": None,
    "email": None,
    "invoice_settings": {
        "custom_fields": None,
        "default_payment_method": None,
        "footer": None,
        "rendering_options": None,
    },
    "livemode": False,
    "metadata": {},
    "name": None,
    "next_invoice_sequence": 1,
    "phone": None,
    "preferred_locales": [],
    "shipping": None,
    "tax_exempt": "none",
    "test_clock": None,
}
"""Members of a new customer."""


def new_customer(account: StripeAccount) -> Json:
    """A customer without personal details, not yet stored."""
    return {
        **CUSTOMER_DEFAULTS,
        "id": new_id("cus_", 14),
        "object": KIND,
        "created": account.now(),
        "invoice_prefix": new_id("", 8).upper(),
    }


def create_customer(account: StripeAccount, params: Params) -> Json:
    """Create a customer, with a payment method if one is given."""
    customer = _apply_params(params, new_customer(account))
    account.create_object(customer, "customer.created")
    return _set_payment_methods(account, params, customer)


def retrieve_customer(account: StripeAccount, params: Params, customer_id: str) -> Json:
    """A deleted customer is returned as `{id, object, deleted}`."""
    return account.require_object(KIND, customer_id)


def update_customer(account: StripeAccount, params: Params, customer_id: str) -> Json:
    customer = _apply_params(params, _require_existing_customer(account, customer_id))
    account.update_object(customer, "customer.updated")
    return _set_payment_methods(account, params, customer)


def list_customers(account: StripeAccount, params: Params) -> Json:
    """Customers that are not deleted."""
    where = {"email": params.optional_text("email"), "created >": 0}
    return lists.list_page(account, params, KIND, "/v1/customers", where)


def delete_customer(account: StripeAccount, params: Params, customer_id: str) -> Json:
    """Delete a customer and end its subscriptions."""
    customer = _require_existing_customer(account, customer_id)
    for subscription in account.store.find_objects("subscription", {"customer": customer_id}):
        if subscription["ended_at"] is None:
            cancellation.end_subscription(account, subscription, invoice_now=False)
    account.emit_event("customer.deleted", customer)
    return account.create_object({"id": customer_id, "object": KIND, "deleted": True})


def _require_existing_customer(account: StripeAccount, customer_id: str) -> Json:
    customer = account.require_object(KIND, customer_id)
    if "deleted" in customer:
        raise errors.not_found(KIND, customer_id)
    return customer


def _apply_params(params: Params, customer: Json) -> Json:
    customer |= {name: params.optional_text(name) for name in TEXT_MEMBERS if params.has_value(name)}
    customer["metadata"] = params.merge_metadata(customer["metadata"])
    if params.has_value("preferred_locales"):
        customer["preferred_locales"] = params.string_list("preferred_locales") or []
    if params.has_value("address"):
        address = params.nested_params("address")
        customer["address"] = {name: address.optional_text(name) for name in ADDRESS_MEMBERS}
    if params.has_value("balance"):
        customer["balance"] = params.optional_int("balance") or 0
    params.ignore_params("tax_exempt", "invoice_prefix", "shipping", "tax")
    return customer


def _set_payment_methods(account: StripeAccount, params: Params, customer: Json) -> Json:
    payment_method = params.optional_text("payment_method")
    if payment_method is not None:
        payment_methods.attach_to_customer(
            account, payment_methods.find_or_create(account, payment_method), customer["id"]
        )
    settings = params.nested_params("invoice_settings")
    if settings.has_value("default_payment_method"):
        preferred = settings.optional_text("default_payment_method")
        payment_methods.set_default_method(
            account, customer["id"], payment_methods.find_or_create(account, preferred)["id"] if preferred else None
        )
    return account.require_object(KIND, customer["id"])


ROUTES = (
    ("POST", "/v1/customers", create_customer),
    ("GET", "/v1/customers", list_customers),
    ("GET", "/v1/customers/{}", retrieve_customer),
    ("POST", "/v1/customers/{}", update_customer),
    ("DELETE", "/v1/customers/{}", delete_customer),
)
