"""Payments: an intent, and the charges that try to carry it out. What becomes of one is in the card's number, or was
asked for by `/_local/cards`.
"""

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
"""What every intent begins with."""


def create_payment_intent(
    world: StripeAccount,
    *,
    amount: int,
    currency: str,
    customer: str | None,
    description: str | None = None,
    metadata: dict[str, str] | None = None,
    setup: str | None = None,
) -> Json:
    """A payment to be made."""
    ident = new_id("pi_3")
    return world.create_object(
        {
            **PAYMENT_INTENT_DEFAULTS,
            "id": ident,
            "object": "payment_intent",
            "amount": amount,
            "client_secret": f"{ident}_secret_{new_id('', 25)}",
            "created": world.now(),
            "currency": currency,
            "customer": customer,
            "description": description,
            "metadata": metadata or {},
            "setup_future_usage": setup,
        },
        "payment_intent.created",
    )


def attempt_charge(world: StripeAccount, intent: Json, method: Json) -> StripeError | None:
    """Charge the card; gives the decline, if it was one."""
    decline = _take_forced_decline(world, intent["customer"]) or payment_methods.test_card_of(method).decline_code
    charge = _new_charge(world, intent, method, decline)
    intent["latest_charge"] = charge["id"]
    if decline is not None:
        return _record_decline(world, intent, charge, method, decline)
    world.create_object(charge, "charge.succeeded")
    intent |= {
        "amount_received": intent["amount"],
        "last_payment_error": None,
        "payment_method": method["id"],
        "status": "succeeded",
    }
    world.update_object(intent, "payment_intent.succeeded")
    if payment_methods.test_card_of(method).opens_dispute:
        disputes.open_dispute(world, charge, "fraudulent")
    return None


def cancel_payment_intent(world: StripeAccount, ident: str, reason: str) -> None:
    """A payment that will not be made."""
    intent = world.require_object("payment_intent", ident)
    if intent["status"] in ("succeeded", "canceled"):
        return
    intent |= {"status": "canceled", "canceled_at": world.now(), "cancellation_reason": reason}
    world.update_object(intent, "payment_intent.canceled")


def _record_decline(world: StripeAccount, intent: Json, charge: Json, method: Json, decline: str) -> StripeError:
    world.create_object(charge, "charge.failed")
    code, words = cards.error_code_for(decline), cards.DECLINE_MESSAGES[decline]
    intent |= {
        "payment_method": None,
        "status": "requires_payment_method",
        "last_payment_error": {
            "charge": charge["id"],
            "code": code,
            "decline_code": decline,
            "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
            "message": words,
            "payment_method": strip_private_members(method),
            "type": "card_error",
        },
    }
    world.update_object(intent, "payment_intent.payment_failed")
    extra = {
        "charge": charge["id"],
        "payment_intent": strip_private_members(intent),
        "payment_method": strip_private_members(method),
    }
    return errors.card_declined(code, decline, words, extra=extra)


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
"""What all charges have in common."""


def _new_charge(world: StripeAccount, intent: Json, method: Json, decline: str | None) -> Json:
    paid = decline is None
    ident = new_id("ch_3")
    return {
        **CHARGE_DEFAULTS,
        "id": ident,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if paid else 0,
        "balance_transaction": _create_balance_transaction(world, intent["amount"], intent["currency"], ident, "charge")
        if paid
        else None,
        "billing_details": EMPTY_BILLING_DETAILS,
        "captured": paid,
        "created": world.now(),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "failure_code": None if decline is None else cards.error_code_for(decline),
        "failure_message": None if decline is None else cards.DECLINE_MESSAGES[decline],
        "metadata": dict(intent["metadata"]),
        "outcome": _charge_outcome(decline),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"card": _card_details(method, intent["amount"], decline), "type": "card"},
        "receipt_url": f"{world.base_url}/receipts/{ident}" if paid else None,
        "status": "succeeded" if paid else "failed",
    }


def _card_details(method: Json, amount: int, decline: str | None) -> Json:
    card = method["card"]
    shown = {name: card[name] for name in ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint")}
    return {
        **shown,
        "amount_authorized": amount if decline is None else None,
        "funding": card["funding"],
        "installments": None,
        "last4": card["last4"],
        "mandate": None,
        "network": card["brand"],
        "three_d_secure": None,
        "wallet": None,
    }


def _charge_outcome(decline: str | None) -> Json:
    return {
        "advice_code": None if decline is None else "try_again_later",
        "network_advice_code": None,
        "network_decline_code": None if decline is None else "05",
        "network_status": "approved_by_network" if decline is None else "declined_by_network",
        "reason": decline,
        "risk_level": "normal",
        "risk_score": 7,
        "seller_message": "Payment complete." if decline is None else "The bank declined the payment.",
        "type": "authorized" if decline is None else "issuer_declined",
    }


def _create_balance_transaction(world: StripeAccount, amount: int, currency: str, source: str, kind: str) -> str:
    return str(world.create_object(disputes.new_balance_transaction(world, amount, currency, source, kind))["id"])


def _take_forced_decline(world: StripeAccount, customer: str | None) -> str | None:
    """The decline that `/_local/cards` asks for, counted down; a rollback does not bring it back."""
    failing = world.forced_declines.get(customer or "")
    if failing is None or failing.remaining == 0:
        return None
    if failing.remaining is not None:
        failing.remaining -= 1
    return failing.decline_code
