"""Tariffs of all kinds that will do, drawn by hypothesis."""

from __future__ import annotations

from itertools import accumulate
from typing import get_args

from hypothesis import strategies as st
from msgspec.structs import replace

from api.billing.tariff import tariff
from api.billing.tariff.plans import TariffPlan
from api.billing.tariff.pricing import Prices, QualityFactors, RateTier
from api.billing.tariff.tariff import Tariff, TariffOverage, TariffPack
from engine.catalog.model import Operation
from engine.catalog.registry import MODELS

DEFAULT = tariff.load_tariff()

factors = st.decimals("0.001", "1000", places=3)
steps = st.decimals("0", "50", places=3)


@st.composite
def prices(draw: st.DrawFn) -> Prices:
    sides = sorted(draw(st.sets(st.integers(1, 4000), max_size=5)))
    rates = list(accumulate(draw(st.lists(steps, min_size=len(sides), max_size=len(sides))), initial=draw(factors)))
    turbo = draw(factors)
    return Prices(
        tiers=[RateTier(side, rate) for side, rate in zip(sides, rates, strict=False)],
        beyond=rates[-1],
        quality=QualityFactors(turbo=turbo, full=turbo + draw(steps)),
        models=draw(st.dictionaries(st.sampled_from(sorted(MODELS)), factors, max_size=4)),
        operations=draw(st.dictionaries(st.sampled_from(get_args(Operation)), factors, max_size=4)),
        least_seconds=draw(st.decimals("0", "10", places=2)),
    )


@st.composite
def plans(draw: st.DrawFn) -> list[TariffPlan]:
    """Each in up to three versions, among each other in any order that counts."""
    found = []
    for name in ("free", *draw(st.sets(st.sampled_from(("plus", "pro", "studio"))))):
        for version in range(1, draw(st.integers(1, 3)) + 1):
            amount = 0 if name == "free" else draw(st.integers(0, 99_999))
            credits = draw(st.integers(1, 10**6))
            trial = (
                (draw(st.integers(1, 30)), draw(st.integers(1, credits))) if amount and draw(st.booleans()) else (0, 0)
            )
            found.append(
                TariffPlan(
                    name=name,
                    version=version,
                    amount=amount,
                    monthly_credits=credits,
                    trial_days=trial[0],
                    trial_credits=trial[1],
                    max_short_side=draw(st.integers(1, 4320)),
                    max_seconds=draw(st.integers(1, 600)),
                    concurrency=draw(st.integers(1, 50)),
                    priority=draw(st.integers(0, 50)),
                    retention_days=draw(st.integers(1, 400)),
                    marked=draw(st.booleans()),
                    relaxed=draw(st.booleans()),
                )
            )
    return found


@st.composite
def tariffs(draw: st.DrawFn) -> Tariff:
    pack = st.tuples(st.integers(1, 10**6), st.integers(1, 10**6))
    packs = draw(st.lists(pack, max_size=3))
    cap = draw(st.integers(1, 10**6))
    return replace(
        DEFAULT,
        plans=draw(plans()),
        packs=[
            TariffPack(name="one", version=version, credits=credits, amount=amount)
            for version, (credits, amount) in enumerate(packs, 1)
        ],
        overage=TariffOverage(amount=str(draw(factors)), max_cap=cap, default_cap=draw(st.integers(1, cap))),
        prices=draw(prices()),
    )
