"""What of the tariff a price of Stripe's is for, by the key that `kinora stripe sync` gave it."""

from __future__ import annotations

import re

from api.billing.stripe.objects import StripePrice
from api.billing.tariff.plans import TariffPlan
from api.billing.tariff.tariff import Tariff

KEY = re.compile(r"kinora_([a-z][a-z0-9_]*)_v([0-9]+)")


def plan(tariff: Tariff, price: StripePrice) -> TariffPlan | None:
    """The plan that a price sells, in the version it was sold in; None for packs, overage and prices not of ours.

    Raises TariffError for a version that the tariff has lost.
    """
    match = KEY.fullmatch(price.lookup_key or "")
    if match is None or price.is_metered or match[1] not in {each.name for each in tariff.plans}:
        return None
    return tariff.find_plan(match[1], int(match[2]))
