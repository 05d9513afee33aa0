"""Payments as one reads them: intents, charges, refunds, disputes, balance entries; and refunds as one makes them."""

from __future__ import annotations

from api.fakes.stripe import errors, lists
from api.fakes.stripe.account import World
from api.fakes.stripe.errors import Json
from api.fakes.stripe.expand import PARTS
from api.fakes.stripe.params import Params, merged
from api.fakes.stripe.simulation import refunds as refunding

REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def intent(world: World, params: Params, ident: str) -> Json:
    """A payment."""
    params.ignore("client_secret")
    return world.need("payment_intent", ident)


def intents(world: World, params: Params) -> Json:
    """The payments of a customer."""
    where = {"customer": params.text("customer")}
    return lists.page(world, params, "payment_intent", "/v1/payment_intents", where)


def charge(world: World, params: Params, ident: str) -> Json:
    """A charge."""
    return world.need("charge", ident)


def charges(world: World, params: Params) -> Json:
    """The charges of a payment or a customer."""
    where = {"customer": params.text("customer"), "payment_intent": params.text("payment_intent")}
    return lists.page(world, params, "charge", "/v1/charges", where)


def refund(world: World, params: Params) -> Json:
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
    return refunding.give_back(world, source, amount, reason, metadata)


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


def refund_of(world: World, params: Params, ident: str) -> Json:
    """A refund."""
    return world.need("refund", ident)


def refund_update(world: World, params: Params, ident: str) -> Json:
    """Change its metadata."""
    found = world.need("refund", ident)
    metadata = params.map("metadata")
    found["metadata"] = merged(found["metadata"], metadata, unset=metadata == {})
    return world.change(found, "refund.updated")


def refunds(world: World, params: Params) -> Json:
    """The refunds of a payment or a charge."""
    where = {"charge": params.text("charge"), "payment_intent": params.text("payment_intent")}
    return lists.page(world, params, "refund", "/v1/refunds", where)


def dispute(world: World, params: Params, ident: str) -> Json:
    """A dispute."""
    return world.need("dispute", ident)


def disputes(world: World, params: Params) -> Json:
    """The disputes about a payment or a charge."""
    where = {"charge": params.text("charge"), "payment_intent": params.text("payment_intent")}
    return lists.page(world, params, "dispute", "/v1/disputes", where)


def entry(world: World, params: Params, ident: str) -> Json:
    """What something did to the account's balance."""
    return world.need("balance_transaction", ident)


def _refunds(world: World, found: Json) -> Json:
    rows = world.store.find("refund", {"charge": found["id"]})
    return lists.enveloped(rows, f"/v1/charges/{found['id']}/refunds")


PARTS["charge", "refunds"] = _refunds
ROUTES = (
    ("GET", "/v1/payment_intents", intents),
    ("GET", "/v1/payment_intents/{}", intent),
    ("GET", "/v1/charges", charges),
    ("GET", "/v1/charges/{}", charge),
    ("POST", "/v1/refunds", refund),
    ("GET", "/v1/refunds", refunds),
    ("GET", "/v1/refunds/{}", refund_of),
    ("POST", "/v1/refunds/{}", refund_update),
    ("GET", "/v1/disputes", disputes),
    ("GET", "/v1/disputes/{}", dispute),
    ("GET", "/v1/balance_transactions/{}", entry),
)
