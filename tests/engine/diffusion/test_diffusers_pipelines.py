"""Every family beside its pipeline of diffusers, called plainly."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline, WanImageToVideoPipeline
from diffusers.pipelines.ltx2 import LTX2ConditionPipeline, LTX2VideoCondition
from diffusers.pipelines.wan import pipeline_wan_i2v
from PIL import Image

from engine.catalog.model import ModelEntry, Sampling
from engine.catalog.registry import find_model
from engine.diffusion.schedule import resolve_sampling
from engine.loading.loader import Modules
from engine.planning.plan import ClipPlan
from engine.types import EngineConfig, ImageCondition, Request
from tests.support.model_families import KINDS, SIZE, encode_image, make_request, render_frames, small_plan

SHIFTS = {
    "wan2.1-t2v-1.3b": 3.0,
    "wan2.1-i2v-14b-480p": 3.0,
    "wan2.1-flf2v-14b-720p": 16.0,
    "wan2.2-t2v-a14b": 12.0,
    "wan2.2-i2v-a14b": 5.0,
    "wan2.2-ti2v-5b": 5.0,
}
"""Published for small sizes; the folders here say something else."""


def theirs(families_config: EngineConfig, request: Request) -> torch.Tensor:
    """The same clip by the pipeline as diffusers loads it [F, 3, h, w]."""
    folder = families_config.weights[request.model]
    model, made = find_model(request.model), small_plan(request)
    how = resolve_sampling(model, request, ())
    pipe = _pipe(model, request, folder)
    if model.family == "wan":
        pipe.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config, flow_shift=SHIFTS[model.name])
    pipe.set_progress_bar_config(disable=True)
    frames = pipe(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        height=SIZE.height,
        width=SIZE.width,
        num_inference_steps=how.steps,
        generator=torch.Generator("cpu").manual_seed(request.seed),
        output_type="pt",
        return_dict=False,
        max_sequence_length=model.max_prompt_tokens,
        **_own(model, request, made, how),
    )[0]
    shown: torch.Tensor = frames if model.family == "z_image" else frames[0]
    if find_model(request.model).image_positions == "ends" and len(request.conditions) > 1:
        return shown[torch.linspace(0, len(shown) - 1, made.frames).round().long()]
    return shown[: made.frames]


def _pipe(model: ModelEntry, request: Request, folder: str) -> Any:
    if model.family == "ltx2":
        return LTX2ConditionPipeline.from_pretrained(folder)
    if model.name == "wan2.2-ti2v-5b" and request.conditions:
        return WanImageToVideoPipeline.from_pretrained(folder, image_encoder=None, image_processor=None)
    return DiffusionPipeline.from_pretrained(folder)


def _own(model: ModelEntry, request: Request, made: ClipPlan, how: Sampling) -> dict[str, Any]:
    """The arguments that differ between pipelines, written down here once more."""
    guidance = how.guidance_scale
    images = [Image.open(io.BytesIO(each.image)) for each in request.conditions]
    if model.family == "z_image":
        return {"guidance_scale": guidance - 1}
    common = {"guidance_scale": guidance, "num_frames": 1 + model.temporal_compression * (made.windows[0].latents - 1)}
    if model.family == "wan":
        low = {"guidance_scale_2": 3.0} if model.name == "wan2.2-t2v-a14b" else {}
        return {**common, **low, **dict(zip(("image", "last_image"), images, strict=False))}
    conditions = [LTX2VideoCondition(image, index) for image, index in zip(images, (0, -1), strict=False)]
    quiet = {"stg_scale": 0, "modality_scale": 1, "guidance_rescale": 0.7 if model.name == "ltx-2" else 0}
    return {
        **common,
        **quiet,
        **{f"audio_{name}": value for name, value in quiet.items()},
        "audio_guidance_scale": guidance,
        "spatio_temporal_guidance_blocks": None,
        "use_cross_timestep": model.name == "ltx-2.5",
        **({"sigmas": [1.0, (0.9875 + 0.98125 * 2) / 3, (0.909375 * 2 + 0.725) / 3]} if how.sigmas else {}),
        "frame_rate": 24.0,
        "conditions": conditions,
    }


@pytest.fixture
def _ftfy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library that the pipeline for pictures takes for granted, which leaves plain words as they are."""

    class Plain:
        fix_text = staticmethod(lambda text: text)

    monkeypatch.setattr(pipeline_wan_i2v, "ftfy", Plain, raising=False)


@pytest.mark.usefixtures("_ftfy")
@pytest.mark.parametrize("name", KINDS)
def test_the_frames_are_those_of_the_pipeline_called_plainly(
    families_config: EngineConfig, load_modules: Callable[[str], Modules], name: str
) -> None:
    request = make_request(name, negative_prompt="blurry")
    if find_model(name).image_positions in ("ends", "any"):
        both = (ImageCondition(encode_image("white"), 0), ImageCondition(encode_image("red"), -1))
        request = replace(request, conditions=both)
    if name == "wan2.2-ti2v-5b":
        request = replace(request, conditions=(ImageCondition(encode_image("white"), 0),))
    torch.testing.assert_close(
        render_frames(load_modules(name), request).clip(0, 1), theirs(families_config, request), rtol=0, atol=2e-5
    )
