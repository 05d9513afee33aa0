"""What work costs: the figures that are published, and that more never costs less, whatever the tariff."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from api.billing.tariff.pricing import PricedWork, Prices, partial_charge, price_in_credits
from engine.catalog.model import Operation
from engine.catalog.registry import MODELS
from tests.support.factories import TARIFF
from tests.support.tariffs import factors, prices

PRICES = st.just(TARIFF.prices) | prices()
SIDES = st.integers(1, 5000)
WORK = st.builds(
    PricedWork,
    model=st.sampled_from(sorted(MODELS)),
    operation=st.sampled_from(get_args(Operation)),
    quality=st.sampled_from(("turbo", "full")),
    seconds=st.floats(0, 600),
    width=SIDES,
    height=SIDES,
    variations=st.integers(1, 4),
)


@pytest.mark.parametrize(
    ("seconds", "width", "height", "quality", "expected"),
    [
        (4, 320, 192, "turbo", 4),
        (4, 320, 192, "full", 8),
        (4, 720, 1280, "full", 16),
        (4, 481, 10_000, "turbo", 8),
        (4, 1920, 1080, "full", 32),
        (5, 1920, 1082, "turbo", 40),
        (0, 1920, 1080, "full", 1),
    ],
)
def test_prices_go_by_the_short_side(seconds: int, width: int, height: int, quality: str, expected: int) -> None:
    work = PricedWork("kinora-mini", "text_to_video", quality, seconds, width, height)  # type: ignore[arg-type]
    assert price_in_credits(TARIFF.prices, work) == expected


@given(PRICES, WORK, st.floats(0, 600), SIDES, st.integers(1, 4))
def test_more_never_costs_less(given: Prices, work: PricedWork, seconds: float, side: int, variations: int) -> None:
    cost = price_in_credits(given, work)
    assert cost >= work.variations
    assert price_in_credits(given, work._replace(seconds=max(seconds, work.seconds))) >= cost
    assert price_in_credits(given, work._replace(width=max(side, work.width))) >= cost
    assert price_in_credits(given, work._replace(height=max(side, work.height))) >= cost
    assert price_in_credits(given, work._replace(variations=max(variations, work.variations))) >= cost
    assert price_in_credits(given, work._replace(quality="full")) >= cost


@given(PRICES, WORK, factors)
def test_a_dearer_model_or_operation_never_costs_less(given: Prices, work: PricedWork, factor: object) -> None:
    cost = price_in_credits(given, work)
    for names, name in (("models", work.model), ("operations", work.operation)):
        there = getattr(given, names)
        dearer = replace(given, **{names: there | {name: max(factor, there.get(name, 1))}})
        assert price_in_credits(dearer, work) >= cost


@given(PRICES, WORK)
def test_variations_cost_the_sum_of_their_prices(given: Prices, work: PricedWork) -> None:
    assert price_in_credits(given, work) == work.variations * price_in_credits(given, work._replace(variations=1))


def test_a_floats_noise_costs_nothing() -> None:
    work = PricedWork("kinora-mini", "text_to_video", "turbo", 1 + 2**-50, 320, 192)
    assert price_in_credits(TARIFF.prices, work) == 1


def test_a_published_part_is_charged_rounded_up() -> None:
    assert [partial_charge(8, published, 4) for published in (0, 0.1, 1, 2.1, 4, 9)] == [0, 1, 2, 5, 8, 8]
    assert partial_charge(1, 0, 0) == 0  # a picture has no length to have published a part of
