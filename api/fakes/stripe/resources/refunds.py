"""Refunds of charges."""

from __future__ import annotations

from api.fakes.stripe import errors, lists
from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json
from api.fakes.stripe.expand import EXPANDABLE_MEMBERS
from api.fakes.stripe.params import Params
from api.fakes.stripe.simulation import refunds

REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create_refund(world: StripeAccount, params: Params) -> Json:
    """Give back a part of a charge, or all that is left of it."""
    source = _refundable_charge(world, params)
    amount, reason = params.optional_int("amount"), params.optional_text("reason")
    if reason is not None:
        params.one_of("reason", REASONS, "")
    if amount is not None and amount <= 0:
        words = "This value must be greater than or equal to 1."
        raise errors.invalid_request(words, code="parameter_invalid_integer", param="amount")
    metadata = params.string_map("metadata") or {}
    params.ignore_params("instructions_email")
    return refunds.refund_charge(world, source, amount, reason, metadata)


def _refundable_charge(world: StripeAccount, params: Params) -> Json:
    name, ident = params.optional_text("payment_intent"), params.optional_text("charge")
    if ident is not None:
        return world.require_object("charge", ident, param="charge")
    if name is None:
        raise errors.invalid_request(
            "One of the following params should be provided for this request: payment_intent or charge."
        )
    payment = world.require_object("payment_intent", name, param="payment_intent")
    if payment["status"] != "succeeded":
        words = f"This PaymentIntent ({name}) does not have a successful charge to refund."
        raise errors.invalid_request(words, param="payment_intent", begun=True)
    return world.require_object("charge", payment["latest_charge"])


def retrieve_refund(world: StripeAccount, params: Params, ident: str) -> Json:
    """A refund."""
    return world.require_object("refund", ident)


def update_refund(world: StripeAccount, params: Params, ident: str) -> Json:
    """Change its metadata."""
    found = world.require_object("refund", ident)
    found["metadata"] = params.merge_metadata(found["metadata"])
    return world.update_object(found, "refund.updated")


def list_refunds(world: StripeAccount, params: Params) -> Json:
    """The refunds of a payment or a charge."""
    where = {"charge": params.optional_text("charge"), "payment_intent": params.optional_text("payment_intent")}
    return lists.list_page(world, params, "refund", "/v1/refunds", where)


def _expand_refunds(world: StripeAccount, found: Json) -> Json:
    rows = world.store.find_objects("refund", {"charge": found["id"]})
    return lists.list_object(rows, f"/v1/charges/{found['id']}/refunds")


EXPANDABLE_MEMBERS["charge", "refunds"] = _expand_refunds
ROUTES = (
    ("POST", "/v1/refunds", create_refund),
    ("GET", "/v1/refunds", list_refunds),
    ("GET", "/v1/refunds/{}", retrieve_refund),
    ("POST", "/v1/refunds/{}", update_refund),
)
