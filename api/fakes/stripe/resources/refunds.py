"""Refunds of charges."""

from __future__ import annotations

from api.fakes.stripe import errors, lists
from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.errors import Json
from api.fakes.stripe.expand import EXPANDABLE_MEMBERS
from api.fakes.stripe.params import Params
from api.fakes.stripe.simulation import refunds

REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create_refund(account: StripeAccount, params: Params) -> Json:
    """Refund part of a charge or all that is left of it."""
    charge = _refundable_charge(account, params)
    amount, reason = params.optional_int("amount"), params.optional_text("reason")
    if reason is not None:
        params.one_of("reason", REASONS, "")
    if amount is not None and amount <= 0:
        message = "This value must be greater than or equal to 1."
        raise errors.invalid_request(message, code="parameter_invalid_integer", param="amount")
    metadata = params.string_map("metadata") or {}
    params.ignore_params("instructions_email")
    return refunds.refund_charge(account, charge, amount, reason, metadata)


def _refundable_charge(account: StripeAccount, params: Params) -> Json:
    payment_intent_id, charge_id = params.optional_text("payment_intent"), params.optional_text("charge")
    if charge_id is not None:
        return account.require_object("charge", charge_id, param="charge")
    if payment_intent_id is None:
        raise errors.invalid_request(
            "One of the following params should be provided for this request: payment_intent or charge."
        )
    payment_intent = account.require_object("payment_intent", payment_intent_id, param="payment_intent")
    if payment_intent["status"] != "succeeded":
        message = f"This PaymentIntent ({payment_intent_id}) does not have a successful charge to refund."
        raise errors.invalid_request(message, param="payment_intent", begun=True)
    return account.require_object("charge", payment_intent["latest_charge"])


def retrieve_refund(account: StripeAccount, params: Params, refund_id: str) -> Json:
    return account.require_object("refund", refund_id)


def update_refund(account: StripeAccount, params: Params, refund_id: str) -> Json:
    """Only the metadata can be updated."""
    refund = account.require_object("refund", refund_id)
    refund["metadata"] = params.merge_metadata(refund["metadata"])
    return account.update_object(refund, "refund.updated")


def list_refunds(account: StripeAccount, params: Params) -> Json:
    where = {"charge": params.optional_text("charge"), "payment_intent": params.optional_text("payment_intent")}
    return lists.list_page(account, params, "refund", "/v1/refunds", where)


def _expand_refunds(account: StripeAccount, charge: Json) -> Json:
    rows = account.store.find_objects("refund", {"charge": charge["id"]})
    return lists.list_object(rows, f"/v1/charges/{charge['id']}/refunds")


EXPANDABLE_MEMBERS["charge", "refunds"] = _expand_refunds
ROUTES = (
    ("POST", "/v1/refunds", create_refund),
    ("GET", "/v1/refunds", list_refunds),
    ("GET", "/v1/refunds/{}", retrieve_refund),
    ("POST", "/v1/refunds/{}", update_refund),
)
