"""Stripe's test cards as data: the number decides about charges and refunds."""

from __future__ import annotations

from dataclasses import dataclass

DECLINE_MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "lost_card": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}
"""Messages by decline code."""
SELF_NAMED_DECLINES = ("expired_card", "incorrect_cvc", "processing_error")
"""Decline codes that are also the error code, which is `card_declined` for all others."""


@dataclass(frozen=True, slots=True)
class TestCard:
    """A test card. `fails_attach`: saving it fails. `decline_code`: of its charges. `refund_outcome`: of refunds."""

    number: str
    token: str
    description: str
    brand: str = "visa"
    decline_code: str | None = None
    fails_attach: bool = False
    opens_dispute: bool = False
    refund_outcome: str = "succeeded"

    @property
    def last4(self) -> str:
        return self.number[-4:]


CARDS = (
    TestCard("4242424242424242", "pm_card_visa", "Works"),
    TestCard("5555555555554444", "pm_card_mastercard", "Works", brand="mastercard"),
    TestCard(
        "4000000000000341",
        "pm_card_chargeCustomerFail",
        "Can be saved; every charge fails",
        decline_code="generic_decline",
    ),
    TestCard(
        "4000000000000002", "pm_card_chargeDeclined", "Declined", decline_code="generic_decline", fails_attach=True
    ),
    TestCard(
        "4000000000009995",
        "pm_card_chargeDeclinedInsufficientFunds",
        "Declined: insufficient funds",
        decline_code="insufficient_funds",
        fails_attach=True,
    ),
    TestCard(
        "4000000000000069",
        "pm_card_chargeDeclinedExpiredCard",
        "Declined: expired",
        decline_code="expired_card",
        fails_attach=True,
    ),
    TestCard(
        "4000000000000127",
        "pm_card_chargeDeclinedIncorrectCvc",
        "Declined: wrong CVC",
        decline_code="incorrect_cvc",
        fails_attach=True,
    ),
    TestCard(
        "4000000000000259", "pm_card_createDispute", "Works, then its owner disputes the charge", opens_dispute=True
    ),
    TestCard("4000000000007726", "pm_card_pendingRefund", "Works; a refund takes a while", refund_outcome="pending"),
    TestCard("4000000000005126", "pm_card_refundFail", "Works; a refund fails after a while", refund_outcome="failed"),
)
CARDS_BY_NUMBER = {card.number: card for card in CARDS}
CARDS_BY_TOKEN = {card.token: card for card in CARDS} | {
    card.token.replace("pm_card_", "pm_card_visa_"): card for card in CARDS if card.decline_code
}


def find_card(text: str) -> TestCard | None:
    """The card with this number, however it is typed."""
    return CARDS_BY_NUMBER.get("".join(letter for letter in text if letter.isdigit()))


def error_code_for(decline: str) -> str:
    """The error code that goes with a decline code."""
    return decline if decline in SELF_NAMED_DECLINES else "card_declined"
