"""Refunds. With some test cards they settle later or fail."""

from __future__ import annotations

from api.fakes.stripe import errors
from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.clock import HOUR
from api.fakes.stripe.errors import Json
from api.fakes.stripe.simulation import disputes, payment_methods

SETTLEMENT_DELAY = HOUR
"""Seconds until a refund settles that does not do so at once."""


def refund_charge(
    account: StripeAccount, charge: Json, amount: int | None, reason: str | None, metadata: dict[str, str]
) -> Json:
    """Refund `amount`, or all that is left. Raises StripeError if less than that is left."""
    refundable = charge["amount_captured"] - charge["amount_refunded"]
    _check_refundable(charge, amount, refundable)
    outcome = payment_methods.test_card_of(
        account.require_object("payment_method", charge["payment_method"])
    ).refund_outcome
    refund = _new_refund(account, charge, refundable if amount is None else amount, reason, metadata)
    refund["status"] = "pending" if outcome == "pending" else "succeeded"
    _add_refunded_amount(account, charge, refund["amount"])
    account.create_object(refund, "refund.created")
    account.emit_event("charge.refunded", charge)
    if outcome != "succeeded":
        account.due_actions.schedule("refund", refund["id"], account.now() + SETTLEMENT_DELAY)
    return refund


def _check_refundable(charge: Json, amount: int | None, refundable: int) -> None:
    charge_id = charge["id"]
    if charge["disputed"]:
        raise errors.invalid_request(
            f"Charge {charge_id} has been charged back; cannot issue a refund.", code="charge_disputed", begun=True
        )
    if refundable == 0:
        message = f"Charge {charge_id} has already been refunded."
        raise errors.invalid_request(message, code="charge_already_refunded", begun=True)
    if amount is not None and amount > refundable:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({refundable})"
        raise errors.invalid_request(message, param="amount", begun=True)


def _add_refunded_amount(account: StripeAccount, charge: Json, amount: int) -> None:
    """Update the charge's total of refunds."""
    refunded = charge["amount_refunded"] + amount
    charge |= {"amount_refunded": refunded, "refunded": refunded == charge["amount_captured"]}
    account.update_object(charge)


def _new_refund(
    account: StripeAccount, charge: Json, amount: int, reason: str | None, metadata: dict[str, str]
) -> Json:
    refund_id = new_id("re_3")
    entry = account.create_object(
        disputes.new_balance_transaction(account, -amount, charge["currency"], refund_id, "refund")
    )
    reference = {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"}
    return {
        "id": refund_id,
        "object": "refund",
        "amount": amount,
        "balance_transaction": entry["id"],
        "charge": charge["id"],
        "created": account.now(),
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


def settle_refund(account: StripeAccount, refund_id: str) -> None:
    """Settle a pending refund, or fail it and restore the charge's refundable amount."""
    refund = account.require_object("refund", refund_id)
    if refund["status"] == "pending":
        refund["status"] = "succeeded"
    else:
        refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
        _add_refunded_amount(account, account.require_object("charge", refund["charge"]), -refund["amount"])
    account.update_object(refund, "refund.updated")
    account.emit_event("charge.refund.updated", refund)
    if refund["status"] == "failed":
        account.emit_event("refund.failed", refund)
