"""How Stripe calls what we sell: the keys under which `kinora stripe sync` puts prices, and the prices found by them.

A price is for one version of a plan or a pack and never changes; overage is known by its amount.
"""

from __future__ import annotations

from api.billing.stripe.client import Stripe
from api.billing.stripe.objects import StripePrice
from api.billing.tariff.plans import TariffPlan
from api.billing.tariff.tariff import TariffOverage, TariffPack
from api.errors import PaymentsRefused

PREFIX = "kinora"


def plan_key(plan: TariffPlan) -> str:
    """The key of a plan's monthly price."""
    return f"{PREFIX}_{plan.name}_v{plan.version}"


def pack_key(pack: TariffPack) -> str:
    """The key of a pack's price."""
    return f"{PREFIX}_pack_{pack.name}_v{pack.version}"


def overage_key(overage: TariffOverage) -> str:
    """The key of the metered price of a credit of overage."""
    return f"{PREFIX}_overage_v{overage.amount}"


class PriceCatalog:
    """Stripe's prices of our tariff. What was found once is not asked for again: it never changes."""

    def __init__(self, stripe: Stripe) -> None:
        self._stripe = stripe
        self._found: dict[str, StripePrice] = {}

    async def find_prices(self, *keys: str) -> list[StripePrice]:
        """The prices under these keys, in their order. Raises PaymentsRefused for one that Stripe does not have."""
        if missing := [key for key in keys if key not in self._found]:
            self._found |= await self._stripe.prices(missing)
        if lacking := [key for key in keys if key not in self._found]:
            raise PaymentsRefused(f"Stripe has no price {lacking[0]}: run `kinora stripe sync`.")
        return [self._found[key] for key in keys]
