"""What a model is published with reaches its clips: guidance rescale, prompt length, negative prompt, image quality."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import LTXConditionPipeline

from engine.diffusion import ltx
from engine.diffusion.latents import ClipState, native_image
from engine.loading.loader import Modules
from engine.planning.timeline import plan_clip
from engine.types import ImageCondition, Request
from tests.engine.diffusion.test_ltx import (
    FPS,
    FRAMES,
    GUIDED,
    STEPS,
    THEIR_WARNING,
    assert_same,
    film,
    image,
    latents,
    png,
    theirs,
)


@pytest.fixture
def clip(request_: Request) -> Request:
    return replace(request_, prompt="a red ball", negative_prompt="blurry", seconds=FRAMES / FPS, steps=STEPS)


@THEIR_WARNING
def test_guidance_is_rescaled_as_the_pipeline_does(modules: Modules, clip: Request) -> None:
    pipeline: Any = LTXConditionPipeline(
        modules.scheduler, modules.vae, modules.text_encoder, modules.tokenizer, modules.transformer
    )
    cut, _ = film(modules, plan_clip(clip), clip, replace(GUIDED, guidance_rescale=0.7))
    plain, _ = film(modules, plan_clip(clip), clip, GUIDED)
    assert_same(latents(cut), theirs(pipeline, clip, output_type="latent", guidance_rescale=0.7))
    assert not torch.allclose(latents(cut), latents(plain), atol=1e-3)


def test_a_prompt_is_read_to_the_model_s_limit_and_not_to_the_tokenizer_s(modules: Modules, clip: Request) -> None:
    """The folders on the hub say 128 tokens where LTX-Video was trained with 256."""
    made = plan_clip(replace(clip, prompt="x" * 200))
    made = replace(made, model=replace(made.model, max_prompt_tokens=256))
    assert modules.tokenizer.model_max_length == 128
    prompts = ltx.encode_prompts(modules, made, "", replace(GUIDED, guidance_scale=1.0))
    assert prompts.mask.sum() == 201
    changed = replace(made, prompts=("x" * 190 + "y" * 10,))
    other = ltx.encode_prompts(modules, changed, "", replace(GUIDED, guidance_scale=1.0))
    assert not torch.equal(prompts.embeds, other.embeds), "the last words count too"


def test_a_request_without_a_negative_prompt_has_the_published_one(modules: Modules, clip: Request) -> None:
    made = plan_clip(clip)
    made = replace(made, model=replace(made.model, negative_prompt="jittery"))
    for asked, expected in (("", "jittery"), ("blurry", "blurry")):
        sampler = ltx.LtxSampler(modules, ClipState.empty(made), replace(clip, negative_prompt=asked), GUIDED)
        sampler.encode_prompts()
        wanted = ltx.encode_prompts(modules, made, expected, GUIDED)
        assert torch.equal(sampler._prompts.embeds, wanted.embeds)


def test_an_image_is_compressed_like_a_frame_of_a_film(modules: Modules, clip: Request) -> None:
    picture = image((40, 90, 150))
    condition = ImageCondition(png(picture), 0)
    seen = {}
    for crf in (0, 18, 29, 40):
        seen[crf] = native_image(modules, state_with_crf(clip, condition, crf), condition)
    plain = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None, :, None] / 127.5 - 1
    torch.testing.assert_close(seen[0], plain, rtol=0, atol=1e-5)
    errors = [float((seen[crf] - plain).square().mean()) for crf in (18, 29, 40)]
    assert 0 < errors[0] < errors[1] < errors[2] < 0.1
    assert torch.equal(seen[29], native_image(modules, state_with_crf(clip, condition, 29), condition)), "and always so"


def state_with_crf(clip: Request, condition: ImageCondition, crf: int) -> ClipState:
    made = plan_clip(replace(clip, conditions=(condition,)))
    return ClipState.empty(replace(made, model=replace(made.model, image_crf=crf)))
