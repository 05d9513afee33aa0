from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler
from diffusers.pipelines.ltx.pipeline_ltx_condition import linear_quadratic_schedule
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog.model import Sampling
from engine.catalog.registry import MODELS, find_model
from engine.diffusion.schedule import fresh_scheduler, new_scheduler, noise_levels, resolve_sampling
from engine.types import Quality, Request

SAMPLING = Sampling(steps=8, guidance_scale=1.0)


@given(st.integers(1, 100), st.sampled_from(["linear", "linear_quadratic"]))
def test_levels_fall_from_one_and_never_reach_zero(steps: int, schedule: str) -> None:
    levels = noise_levels(Sampling(steps=steps, guidance_scale=3, schedule=schedule))  # type: ignore[arg-type]
    assert levels.shape == (steps,)
    assert levels[0] == 1
    assert (np.diff(levels) < 0).all()
    assert levels[-1] > 0


@pytest.mark.parametrize("steps", [1, 2, 3, 8, 40, 41])
def test_the_parabola_is_the_one_ltx_video_uses(steps: int) -> None:
    levels = noise_levels(Sampling(steps=steps, guidance_scale=3, schedule="linear_quadratic"))
    np.testing.assert_allclose(levels, linear_quadratic_schedule(steps).numpy(), atol=1e-6)


def test_a_distilled_model_keeps_its_own_levels() -> None:
    how = find_model("ltx-video-13b-distilled").sampling["full"]
    np.testing.assert_allclose(noise_levels(how), how.sigmas)


@given(st.integers(1, 40))
def test_a_distilled_curve_serves_any_number_of_steps(steps: int) -> None:
    levels = noise_levels(Sampling(steps=steps, guidance_scale=1, sigmas=(1.0, 0.9, 0.4)))
    assert levels.shape == (steps,)
    assert levels[0] == 1
    assert (np.diff(levels) < 0).all()
    assert levels[-1] > 0


@pytest.mark.parametrize("name", MODELS)
def test_a_request_overrides_what_it_names(name: str) -> None:
    model = find_model(name)
    own = model.sampling["turbo"]
    request = Request(name, "x", 320, 192, 5, 1, quality="turbo")
    assert resolve_sampling(model, request, {own.adapter}) == own
    asked = resolve_sampling(model, replace(request, steps=3, guidance_scale=2), {own.adapter})
    assert (asked.steps, asked.guidance_scale, asked.sigmas, asked.adapter) == (3, 2, own.sigmas, own.adapter)


@pytest.mark.parametrize("name", MODELS)
def test_weights_without_the_adapter_are_sampled_without_it(name: str) -> None:
    for quality in ("turbo", "full"):
        how = resolve_sampling(find_model(name), Request(name, "x", 320, 192, 5, 1, quality=quality), frozenset())
        assert how.adapter == ""


MODEL = find_model("ltx-video-2b")
SHIFTING = [
    {"shift": 3.0},
    {"shift_terminal": 0.1},
    {"use_dynamic_shifting": True, "base_shift": 0.95, "max_shift": 2.05, "shift_terminal": 0.1},
    {"use_karras_sigmas": True},
]


@pytest.mark.parametrize("config", SHIFTING)
@pytest.mark.parametrize("name", ["ltx-video-13b-distilled", "ltx-video-2b-distilled", "ltx-video-2b-0.9.5"])
@pytest.mark.parametrize("quality", ["turbo", "full"])
def test_no_folder_bends_exact_levels(name: str, quality: Quality, config: dict[str, Any]) -> None:
    model = find_model(name)
    sampling = model.sampling[quality]
    made = new_scheduler(
        FlowMatchEulerDiscreteScheduler(**config), model, sampling, 2048, 768 * 512, torch.device("cpu")
    )
    np.testing.assert_allclose(made.sigmas.numpy(), [*noise_levels(sampling), 0.0], atol=1e-6)
    if name == "ltx-video-13b-distilled":
        assert made.sigmas[-2] == pytest.approx(0.725)


@pytest.mark.parametrize(
    ("name", "size", "shift"),
    [
        ("wan2.1-t2v-14b", (832, 480), 3.0),
        ("wan2.1-t2v-14b", (1280, 720), 5.0),
        ("wan2.1-i2v-14b-480p", (832, 480), 3.0),
        ("wan2.1-i2v-14b-720p", (1280, 720), 5.0),
        ("wan2.1-flf2v-14b-720p", (1280, 720), 16.0),
        ("wan2.2-t2v-a14b", (832, 480), 12.0),
        ("wan2.2-t2v-a14b", (1920, 1080), 12.0),
        ("wan2.2-i2v-a14b", (1280, 720), 5.0),
        ("wan2.2-ti2v-5b", (1280, 704), 5.0),
    ],
)
@pytest.mark.parametrize("scheduler", [UniPCMultistepScheduler, FlowMatchEulerDiscreteScheduler])
def test_wan_shifts_its_levels_as_published_for_the_size(
    name: str, size: tuple[int, int], shift: float, scheduler: Any
) -> None:
    model = find_model(name)
    prototype = scheduler(use_flow_sigmas=True, flow_shift=1.0) if scheduler is UniPCMultistepScheduler else scheduler()
    made = fresh_scheduler(prototype, model, model.sampling["full"], size[0] * size[1])
    assert getattr(made.config, "flow_shift" if scheduler is UniPCMultistepScheduler else "shift") == shift


def test_a_model_without_a_published_shift_keeps_the_folder_s() -> None:
    made = fresh_scheduler(FlowMatchEulerDiscreteScheduler(shift=3.0), find_model("z-image-turbo"), SAMPLING, 1024**2)
    assert made.config.shift == 3.0


def test_a_scheduler_that_shifts_does_so_by_the_number_of_tokens() -> None:
    prototype = FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True, base_shift=0.95, max_shift=2.05, base_image_seq_len=1024, shift_terminal=0.1
    )
    how = Sampling(steps=8, guidance_scale=3)
    few, many = (
        new_scheduler(prototype, MODEL, how, tokens, 768 * 512, torch.device("cpu")) for tokens in (1024, 4096)
    )
    assert (many.sigmas[1:-2] > few.sigmas[1:-2]).all()
    assert many is not prototype
