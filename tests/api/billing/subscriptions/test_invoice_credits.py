"""What paid invoices grant, and what refunds and disputes take of a payment."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.billing.events.payments import claimed_shares
from api.billing.stripe.invoice_objects import Dispute, InvoiceLine, PaymentIntent, Refund
from api.billing.subscriptions.invoice_credits import InvoiceGrant, compute_grants
from api.billing.tariff import tariff

SOLD = tariff.load_tariff()
PLANS = {"price_plus": SOLD.find_plan("plus"), "price_pro": SOLD.find_plan("pro")}
END = 1_800_000_000


def line(name: str, amount: int, price: str = "price_plus", *, proration: bool = False) -> InvoiceLine:
    details = {"proration": proration, "subscription": "sub_1"}
    return msgspec.convert(
        {
            "id": name,
            "amount": amount,
            "period": {"start": END - 2_592_000, "end": END},
            "parent": {"subscription_item_details": details},
            "pricing": {"price_details": {"price": price}},
        },
        InvoiceLine,
    )


def item_line(name: str, amount: int, price: str = "price_plus", *, proration: bool = True) -> InvoiceLine:
    """The other shape in which Stripe shows a rest: as an item of the invoice rather than of the subscription."""
    details = {"invoice_item": f"ii_{name}", "proration": proration, "subscription": "sub_1"}
    parent = {"type": "invoice_item_details", "invoice_item_details": details, "subscription_item_details": None}
    found = msgspec.to_builtins(line(name, amount, price)) | {"parent": parent}
    return msgspec.convert(found, InvoiceLine)


def granted(*lines: InvoiceLine) -> list[tuple[str, int]]:
    return [(grant.key, grant.credits) for grant in compute_grants(lines, PLANS, "sub_1")]


def test_a_month_grants_the_plans_credits_until_it_ends() -> None:
    assert compute_grants([line("il_1", 999)], PLANS, "sub_1") == [InvoiceGrant("il_1", 3000, END)]


def test_a_discount_or_a_tax_changes_no_credits() -> None:
    """They are not in a line's amount; a price that was changed by hand at Stripe is."""
    assert granted(line("il_1", 499)) == [("il_1", 3000)]


def test_a_trial_grants_its_own_credits_once_whatever_becomes_of_the_plan() -> None:
    assert granted(line("il_1", 0)) == [("trial:sub_1", 300)]
    assert granted(line("il_2", 0), line("il_3", 0)) == [("trial:sub_1", 300), ("trial:sub_1", 300)]


def test_a_plan_without_a_trial_grants_nothing_for_nothing() -> None:
    assert granted(line("il_1", 0, "price_pro")) == []


def test_overage_and_other_prices_grant_nothing() -> None:
    assert granted(line("il_1", 500, "price_overage"), line("il_2", 999)) == [("il_2", 3000)]


def test_an_upgrade_in_the_middle_grants_what_it_adds() -> None:
    unused = line("il_1", -500, proration=True)
    rest = line("il_2", 2500, "price_pro", proration=True)
    worth = Fraction(2500, 4999) * 30_000 - Fraction(500, 999) * 3000
    assert granted(unused, rest) == [("il_2", int(worth))]
    assert granted(rest, unused) == [("il_2", int(worth))]


def test_rests_count_as_rests_in_whichever_shape_they_come() -> None:
    in_items = granted(item_line("il_1", -500), item_line("il_2", 2500, "price_pro"))
    assert in_items == granted(line("il_1", -500, proration=True), line("il_2", 2500, "price_pro", proration=True))


def test_a_manual_credit_line_grants_nothing() -> None:
    assert granted(item_line("il_1", -999, proration=False)) == []


def test_a_change_to_less_in_the_middle_grants_nothing() -> None:
    assert granted(line("il_1", -2500, "price_pro", proration=True), line("il_2", 500, proration=True)) == []


def test_a_proration_credit_is_deducted_once_from_several_lines() -> None:
    unused = line("il_1", -999, proration=True)
    rests = [line(f"il_{number}", 999, proration=True) for number in (2, 3)]
    assert granted(unused, *rests) == [("il_3", 3000)]


@given(st.integers(1, 4999), st.integers(0, 999))
def test_an_upgrade_never_grants_more_than_the_whole_plan(new: int, old: int) -> None:
    lines = [line("il_1", -old, proration=True), line("il_2", new, "price_pro", proration=True)]
    total = sum(credits for _, credits in granted(*lines))
    assert 0 <= total <= 30_000 * new / 4999


def payment(received: int) -> PaymentIntent:
    return PaymentIntent(id="pi_1", amount=1000, amount_received=received, currency="usd", status="succeeded")


def refund(amount: int, status: str, name: str = "re_1") -> Refund:
    return Refund(id=name, amount=amount, status=status, created=0)


def dispute(status: str) -> Dispute:
    return Dispute(id="dp_1", amount=1000, status=status, created=0, charge="ch_1")


@pytest.mark.parametrize("status", ["pending", "requires_action", "succeeded"])
def test_money_that_goes_back_takes_its_share(status: str) -> None:
    assert claimed_shares(payment(1000), [refund(250, status)], []) == [("re_1", "refund", Fraction(1, 4))]


@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_a_refund_that_failed_takes_nothing(status: str) -> None:
    assert claimed_shares(payment(1000), [refund(250, status)], []) == [("re_1", "refund", Fraction(0))]


@pytest.mark.parametrize(
    ("status", "share"),
    [
        ("needs_response", 1),
        ("under_review", 1),
        ("lost", 1),
        ("won", 0),
        ("warning_needs_response", 0),
        ("warning_under_review", 0),
        ("warning_closed", 0),
        ("prevented", 0),
    ],
)
def test_a_dispute_takes_all_while_the_bank_has_the_money(status: str, share: int) -> None:
    assert claimed_shares(payment(1000), [], [dispute(status)]) == [("dp_1", "dispute", Fraction(share))]


def test_no_claim_takes_more_than_all() -> None:
    claims: list[Any] = claimed_shares(payment(0), [refund(1000, "succeeded")], [])
    assert claims == [("re_1", "refund", Fraction(1))]
