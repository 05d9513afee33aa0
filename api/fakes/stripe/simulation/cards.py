"""Stripe's test cards, as data: what becomes of a charge, and of a refund, is in the number."""

from __future__ import annotations

from dataclasses import dataclass

WORDS = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "lost_card": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}
"""What is said of a decline, by its code."""
OWN_CODES = ("expired_card", "incorrect_cvc", "processing_error")
"""Declines whose error code is not `card_declined` but their own."""


@dataclass(frozen=True, slots=True)
class Card:
    """A test card. `refused`: it cannot even be saved. `declines`: charges fail so. `refund`: how a refund ends."""

    number: str
    token: str
    about: str
    brand: str = "visa"
    declines: str | None = None
    refused: bool = False
    disputed: bool = False
    refund: str = "succeeded"

    @property
    def last4(self) -> str:
        """What one sees of it."""
        return self.number[-4:]


CARDS = (
    Card("4242424242424242", "pm_card_visa", "Works"),
    Card("5555555555554444", "pm_card_mastercard", "Works", brand="mastercard"),
    Card(
        "4000000000000341", "pm_card_chargeCustomerFail", "Can be saved; every charge fails", declines="generic_decline"
    ),
    Card("4000000000000002", "pm_card_chargeDeclined", "Declined", declines="generic_decline", refused=True),
    Card(
        "4000000000009995",
        "pm_card_chargeDeclinedInsufficientFunds",
        "Declined: insufficient funds",
        declines="insufficient_funds",
        refused=True,
    ),
    Card(
        "4000000000000069",
        "pm_card_chargeDeclinedExpiredCard",
        "Declined: expired",
        declines="expired_card",
        refused=True,
    ),
    Card(
        "4000000000000127",
        "pm_card_chargeDeclinedIncorrectCvc",
        "Declined: wrong CVC",
        declines="incorrect_cvc",
        refused=True,
    ),
    Card("4000000000000259", "pm_card_createDispute", "Works, then its owner disputes the charge", disputed=True),
    Card("4000000000007726", "pm_card_pendingRefund", "Works; a refund takes a while", refund="pending"),
    Card("4000000000005126", "pm_card_refundFail", "Works; a refund fails after a while", refund="failed"),
)
BY_NUMBER = {card.number: card for card in CARDS}
BY_TOKEN = {card.token: card for card in CARDS} | {
    card.token.replace("pm_card_", "pm_card_visa_"): card for card in CARDS if card.declines
}


def by_number(text: str) -> Card | None:
    """The card with a number as somebody typed it."""
    return BY_NUMBER.get("".join(letter for letter in text if letter.isdigit()))


def code_of(decline: str) -> str:
    """The error code that goes with a decline code."""
    return decline if decline in OWN_CODES else "card_declined"
