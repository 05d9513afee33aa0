"""Our loop against diffusers' own pipelines, on the same weights, seed and steps."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTXConditionPipeline, LTXPipeline
from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXVideoCondition
from PIL import Image

from engine.catalog.model import ModelEntry, Sampling, Size
from engine.catalog.registry import find_model
from engine.diffusion import ltx
from engine.diffusion.conditioning import _pack_tokens, prepare_tokens, preparing_units, store_latents
from engine.diffusion.latents import ClipState, _add_decode_noise, decode_span
from engine.loading.loader import Modules
from engine.planning.plan import ClipPlan, DecodeSpan, Window
from engine.planning.timeline import plan_clip
from engine.types import ImageCondition, JobCancelled, Request
from tests.support.cancels import never_cancelled

STEPS = 4
FRAMES = 17  # one window
FPS = find_model("kinora-mini").fps
SIZE = Size(160, 96)
GUIDED = Sampling(steps=STEPS, guidance_scale=3.0, schedule="linear_quadratic")


@pytest.fixture
def clip(request_: Request) -> Request:
    return replace(request_, prompt="a red ball", negative_prompt="blurry", seconds=FRAMES / FPS, steps=STEPS)


def image(color: tuple[int, int, int]) -> Image.Image:
    pixels = np.random.default_rng(sum(color)).integers(0, 60, (SIZE.height, SIZE.width, 3)) + color
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def film(
    modules: Modules, made: ClipPlan, request: Request, how: Sampling, cancelled: Callable[[], bool] = never_cancelled
) -> tuple[ClipState, torch.Tensor]:
    """What was made of the whole clip, and its native frames."""
    cut = ClipState.empty(made)
    text = ltx.encode_prompts(modules, made, request.negative_prompt, how)
    frames = []
    for step in made.steps:
        if isinstance(step, DecodeSpan):
            frames.append(decode_span(modules, cut, step))
        elif isinstance(step, Window):
            tokens = prepare_tokens(modules, cut, step)
            said = text.select_prompts(step.prompt_weights)
            assert (
                list(ltx.denoise_tokens(modules, made, how, said, tokens, step.seed, cancelled))
                == [1, 2, 3, 4][: how.steps]
            )
            store_latents(modules, cut, step, tokens)
    return cut, torch.cat(frames)


def latents(cut: ClipState) -> torch.Tensor:
    """All latents of the only gap [1, C, F, h, w]."""
    (strip,) = cut.latents
    return torch.cat([strip[number] for number in sorted(strip)], dim=2)


def theirs(pipeline: Any, request: Request, **more: Any) -> Any:
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        width=SIZE.width,
        height=SIZE.height,
        num_frames=FRAMES,
        frame_rate=FPS,
        num_inference_steps=STEPS,
        guidance_scale=3.0,
        generator=torch.Generator("cpu").manual_seed(request.seed),
        max_sequence_length=64,
        **more,
    ).frames


# diffusers hands numpy a tensor in a way that numpy 2 warns of; our own loop does not.
THEIR_WARNING = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="session")
def condition_pipeline(modules: Modules) -> Any:
    return LTXConditionPipeline(
        modules.scheduler, modules.vae, modules.text_encoder, modules.tokenizer, modules.transformer
    )


def assert_same(mine: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-4)


@THEIR_WARNING
def test_text_to_video_is_the_pipeline_s(modules: Modules, condition_pipeline: Any, clip: Request) -> None:
    cut, frames = film(modules, plan_clip(clip), clip, GUIDED)
    assert_same(latents(cut), theirs(condition_pipeline, clip, output_type="latent"))
    assert_same(frames.clip(0, 1), theirs(condition_pipeline, clip, output_type="pt")[0])


@THEIR_WARNING
def test_without_guidance_there_is_no_second_pass(modules: Modules, condition_pipeline: Any, clip: Request) -> None:
    alone = replace(GUIDED, guidance_scale=1.0)
    assert ltx.encode_prompts(modules, plan_clip(clip), "", alone).embeds.shape[0] == 1
    other = condition_pipeline(
        prompt=clip.prompt, width=160, height=96, num_frames=FRAMES, frame_rate=FPS, num_inference_steps=STEPS,
        guidance_scale=1.0, generator=torch.Generator("cpu").manual_seed(clip.seed), output_type="latent",
    ).frames  # fmt: skip
    assert_same(latents(film(modules, plan_clip(clip), clip, alone)[0]), other)


@THEIR_WARNING
@pytest.mark.parametrize(
    "placed",
    [[(0, 1.0)], [(0, 0.6)], [(8, 1.0)], [(0, 1.0), (16, 1.0)], [(0, 0.4), (8, 1.0), (16, 1.0)]],
    ids=["first", "soft first", "within", "first and last", "three"],
)
def test_image_conditions_are_followed_as_the_pipeline_does(
    modules: Modules, condition_pipeline: Any, clip: Request, placed: list[tuple[int, float]]
) -> None:
    pictures = [(image((40 * frame % 200, 90, 150)), frame, strength) for frame, strength in placed]
    other = theirs(
        condition_pipeline,
        clip,
        conditions=[LTXVideoCondition(image=each, frame_index=at, strength=how) for each, at, how in pictures],
        image_cond_noise_scale=0.0,
        output_type="latent",
    )
    request = replace(clip, conditions=tuple(ImageCondition(png(each), at, how) for each, at, how in pictures))
    assert_same(latents(film(modules, plan_clip(request), request, GUIDED)[0]), other)


def test_the_first_release_s_conventions_are_those_of_its_own_pipeline(modules: Modules, clip: Request) -> None:
    """Levels shifted by the number of tokens, and time without the causal correction."""
    shifting = FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True, base_shift=0.95, max_shift=2.05, base_image_seq_len=1024, shift_terminal=0.1
    )
    shifted = replace(modules, scheduler=shifting)
    how = replace(GUIDED, schedule="linear")
    made = replace(plan_clip(clip), model=replace(find_model("kinora-mini"), causal_time=False))
    text = ltx.encode_prompts(modules, made, clip.negative_prompt, how)
    pipeline = LTXPipeline(shifting, modules.vae, modules.text_encoder, modules.tokenizer, modules.transformer)
    pipeline.set_progress_bar_config(disable=True)
    other = pipeline(
        prompt_embeds=text.embeds[1:], prompt_attention_mask=text.mask[1:],
        negative_prompt_embeds=text.embeds[:1], negative_prompt_attention_mask=text.mask[:1],
        width=160, height=96, num_frames=FRAMES, frame_rate=FPS, num_inference_steps=STEPS, guidance_scale=3.0,
        generator=torch.Generator("cpu").manual_seed(clip.seed), output_type="latent", return_dict=False,
    )[0]  # fmt: skip
    cut, _ = film(shifted, made, clip, how)
    assert_same(_pack_tokens(latents(cut)), _pack_tokens(other) if other.ndim == 5 else other)


def test_the_same_seed_makes_the_same_frames_and_another_others(modules: Modules, clip: Request) -> None:
    _, frames = film(modules, plan_clip(clip), clip, GUIDED)
    _, again = film(modules, plan_clip(clip), clip, GUIDED)
    _, other = film(modules, plan_clip(replace(clip, seed=8)), replace(clip, seed=8), GUIDED)
    assert torch.equal(frames, again)
    assert not torch.allclose(frames, other, atol=0.05)


@pytest.fixture
def long_clip(clip: Request) -> Request:
    return replace(clip, seconds=96 / FPS)


def test_a_long_clip_has_all_its_frames_from_carried_latents(modules: Modules, long_clip: Request) -> None:
    made = plan_clip(long_clip)
    assert len(made.windows) > 1
    cut, frames = film(modules, made, long_clip, GUIDED)
    assert frames.shape == (96, 3, 96, 160)
    assert latents(cut).shape[2] == made.gaps[0].latents


def test_a_window_begins_with_what_the_last_one_ended_with(modules: Modules, long_clip: Request) -> None:
    made = plan_clip(long_clip)
    *before, third = made.windows[:3]
    cut = ClipState.empty(made)
    text = ltx.encode_prompts(modules, made, "", GUIDED)
    for window in before:
        tokens = prepare_tokens(modules, cut, window)
        list(ltx.denoise_tokens(modules, made, GUIDED, text, tokens, window.seed, never_cancelled))
        store_latents(modules, cut, window, tokens)

    tokens = prepare_tokens(modules, cut, third)
    area = 3 * 5
    given = slice(area, area * third.lead)
    carried = tokens.latents[:, given].clone()
    assert_same(carried, _pack_tokens(latents(cut)[:, :, 1 - third.lead :]))
    list(ltx.denoise_tokens(modules, made, GUIDED, text, tokens, third.seed, never_cancelled))
    assert torch.equal(tokens.latents[:, given], carried), "what is given must come out as it went in"
    assert tokens.strength[0, : area * third.lead].eq(1).all()
    assert tokens.strength[0, area * third.lead :].eq(0).all()


def test_seams_are_decoded_with_both_neighbours(modules: Modules, long_clip: Request) -> None:
    """The decoder looks both ways in time; a random one further than a trained one, so this is the hardest case:
    the bundled one is 49 dB from decoding all at once.
    """
    made = plan_clip(long_clip)
    cut, frames = film(modules, made, long_clip, GUIDED)
    at_once = decode_span(modules, cut, DecodeSpan(0, 0, 95, 0, made.gaps[0].latents))
    alone = torch.cat([decode_span(modules, cut, without_context(window)) for window in made.windows])[:96]
    assert (frames - at_once).abs().mean() < (alone - at_once).abs().mean() * 0.6


def without_context(window: Window) -> DecodeSpan:
    """A window decoded from its own latents and the one before, up to its last."""
    before = 8 * (window.first - 1) + 1 if window.first else 0
    return DecodeSpan(0, before, 8 * (window.end - 1), max(0, window.first - 1), window.end)


def test_a_cancel_between_steps_stops_at_once(modules: Modules, clip: Request) -> None:
    made = plan_clip(clip)
    asked = iter([False, False, True])
    tokens = prepare_tokens(modules, ClipState.empty(made), made.windows[0])
    text = ltx.encode_prompts(modules, made, clip.negative_prompt, GUIDED)
    steps = ltx.denoise_tokens(modules, made, GUIDED, text, tokens, 1, lambda: next(asked))
    assert [next(steps), next(steps)] == [1, 2]
    with pytest.raises(JobCancelled):
        next(steps)


def test_stirring_moves_only_what_is_given_and_fades(modules: Modules, clip: Request) -> None:
    request = replace(clip, conditions=(ImageCondition(png(image((9, 9, 9))), 0),))
    made = plan_clip(request)
    stirred = replace(made, model=replace(made.model, condition_noise=0.15))
    text = ltx.encode_prompts(modules, made, request.negative_prompt, GUIDED)
    seen = []
    for each in (made, stirred):
        tokens = prepare_tokens(modules, ClipState.empty(each), each.windows[0])
        clean = tokens.latents.clone()
        steps = ltx.denoise_tokens(modules, each, GUIDED, text, tokens, 1, never_cancelled)
        seen.append([(tokens.latents - clean)[:, :15].abs().max().item() for _step in steps])
    still, moving = seen
    assert max(still) == 0
    assert moving[0] > moving[-1] > 0


def test_a_decoder_that_denoises_gets_noise_that_depends_on_the_place_alone(modules: Modules, clip: Request) -> None:
    model: ModelEntry = replace(find_model("kinora-mini"), decode_noise=0.1, decode_timestep=0.05)
    told, made = replace(modules, vae=_Told(modules.vae)), replace(plan_clip(clip), model=model)
    clean = torch.zeros(1, 16, 6, 3, 5)
    whole, level = _add_decode_noise(told, made, clean, DecodeSpan(0, 0, 40, 0, 6))
    part, _ = _add_decode_noise(told, made, clean[:, :, :4], DecodeSpan(0, 17, 40, 2, 6))
    assert torch.equal(whole[:, :, 2:], part)
    assert not torch.equal(whole[:, :, 0], whole[:, :, 1])
    assert level is not None
    assert level.item() == pytest.approx(0.05)


class _Told:
    """A VAE that says it takes a timestep."""

    def __init__(self, vae: Any) -> None:
        self.config = type("Config", (), {**vae.config, "timestep_conditioning": True})


def test_a_still_is_one_frame(modules: Modules, clip: Request) -> None:
    request = replace(clip, seconds=0)
    _, frames = film(modules, plan_clip(request), request, GUIDED)
    assert frames.shape == (1, 3, 96, 160)


def test_what_preparing_costs_are_the_latents_encoded_for_a_window(request_: Request) -> None:
    """Only the first window of a clip from words goes on from nothing; a picture is one latent more."""
    picture = ImageCondition(png(image((90, 20, 20))), 0)
    made = [plan_clip(replace(request_, seconds=6, conditions=given)) for given in ((), (picture,))]
    area = made[0].native.width * made[0].native.height
    units = [[preparing_units(each, window) / area for window in each.windows] for each in made]
    assert units == [[0, 1, 1], [1, 1, 1]]
