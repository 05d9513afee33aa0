"""Refunds of charges."""

from __future__ import annotations

from api.fakes.stripe import errors, lists
from api.fakes.stripe.account import World
from api.fakes.stripe.errors import Json
from api.fakes.stripe.expand import PARTS
from api.fakes.stripe.params import Params
from api.fakes.stripe.simulation import refunds

REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create(world: World, params: Params) -> Json:
    """Give back a part of a charge, or all that is left of it."""
    source = _charge(world, params)
    amount, reason = params.whole("amount"), params.text("reason")
    if reason is not None:
        params.choice("reason", REASONS, "")
    if amount is not None and amount <= 0:
        words = "This value must be greater than or equal to 1."
        raise errors.invalid(words, code="parameter_invalid_integer", param="amount")
    metadata = params.map("metadata") or {}
    params.ignore("instructions_email")
    return refunds.give_back(world, source, amount, reason, metadata)


def _charge(world: World, params: Params) -> Json:
    name, ident = params.text("payment_intent"), params.text("charge")
    if ident is not None:
        return world.need("charge", ident, param="charge")
    if name is None:
        raise errors.invalid(
            "One of the following params should be provided for this request: payment_intent or charge."
        )
    payment = world.need("payment_intent", name, param="payment_intent")
    if payment["status"] != "succeeded":
        words = f"This PaymentIntent ({name}) does not have a successful charge to refund."
        raise errors.invalid(words, param="payment_intent", begun=True)
    return world.need("charge", payment["latest_charge"])


def retrieve(world: World, params: Params, ident: str) -> Json:
    """A refund."""
    return world.need("refund", ident)


def update(world: World, params: Params, ident: str) -> Json:
    """Change its metadata."""
    found = world.need("refund", ident)
    found["metadata"] = params.merge_metadata(found["metadata"])
    return world.change(found, "refund.updated")


def list_(world: World, params: Params) -> Json:
    """The refunds of a payment or a charge."""
    where = {"charge": params.text("charge"), "payment_intent": params.text("payment_intent")}
    return lists.page(world, params, "refund", "/v1/refunds", where)


def _refunds(world: World, found: Json) -> Json:
    rows = world.store.find("refund", {"charge": found["id"]})
    return lists.enveloped(rows, f"/v1/charges/{found['id']}/refunds")


PARTS["charge", "refunds"] = _refunds
ROUTES = (
    ("POST", "/v1/refunds", create),
    ("GET", "/v1/refunds", list_),
    ("GET", "/v1/refunds/{}", retrieve),
    ("POST", "/v1/refunds/{}", update),
)
