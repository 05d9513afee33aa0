from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.estimate import Estimate, Rates
from engine.types import Stage

WORK: dict[Stage, float] = {"loading": 1, "encoding": 1, "denoising": 100, "decoding": 10, "saving": 10}
STAGES: list[Stage] = ["loading", "encoding", "denoising", "decoding", "saving"]


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def job(rates: Rates, clock: Clock, seconds: dict[Stage, float]) -> Iterator[Estimate]:
    """A job that takes `seconds` per unit, seen after every unit."""
    estimate = Estimate(rates, WORK, clock)
    yield estimate
    for stage in STAGES:
        for _ in range(int(WORK[stage])):
            clock.now += seconds[stage]
            estimate.did(stage, 1, seconds[stage])
            yield estimate


SECONDS: dict[Stage, float] = {"loading": 5, "encoding": 1, "denoising": 0.2, "decoding": 1, "saving": 0.1}


def test_nothing_is_promised_before_a_step_was_measured() -> None:
    etas = [estimate.eta() for estimate in job(Rates(), Clock(), SECONDS)]
    assert etas[:3] == [None, None, None]
    assert all(eta is not None for eta in etas[3:])


def test_the_second_job_s_estimate_is_right_from_its_start() -> None:
    rates, clock = Rates(), Clock()
    *_, last = job(rates, clock, SECONDS)
    assert last.eta() == pytest.approx(0)
    whole = sum(WORK[stage] * SECONDS[stage] for stage in WORK)
    began = clock.now
    for estimate in job(rates, clock, SECONDS):
        assert estimate.eta() == pytest.approx(whole - (clock.now - began))
        assert estimate.fraction() == pytest.approx((clock.now - began) / whole)


def test_a_machine_that_got_slower_is_noticed_within_the_job() -> None:
    rates, clock = Rates(), Clock()
    *_, _last = job(rates, clock, SECONDS)
    slower = {stage: 3 * seconds for stage, seconds in SECONDS.items()}
    seen = [(estimate.eta(), clock.now) for estimate in job(rates, clock, slower)]
    half, ended = seen[len(seen) // 2], clock.now
    assert half[0] is not None
    assert half[0] == pytest.approx(ended - half[1], rel=0.55)


@given(st.lists(st.floats(0.001, 100), min_size=5, max_size=5))
def test_progress_never_goes_back_and_ends_at_one(seconds: list[float]) -> None:
    fractions = [each.fraction() for each in job(Rates(), Clock(), dict(zip(STAGES, seconds, strict=True)))]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] == pytest.approx(1)


def test_the_first_measurement_scales_the_guesses() -> None:
    """A machine a thousand times faster than guessed is not said to need the guessed time for the rest."""
    rates, clock = Rates(), Clock()
    estimate = Estimate(rates, {"denoising": 1e6, "decoding": 1e6}, clock)
    clock.now = 1e-6
    estimate.did("denoising", 10, 1e-6)
    assert estimate.eta() == pytest.approx(0.1, rel=0.1), "decoding a unit costs about a hundredth of a pass"


def test_stages_that_overlap_take_less_than_their_sum() -> None:
    """Decoding goes on beside denoising: half-way through the second job its estimate is what it turns out to be."""
    rates, clock = Rates(), Clock()
    for _ in range(2):
        estimate = Estimate(rates, {"denoising": 100, "decoding": 100}, clock)
        began, half = clock.now, None
        for unit in range(100):
            clock.now += 1
            estimate.did("denoising", 1, 1)
            estimate.did("decoding", 1, 0.8)
            half = estimate.eta() if unit == 49 else half
    assert half == pytest.approx((clock.now - began) / 2, rel=0.05)
