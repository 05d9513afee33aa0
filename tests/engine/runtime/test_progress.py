from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.runtime.progress import JobEstimate, StageRates, WorkPlan
from engine.types import Stage

WORK: dict[Stage, float] = {"loading": 1, "encoding": 1, "preparing": 2, "denoising": 100, "decoding": 10, "saving": 10}
STAGES: list[Stage] = ["loading", "encoding", "preparing", "denoising", "decoding", "saving"]
COURSE: WorkPlan = [[(stage, WORK[stage])] for stage in STAGES[:4]] + [[(stage, WORK[stage]) for stage in STAGES[4:]]]


class Clock:
    """Time that passes when told to."""

    now = 0.0


def job(rates: StageRates, clock: Clock, seconds: dict[Stage, float]) -> Iterator[JobEstimate]:
    """A job that takes `seconds` per unit, seen after every unit."""
    estimate = JobEstimate(rates, COURSE)
    yield estimate
    for stage in STAGES:
        for _ in range(int(WORK[stage])):
            clock.now += seconds[stage]
            estimate.record_work(stage, 1, seconds[stage])
            yield estimate


SECONDS: dict[Stage, float] = {
    "loading": 5,
    "encoding": 1,
    "preparing": 2,
    "denoising": 0.2,
    "decoding": 1,
    "saving": 0.1,
}


def test_nothing_is_promised_before_a_step_was_measured() -> None:
    etas = [estimate.seconds_left() for estimate in job(StageRates(), Clock(), SECONDS)]
    assert etas[:5] == [None] * 5
    assert all(eta is not None for eta in etas[5:])


def test_the_second_job_s_estimate_is_right_from_its_start() -> None:
    rates, clock = StageRates(), Clock()
    *_, last = job(rates, clock, SECONDS)
    assert last.seconds_left() == pytest.approx(0)
    whole = sum(WORK[stage] * SECONDS[stage] for stage in WORK)
    began = clock.now
    for estimate in job(rates, clock, SECONDS):
        assert estimate.seconds_left() == pytest.approx(whole - (clock.now - began))
        assert estimate.fraction_done() == pytest.approx((clock.now - began) / whole)


def test_a_machine_that_got_slower_is_noticed_within_the_job() -> None:
    rates, clock = StageRates(), Clock()
    *_, _last = job(rates, clock, SECONDS)
    slower = {stage: 3 * seconds for stage, seconds in SECONDS.items()}
    seen = [(estimate.seconds_left(), clock.now) for estimate in job(rates, clock, slower)]
    half, ended = seen[len(seen) // 2], clock.now
    assert half[0] is not None
    assert half[0] == pytest.approx(ended - half[1], rel=0.55)


@pytest.mark.parametrize("times", [0.5, 2])
def test_half_way_it_is_known_that_a_machine_changed_whatever_was_measured_before(times: float) -> None:
    rates = StageRates()
    rates.add_measurement("denoising", 1e6, 1e6)
    estimate = JobEstimate(rates, [[("denoising", 100)]])
    estimate.record_work("denoising", 50, 50 * times)
    assert estimate.seconds_left() == pytest.approx(50 * times, rel=0.3)


@given(st.lists(st.floats(0.001, 100), min_size=6, max_size=6))
def test_progress_never_goes_back_and_ends_at_one(seconds: list[float]) -> None:
    seen = [
        (each.fraction_done(), each.seconds_left())
        for each in job(StageRates(), Clock(), dict(zip(STAGES, seconds, strict=True)))
    ]
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] == pytest.approx(1)
    assert all(eta is None or eta >= 0 for _, eta in seen)


def test_the_first_measurement_scales_the_guesses() -> None:
    """A machine a thousand times faster than guessed is not said to need the guessed time for the rest."""
    estimate = JobEstimate(StageRates(), [[("denoising", 1e6)], [("decoding", 1e6)]])
    estimate.record_work("denoising", 10, 1e-6)
    assert estimate.seconds_left() == pytest.approx(0.1, rel=0.1), "decoding a unit costs about a hundredth of a pass"


def test_stages_that_overlap_take_less_than_their_sum() -> None:
    """Of three windows the first two are decoded and written while the next is denoised."""
    rates = StageRates()
    rates.add_measurement("denoising", 1, 4)
    for contended in (False, True):
        rates.add_measurement("decoding", 1, 3, contended=contended)
        rates.add_measurement("saving", 1, 1, contended=contended)
    windows: WorkPlan = [[("denoising", 1)], [("decoding", 1), ("saving", 1)]] * 3
    estimate = JobEstimate(rates, windows)
    assert estimate.seconds_left() == 3 * 4 + 3 + 1
    estimate.record_work("denoising", 1, 4)
    assert estimate.seconds_left() == 2 * 4 + 3 + 1
    assert estimate.fraction_done() == pytest.approx(4 / 16)
    estimate.record_work("denoising", 1.5, 6)
    assert estimate.seconds_left() == 3 + 3 + 3 + 1, "now decoding is what all wait for"


def test_what_was_done_before_says_nothing_of_the_pace() -> None:
    rates = StageRates()
    rates.add_measurement("denoising", 1, 4)
    estimate = JobEstimate(rates, [[("denoising", 2)]])
    estimate.skip_work("denoising", 1)
    assert estimate.seconds_left() == 4


# --- what is decoded while later windows are made -------------------------------------------------------

WINDOWS: WorkPlan = [[("denoising", 10)], [("decoding", 1)]] * 3


def film(rates: StageRates, *, contended: float, alone: float) -> Iterator[JobEstimate]:
    """Three windows of ten seconds; decoding takes `contended` while the next is denoised, the last takes `alone`."""
    estimate = JobEstimate(rates, WINDOWS)
    for seconds in (0.0, contended, contended):
        estimate.record_work("denoising", 10, 10)
        if seconds:
            estimate.record_work("decoding", 1, seconds)
        yield estimate
    estimate.record_work("decoding", 1, alone)
    yield estimate


def test_decoding_beside_denoising_and_alone_are_measured_apart() -> None:
    rates = StageRates()
    *_, ended = film(rates, contended=6, alone=2)
    assert ended.seconds_left() == 0
    assert [each.seconds_left() for each in film(rates, contended=6, alone=2)] == [20 + 2, 10 + 2, 2, 0]


def test_all_but_the_last_stretch_are_foretold_as_decoded_beside_denoising() -> None:
    rates = StageRates()
    rates.add_measurement("denoising", 1, 1)
    rates.add_measurement("decoding", 1, 20, contended=True)
    rates.add_measurement("decoding", 1, 2)
    assert JobEstimate(rates, WINDOWS).seconds_left() == 10 + 20 + 20 + 2, "decoding is what all wait for"


def test_one_window_s_clip_says_what_decoding_takes_beside_others_and_the_other_way_round() -> None:
    alone, contended = StageRates(), StageRates()
    alone.add_measurement("decoding", 1, 3)
    contended.add_measurement("decoding", 1, 3, contended=True)
    assert alone.seconds_per_unit("decoding", contended=True) == 6
    assert contended.seconds_per_unit("decoding") == 1.5


def test_where_all_windows_are_made_first_all_is_decoded_alone() -> None:
    rates = StageRates()
    rates.add_measurement("denoising", 1, 1)
    rates.add_measurement("decoding", 1, 2)
    rates.add_measurement("decoding", 1, 50, contended=True)
    backwards: WorkPlan = [[("denoising", 1)], [("denoising", 1)], [("decoding", 1)], [("decoding", 1)]]
    assert JobEstimate(rates, backwards).seconds_left() == 2 + 2 * 2
