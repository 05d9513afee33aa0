"""Giving money back. With some test cards the bank takes a while, or sends it back later."""

from __future__ import annotations

from api.fakes.stripe import errors
from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.clock import HOUR
from api.fakes.stripe.errors import Json
from api.fakes.stripe.simulation import disputes, payment_methods

SETTLEMENT_DELAY = HOUR
"""Seconds until a refund's end is known, where it is not known at once."""


def refund_charge(
    world: StripeAccount, charge: Json, amount: int | None, reason: str | None, metadata: dict[str, str]
) -> Json:
    """Refund so much of a charge. Raises StripeError when there is not so much left."""
    left = charge["amount_captured"] - charge["amount_refunded"]
    _check_refundable(charge, amount, left)
    ends = payment_methods.test_card_of(world.require_object("payment_method", charge["payment_method"])).refund_outcome
    refund = _new_refund(world, charge, left if amount is None else amount, reason, metadata)
    refund["status"] = "pending" if ends == "pending" else "succeeded"
    _add_refunded_amount(world, charge, refund["amount"])
    world.create_object(refund, "refund.created")
    world.emit_event("charge.refunded", charge)
    if ends != "succeeded":
        world.due_actions.schedule("refund", refund["id"], world.now() + SETTLEMENT_DELAY)
    return refund


def _check_refundable(charge: Json, amount: int | None, left: int) -> None:
    ident = charge["id"]
    if charge["disputed"]:
        raise errors.invalid_request(
            f"Charge {ident} has been charged back; cannot issue a refund.", code="charge_disputed", begun=True
        )
    if left == 0:
        words = f"Charge {ident} has already been refunded."
        raise errors.invalid_request(words, code="charge_already_refunded", begun=True)
    if amount is not None and amount > left:
        words = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise errors.invalid_request(words, param="amount", begun=True)


def _add_refunded_amount(world: StripeAccount, charge: Json, amount: int) -> None:
    """Keep the charge's own sum of what was given back."""
    given = charge["amount_refunded"] + amount
    charge |= {"amount_refunded": given, "refunded": given == charge["amount_captured"]}
    world.update_object(charge)


def _new_refund(world: StripeAccount, charge: Json, amount: int, reason: str | None, metadata: dict[str, str]) -> Json:
    ident = new_id("re_3")
    entry = world.create_object(disputes.new_balance_transaction(world, -amount, charge["currency"], ident, "refund"))
    reference = {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"}
    return {
        "id": ident,
        "object": "refund",
        "amount": amount,
        "balance_transaction": entry["id"],
        "charge": charge["id"],
        "created": world.now(),
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": reference, "type": "card"},
        "metadata": metadata,
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def settle_refund(world: StripeAccount, ident: str) -> None:
    """The end of a refund that took a while: the money arrived, or it came back."""
    refund = world.require_object("refund", ident)
    if refund["status"] == "pending":
        refund["status"] = "succeeded"
    else:
        refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
        _add_refunded_amount(world, world.require_object("charge", refund["charge"]), -refund["amount"])
    world.update_object(refund, "refund.updated")
    world.emit_event("charge.refund.updated", refund)
    if refund["status"] == "failed":
        world.emit_event("refund.failed", refund)
