"""The tariff as the API publishes it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from api.billing.tariff.pricing import Prices
from api.billing.tariff.tariff import Tariff
from api.schemas.billing import OverageTerms, Pack, Plan, Plans, PriceFactors, PriceTier


def plans_response(tariff: Tariff) -> Plans:
    """The plans and packs on offer, overage, and the price factors of work."""
    plans = [Plan(id=plan.name, currency=tariff.currency, **_wire_fields(plan)) for plan in tariff.offered_plans()]
    packs = [Pack(id=pack.name, currency=tariff.currency, **_wire_fields(pack)) for pack in tariff.offered_packs()]
    return Plans(
        data=plans,
        first_id=plans[0].id,
        last_id=plans[-1].id,
        has_more=False,
        packs=packs,
        overage=OverageTerms(currency=tariff.currency, **asdict(tariff.overage)),
        prices=_price_factors(tariff.prices),
    )


def _wire_fields(offer: Struct) -> dict[str, Any]:
    return {name: value for name, value in asdict(offer).items() if name != "name"}


def _price_factors(prices: Prices) -> PriceFactors:
    tiers = [PriceTier(tier.short_side, float(tier.rate)) for tier in prices.tiers]
    return PriceFactors(
        tiers=[*tiers, PriceTier(None, float(prices.beyond))],
        quality={"turbo": float(prices.quality.turbo), "full": float(prices.quality.full)},
        models=_as_floats(prices.models),
        operations=_as_floats(prices.operations),
        least_seconds=float(prices.least_seconds),
    )


def _as_floats(factors: Mapping[str, Decimal]) -> dict[str, float]:
    return {name: float(factor) for name, factor in factors.items()}
