"""Lookup keys: the names under which `kinora stripe sync` keeps the tariff's prices at Stripe, in both directions.

A price is for one version of a plan or a pack and never changes; the price of overage is known by its amount.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from api.billing.stripe import reads
from api.billing.stripe.client import Stripe
from api.billing.stripe.invoice_objects import InvoiceLine
from api.billing.stripe.objects import StripePrice
from api.billing.tariff.plans import TariffPlan
from api.billing.tariff.tariff import Tariff, TariffOverage, TariffPack
from api.errors import PaymentRequestRejected

PREFIX = "kinora"
PLAN_KEY = re.compile(r"kinora_([a-z][a-z0-9_]*)_v([0-9]+)")


def plan_key(plan: TariffPlan) -> str:
    """The key of a plan's monthly price."""
    return f"{PREFIX}_{plan.name}_v{plan.version}"


def pack_key(pack: TariffPack) -> str:
    """The key of a pack's price."""
    return f"{PREFIX}_pack_{pack.name}_v{pack.version}"


def overage_key(overage: TariffOverage) -> str:
    """The key of the metered price of a credit of overage."""
    return f"{PREFIX}_overage_v{overage.amount}"


def find_plan_of_price(tariff: Tariff, price: StripePrice) -> TariffPlan | None:
    """The plan that a price sells, in the version it was sold in; None for packs, overage and foreign prices.

    Raises TariffError for a version that the tariff has lost.
    """
    match = PLAN_KEY.fullmatch(price.lookup_key or "")
    if match is None or price.is_metered or match[1] not in {plan.name for plan in tariff.plans}:
        return None
    return tariff.find_plan(match[1], int(match[2]))


async def plans_of_lines(stripe: Stripe, tariff: Tariff, lines: Iterable[InvoiceLine]) -> dict[str, TariffPlan]:
    """The plans that an invoice's lines charge, by the ids of their prices."""
    price_ids = sorted({line.price_id for line in lines if line.price_id})
    plans = {id: find_plan_of_price(tariff, await reads.retrieve_price(stripe, id)) for id in price_ids}
    return {price_id: plan for price_id, plan in plans.items() if plan}


class PriceCatalog:
    """Stripe's prices of our tariff, each read once: a price never changes."""

    def __init__(self, stripe: Stripe) -> None:
        self._stripe = stripe
        self._prices: dict[str, StripePrice] = {}

    async def find_prices(self, *keys: str) -> list[StripePrice]:
        """The prices under these keys, in their order. Raises PaymentRequestRejected for one unknown to Stripe."""
        if unread := [key for key in keys if key not in self._prices]:
            self._prices |= await reads.list_prices(self._stripe, unread)
        if missing := [key for key in keys if key not in self._prices]:
            raise PaymentRequestRejected(f"Stripe has no price {missing[0]}: run `kinora stripe sync`.")
        return [self._prices[key] for key in keys]
