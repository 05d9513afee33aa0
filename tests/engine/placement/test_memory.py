"""Which way a model is placed on which machine, with the peaks predicted for it. No machine here has a GPU."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog.registry import MODELS, find_model
from engine.placement.memory import WAYS, fitting_plans, predict_memory
from engine.placement.policy import Machine, Placement, choose_placement
from engine.types import EngineConfig, EngineError

LARGE = [name for name, model in MODELS.items() if not model.bundled]


def machine(card: float, host: float, *packages: str) -> Machine:
    gpu = Machine(kind="cuda", gpus=1, memory=card, capability=(8, 9), compiler=True)
    return replace(gpu, host_memory=host, packages=frozenset(packages))


def placed(name: str, card: float, host: float, *packages: str, rung: int = 0) -> Placement:
    return choose_placement(machine(card, host, *packages), find_model(name), EngineConfig(), rung)


ROWS = [
    # model, GB of the card, GB of the machine, offload, quantization, GB predicted on the card
    ("ltx-video-2b-0.9.5", 8, 16, "group", "none", 4.6),
    ("ltx-video-2b-0.9.5", 12, 32, "none", "float8", 10.0),
    ("ltx-video-2b-0.9.5", 16, 32, "model", "none", 12.1),
    ("ltx-video-2b-0.9.5", 24, 32, "none", "none", 16.0),
    ("ltx-video-2b-0.9.5", 24, 64, "none", "none", 16.0),
    ("ltx-video-2b-0.9.5", 24, 128, "none", "none", 16.0),
    ("ltx-video-2b-0.9.5", 48, 64, "none", "none", 16.0),
    ("ltx-video-2b-0.9.5", 80, 128, "none", "none", 16.0),
    ("ltx-video-13b-distilled", 12, 32, "group", "float8", 6.4),
    ("ltx-video-13b-distilled", 16, 32, "group", "float8", 6.4),
    ("ltx-video-13b-distilled", 24, 32, "model", "float8", 18.8),
    ("ltx-video-13b-distilled", 24, 64, "model", "float8", 18.8),
    ("ltx-video-13b-distilled", 24, 128, "model", "float8", 18.8),
    ("ltx-video-13b-distilled", 48, 64, "none", "none", 40.0),
    ("ltx-video-13b-distilled", 80, 128, "none", "none", 40.0),
    ("wan2.1-t2v-1.3b", 8, 16, "group", "float8", 5.3),
    ("wan2.1-t2v-1.3b", 12, 32, "model", "float8", 10.0),
    ("wan2.1-t2v-1.3b", 16, 32, "none", "float8", 11.6),
    ("wan2.1-t2v-1.3b", 24, 32, "none", "none", 18.0),
    ("wan2.1-t2v-1.3b", 24, 64, "none", "none", 18.0),
    ("wan2.1-t2v-1.3b", 24, 128, "none", "none", 18.0),
    ("wan2.1-t2v-1.3b", 48, 64, "none", "none", 18.0),
    ("wan2.1-t2v-1.3b", 80, 128, "none", "none", 18.0),
    ("wan2.1-t2v-14b", 12, 32, "group", "float8", 10.0),
    ("wan2.1-t2v-14b", 16, 32, "group", "float8", 10.0),
    ("wan2.1-t2v-14b", 24, 32, "group", "float8", 10.0),
    ("wan2.1-t2v-14b", 24, 64, "group", "none", 10.0),
    ("wan2.1-t2v-14b", 24, 128, "group", "none", 10.0),
    ("wan2.1-t2v-14b", 48, 64, "model", "none", 36.6),
    ("wan2.1-t2v-14b", 80, 128, "none", "none", 48.0),
    ("wan2.1-i2v-14b-720p", 12, 32, "group", "float8", 13.8),
    ("wan2.1-i2v-14b-720p", 16, 32, "group", "float8", 13.8),
    ("wan2.1-i2v-14b-720p", 24, 32, "group", "float8", 13.8),
    ("wan2.1-i2v-14b-720p", 24, 64, "group", "none", 13.8),
    ("wan2.1-i2v-14b-720p", 24, 128, "group", "none", 13.8),
    ("wan2.1-i2v-14b-720p", 48, 64, "none", "float8", 36.1),
    ("wan2.1-i2v-14b-720p", 80, 128, "none", "none", 56.0),
    ("wan2.2-ti2v-5b", 8, 16, "group", "float8", 9.2),
    ("wan2.2-ti2v-5b", 12, 32, "group", "none", 9.6),
    ("wan2.2-ti2v-5b", 16, 32, "model", "float8", 13.9),
    ("wan2.2-ti2v-5b", 24, 32, "model", "none", 19.0),
    ("wan2.2-ti2v-5b", 24, 64, "model", "none", 19.0),
    ("wan2.2-ti2v-5b", 24, 128, "model", "none", 19.0),
    ("wan2.2-ti2v-5b", 48, 64, "none", "none", 29.0),
    ("wan2.2-ti2v-5b", 80, 128, "none", "none", 29.0),
    ("wan2.2-t2v-a14b", 24, 64, "group", "float8", 13.4),
    ("wan2.2-t2v-a14b", 24, 128, "group", "none", 13.4),
    ("wan2.2-t2v-a14b", 48, 64, "model", "float8", 27.1),
    ("wan2.2-t2v-a14b", 80, 128, "model", "none", 40.0),
    ("ltx-2", 24, 64, "group", "float8", 19.8),
    ("ltx-2", 24, 128, "group", "none", 19.8),
    ("ltx-2", 48, 64, "model", "float8", 38.6),
    ("ltx-2", 80, 128, "model", "none", 55.6),
    ("z-image-turbo", 8, 16, "group", "float8", 6.4),
    ("z-image-turbo", 12, 32, "group", "none", 6.7),
    ("z-image-turbo", 16, 32, "model", "float8", 11.5),
    ("z-image-turbo", 24, 32, "model", "none", 17.0),
    ("z-image-turbo", 24, 64, "model", "none", 17.0),
    ("z-image-turbo", 24, 128, "model", "none", 17.0),
    ("z-image-turbo", 48, 64, "none", "none", 25.0),
    ("z-image-turbo", 80, 128, "none", "none", 25.0),
]
"""The whole table: a change of the catalog or the arithmetic shows here."""
REFUSED = [
    ("ltx-video-13b-distilled", 8, 16),
    ("wan2.1-t2v-14b", 8, 16),
    ("wan2.1-i2v-14b-720p", 8, 16),
    ("wan2.2-t2v-a14b", 8, 16),
    ("wan2.2-t2v-a14b", 12, 32),
    ("wan2.2-t2v-a14b", 16, 32),
    ("wan2.2-t2v-a14b", 24, 32),
    ("ltx-2", 8, 16),
    ("ltx-2", 12, 32),
    ("ltx-2", 16, 32),
    ("ltx-2", 24, 32),
]


@pytest.mark.parametrize(("name", "card", "host", "offload", "quantization", "peak"), ROWS)
def test_a_model_is_placed_where_it_is_predicted_to_fit(
    name: str, card: int, host: int, offload: str, quantization: str, peak: float
) -> None:
    chosen = placed(name, card, host)
    assert (chosen.offload, chosen.quantization, chosen.gpu_gb) == (offload, quantization, peak)
    assert chosen.gpu_gb <= 0.9 * card or chosen.offload == "group", "only the last resort may be tight"


@pytest.mark.parametrize(("name", "card", "host"), REFUSED)
def test_what_no_way_can_hold_is_refused_with_what_it_would_take(name: str, card: int, host: int) -> None:
    with pytest.raises(
        EngineError, match=f"{name} needs [1-9][0-9]* GB of memory beside its GPU or a GPU with"
    ) as caught:
        placed(name, card, host)
    assert caught.value.code == "out_of_memory"
    assert f"this machine has {host} GB and a GPU with {card} GB" in str(caught.value)
    assert "Installing bitsandbytes" in str(caught.value)


def test_nf4_is_a_way_where_its_package_is() -> None:
    chosen = placed("ltx-2", 24, 32, "bitsandbytes")
    assert (chosen.offload, chosen.quantization) == ("group", "nf4")
    assert placed("ltx-2", 24, 64, "bitsandbytes").quantization == "float8", "and the last one"


@given(
    st.sampled_from(LARGE),
    st.sampled_from([6, 8, 12, 16, 24, 32, 40, 48, 80, 141]),
    st.sampled_from([8, 16, 32, 64, 256]),
)
def test_every_ladder_ends_and_each_rung_needs_less(name: str, card: int, host: int) -> None:
    candidates = [predict_memory(find_model(name), *way) for way in WAYS]
    ladder = fitting_plans(candidates, card, host)
    assert all(later.gpu_gb < earlier.gpu_gb for earlier, later in pairwise(ladder))
    assert all(plan.host_gb <= host for plan in ladder)
    for rung in range(len(ladder) if ladder and "nf4" not in {plan.quantization for plan in ladder} else 0):
        assert placed(name, card, host, rung=rung).further == len(ladder) - 1 - rung
    assert len(ladder) <= len(WAYS)


def test_numbers_of_twice_the_size_need_twice_the_room() -> None:
    model = find_model("ltx-video-2b-0.9.5")
    wide = choose_placement(machine(24, 128), model, EngineConfig(quantization="none", dtype="float32"))
    plain = choose_placement(machine(24, 128), model, EngineConfig(quantization="none"))
    assert (plain.offload, wide.offload) == ("none", "group")


def test_the_weights_of_a_model_are_less_than_the_memory_it_needs() -> None:
    for model in MODELS.values():
        assert 0 < model.weights_gb.total < model.memory_gb, model.name
        assert model.weights_gb.transformers == (2 if "a14b" in model.name else 1)


def test_what_an_operator_says_is_done_however_little_fits() -> None:
    chosen = choose_placement(machine(24, 8), find_model("ltx-2"), EngineConfig(offload="none", quantization="none"))
    assert (chosen.offload, chosen.quantization, chosen.further) == ("none", "none", 0)
