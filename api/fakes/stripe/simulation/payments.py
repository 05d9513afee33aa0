"""Payment intents and their charges. The card number decides the outcome, or a decline forced by `/_local/cards`."""

from __future__ import annotations

from api.fakes.stripe import errors
from api.fakes.stripe.account import StripeAccount, new_id, strip_private_members
from api.fakes.stripe.errors import Json, StripeError
from api.fakes.stripe.simulation import cards, disputes, payment_methods
from api.fakes.stripe.simulation.payment_methods import EMPTY_BILLING_DETAILS

PAYMENT_INTENT_DEFAULTS: Json = {
    "amount_capturable": 0,
    "amount_details": {"tip": {}},
    "amount_received": 0,
    "application": None,
    "application_fee_amount": None,
    "automatic_payment_methods": None,
    "canceled_at": None,
    "cancellation_reason": None,
    "capture_method": "automatic_async",
    "confirmation_method": "automatic",
    "customer_account": None,
    "excluded_payment_method_types": None,
    "last_payment_error": None,
    "latest_charge": None,
    "livemode": False,
    "next_action": None,
    "on_behalf_of": None,
    "payment_method": None,
    "payment_method_configuration_details": None,
    "payment_method_options": {"card": {"installments": None, "request_three_d_secure": "automatic"}},
    "payment_method_types": ["card"],
    "processing": None,
    "receipt_email": None,
    "review": None,
    "shipping": None,
    "source": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "status": "requires_payment_method",
    "transfer_data": None,
    "transfer_group": None,
}
"""Members of a new payment intent."""


def create_payment_intent(
    account: StripeAccount,
    *,
    amount: int,
    currency: str,
    customer: str | None,
    description: str | None = None,
    metadata: dict[str, str] | None = None,
    setup_future_usage: str | None = None,
) -> Json:
    payment_intent_id = new_id("pi_3")
    return account.create_object(
        {
            **PAYMENT_INTENT_DEFAULTS,
            "id": payment_intent_id,
            "object": "payment_intent",
            "amount": amount,
            "client_secret": f"{payment_intent_id}_secret_{new_id('', 25)}",
            "created": account.now(),
            "currency": currency,
            "customer": customer,
            "description": description,
            "metadata": metadata or {},
            "setup_future_usage": setup_future_usage,
        },
        "payment_intent.created",
    )


def attempt_charge(account: StripeAccount, payment_intent: Json, payment_method: Json) -> StripeError | None:
    """Charge the card; returns the decline if there was one."""
    decline_code = (
        _take_forced_decline(account, payment_intent["customer"])
        or payment_methods.test_card_of(payment_method).decline_code
    )
    charge = _new_charge(account, payment_intent, payment_method, decline_code)
    payment_intent["latest_charge"] = charge["id"]
    if decline_code is not None:
        return _record_decline(account, payment_intent, charge, payment_method, decline_code)
    account.create_object(charge, "charge.succeeded")
    payment_intent |= {
        "amount_received": payment_intent["amount"],
        "last_payment_error": None,
        "payment_method": payment_method["id"],
        "status": "succeeded",
    }
    account.update_object(payment_intent, "payment_intent.succeeded")
    if payment_methods.test_card_of(payment_method).opens_dispute:
        disputes.open_dispute(account, charge, "fraudulent")
    return None


def cancel_payment_intent(account: StripeAccount, payment_intent_id: str, reason: str) -> None:
    payment_intent = account.require_object("payment_intent", payment_intent_id)
    if payment_intent["status"] in ("succeeded", "canceled"):
        return
    payment_intent |= {"status": "canceled", "canceled_at": account.now(), "cancellation_reason": reason}
    account.update_object(payment_intent, "payment_intent.canceled")


def _record_decline(
    account: StripeAccount, payment_intent: Json, charge: Json, payment_method: Json, decline_code: str
) -> StripeError:
    account.create_object(charge, "charge.failed")
    code, message = cards.error_code_for(decline_code), cards.DECLINE_MESSAGES[decline_code]
    payment_intent |= {
        "payment_method": None,
        "status": "requires_payment_method",
        "last_payment_error": {
            "charge": charge["id"],
            "code": code,
            "decline_code": decline_code,
            "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
            "message": message,
            "payment_method": strip_private_members(payment_method),
            "type": "card_error",
        },
    }
    account.update_object(payment_intent, "payment_intent.payment_failed")
    extra = {
        "charge": charge["id"],
        "payment_intent": strip_private_members(payment_intent),
        "payment_method": strip_private_members(payment_method),
    }
    return errors.card_declined(code, decline_code, message, extra=extra)


CHARGE_DEFAULTS: Json = {
    "amount_refunded": 0,
    "application": None,
    "application_fee": None,
    "application_fee_amount": None,
    "calculated_statement_descriptor": "KINORA",
    "disputed": False,
    "failure_balance_transaction": None,
    "fraud_details": {},
    "livemode": False,
    "on_behalf_of": None,
    "radar_options": {},
    "receipt_email": None,
    "receipt_number": None,
    "refunded": False,
    "review": None,
    "shipping": None,
    "source": None,
    "source_transfer": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "transfer_data": None,
    "transfer_group": None,
}
"""Members of a new charge."""


def _new_charge(account: StripeAccount, payment_intent: Json, payment_method: Json, decline_code: str | None) -> Json:
    paid = decline_code is None
    charge_id = new_id("ch_3")
    return {
        **CHARGE_DEFAULTS,
        "id": charge_id,
        "object": "charge",
        "amount": payment_intent["amount"],
        "amount_captured": payment_intent["amount"] if paid else 0,
        "balance_transaction": _create_balance_transaction(
            account, payment_intent["amount"], payment_intent["currency"], charge_id, "charge"
        )
        if paid
        else None,
        "billing_details": EMPTY_BILLING_DETAILS,
        "captured": paid,
        "created": account.now(),
        "currency": payment_intent["currency"],
        "customer": payment_intent["customer"],
        "description": payment_intent["description"],
        "failure_code": None if decline_code is None else cards.error_code_for(decline_code),
        "failure_message": None if decline_code is None else cards.DECLINE_MESSAGES[decline_code],
        "metadata": dict(payment_intent["metadata"]),
        "outcome": _charge_outcome(decline_code),
        "paid": paid,
        "payment_intent": payment_intent["id"],
        "payment_method": payment_method["id"],
        "payment_method_details": {
            "card": _card_details(payment_method, payment_intent["amount"], decline_code),
            "type": "card",
        },
        "receipt_url": f"{account.base_url}/receipts/{charge_id}" if paid else None,
        "status": "succeeded" if paid else "failed",
    }


def _card_details(payment_method: Json, amount: int, decline_code: str | None) -> Json:
    card = payment_method["card"]
    members = {name: card[name] for name in ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint")}
    return {
        **members,
        "amount_authorized": amount if decline_code is None else None,
        "funding": card["funding"],
        "installments": None,
        "last4": card["last4"],
        "mandate": None,
        "network": card["brand"],
        "three_d_secure": None,
        "wallet": None,
    }


def _charge_outcome(decline_code: str | None) -> Json:
    return {
        "advice_code": None if decline_code is None else "try_again_later",
        "network_advice_code": None,
        "network_decline_code": None if decline_code is None else "05",
        "network_status": "approved_by_network" if decline_code is None else "declined_by_network",
        "reason": decline_code,
        "risk_level": "normal",
        "risk_score": 7,
        "seller_message": "Payment complete." if decline_code is None else "The bank declined the payment.",
        "type": "authorized" if decline_code is None else "issuer_declined",
    }


def _create_balance_transaction(account: StripeAccount, amount: int, currency: str, source: str, kind: str) -> str:
    return str(account.create_object(disputes.new_balance_transaction(account, amount, currency, source, kind))["id"])


def _take_forced_decline(account: StripeAccount, customer: str | None) -> str | None:
    """The decline code forced by `/_local/cards`, counted down; a rollback does not restore the count."""
    forced = account.forced_declines.get(customer or "")
    if forced is None or forced.remaining == 0:
        return None
    if forced.remaining is not None:
        forced.remaining -= 1
    return forced.decline_code
