"""The credits that a paid invoice grants: for each of its lines, by the plan whose price the line charges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import floor

from msgspec import Struct

from api.billing.stripe.invoice_objects import InvoiceLine
from api.billing.tariff.plans import TariffPlan


class InvoiceGrant(Struct, frozen=True):
    """Credits of one line until `expires_at`, in Unix seconds; `key` names their purpose, so that they come once."""

    key: str
    credits: int
    expires_at: int


def compute_grants(
    lines: Sequence[InvoiceLine], plans: Mapping[str, TariffPlan], subscription_id: str
) -> list[InvoiceGrant]:
    """The grants of a paid invoice's lines. `plans` are by price id; a line of another price grants nothing.

    A whole period grants the plan's monthly credits. A trial costs nothing and grants the plan's trial credits, once
    for each subscription, however often the plan is changed in it. The rest of a period under a new plan grants what
    its price is worth, less what is paid back of the old plan in the same invoice, since those credits were granted.
    A line that pays back grants nothing.
    """
    bought = [(line, plans[line.price_id]) for line in lines if line.price_id and line.price_id in plans]
    whole = [
        _whole_period_grant(line, plan, subscription_id)
        for line, plan in bought
        if not line.is_proration and line.amount >= 0
    ]
    prorated = [(line, plan) for line, plan in bought if line.is_proration]
    return [grant for grant in whole if grant.credits] + _prorated_grants(prorated)


def _prorated_grants(prorated: Sequence[tuple[InvoiceLine, TariffPlan]]) -> list[InvoiceGrant]:
    returned = -sum(credits_worth(line, plan) for line, plan in prorated if line.amount < 0)
    grants = []
    for line, plan in prorated:
        if line.amount > 0:
            value = credits_worth(line, plan)
            credits = floor(max(value - returned, Fraction(0)))
            returned = max(returned - value, Fraction(0))
            grants += [InvoiceGrant(line.id, credits, line.period.end)] if credits else []
    return grants


def _whole_period_grant(line: InvoiceLine, plan: TariffPlan, subscription_id: str) -> InvoiceGrant:
    if plan.amount and not line.amount:
        return InvoiceGrant(f"trial:{subscription_id}", plan.trial_credits, line.period.end)
    return InvoiceGrant(line.id, plan.monthly_credits, line.period.end)


def credits_worth(line: InvoiceLine, plan: TariffPlan) -> Fraction:
    """The credits that a line's amount buys at the plan's price; below zero where it pays back."""
    return Fraction(line.amount, plan.amount) * plan.monthly_credits if plan.amount else Fraction(0)
