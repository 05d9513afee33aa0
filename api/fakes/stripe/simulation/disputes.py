"""Disputes: a cardholder reclaims a payment and the bank decides. Also balance transactions."""

from __future__ import annotations

from api.fakes.stripe.account import StripeAccount, new_id
from api.fakes.stripe.clock import DAY
from api.fakes.stripe.errors import Json

EVIDENCE_MEMBERS = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)
DISPUTE_FEE = 1500
EVIDENCE_DUE_AFTER = 20 * DAY


def new_balance_transaction(
    account: StripeAccount, amount: int, currency: str, source: str, kind: str, fee: int = 0
) -> Json:
    """The effect of a charge, a refund or a dispute on the account's balance."""
    return {
        "id": new_id("txn_3"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": account.now() + 2 * DAY,
        "balance_type": "payments",
        "created": account.now(),
        "currency": currency,
        "description": None,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [],
        "net": amount - fee,
        "reporting_category": "dispute" if kind == "adjustment" else kind,
        "source": source,
        "status": "pending",
        "type": kind,
    }


def open_dispute(account: StripeAccount, charge: Json, reason: str) -> Json:
    """Dispute the whole charge; its amount is withdrawn at once."""
    dispute = _new_dispute(account, charge, reason)
    withdrawal = new_balance_transaction(
        account, -charge["amount"], charge["currency"], dispute["id"], "adjustment", DISPUTE_FEE
    )
    dispute["balance_transactions"] = [account.create_object(withdrawal)]
    charge["disputed"] = True
    account.update_object(charge)
    account.create_object(dispute, "charge.dispute.created")
    account.emit_event("charge.dispute.funds_withdrawn", dispute)
    return dispute


def close_dispute(account: StripeAccount, dispute: Json, *, won: bool) -> Json:
    """Close with the bank's decision; if the dispute is won, the amount is reinstated."""
    dispute["status"] = "won" if won else "lost"
    if won:
        reinstatement = new_balance_transaction(
            account, dispute["amount"], dispute["currency"], dispute["id"], "adjustment"
        )
        dispute["balance_transactions"] = [*dispute["balance_transactions"], account.create_object(reinstatement)]
    account.update_object(dispute)
    account.emit_event("charge.dispute.closed", dispute)
    if won:
        account.emit_event("charge.dispute.funds_reinstated", dispute)
    return dispute


DISPUTE_DEFAULTS: Json = {
    "balance_transactions": [],
    "enhanced_eligibility_types": [],
    "is_charge_refundable": False,
    "livemode": False,
    "metadata": {},
    "network_reason_code": "10.4",
    "status": "needs_response",
}
"""Members of a new dispute."""


def _new_dispute(account: StripeAccount, charge: Json, reason: str) -> Json:
    brand = charge["payment_method_details"]["card"]["brand"]
    return {
        **DISPUTE_DEFAULTS,
        "id": new_id("du_1"),
        "object": "dispute",
        "amount": charge["amount"],
        "charge": charge["id"],
        "created": account.now(),
        "currency": charge["currency"],
        "evidence": {**dict.fromkeys(EVIDENCE_MEMBERS), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": account.now() + EVIDENCE_DUE_AFTER,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {"brand": brand, "case_type": "chargeback", "network": brand, "network_reason_code": "10.4"},
            "type": "card",
        },
        "reason": reason,
    }
