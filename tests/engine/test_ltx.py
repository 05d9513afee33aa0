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

from engine import ltx
from engine.catalog import Model, Sampling, Size, find
from engine.loader import Parts
from engine.timeline import Plan, Segment, plan
from engine.types import Cancelled, Condition, Request

STEPS = 4
FPS = find("kinora-mini").fps
SIZE = Size(160, 96)
GUIDED = Sampling(steps=STEPS, guidance_scale=3.0, schedule="linear_quadratic")


@pytest.fixture
def clip(request_: Request) -> Request:
    return replace(request_, prompt="a red ball", negative_prompt="blurry", seconds=33 / FPS, steps=STEPS)


def image(color: tuple[int, int, int]) -> Image.Image:
    pixels = np.random.default_rng(sum(color)).integers(0, 60, (SIZE.height, SIZE.width, 3)) + color
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def never() -> bool:
    return False


def film(
    parts: Parts, made: Plan, request: Request, how: Sampling, cancelled: Callable[[], bool] = never
) -> tuple[ltx.Reel, torch.Tensor]:
    """The whole clip's latents and native frames."""
    so_far = ltx.reel(parts, made)
    text = ltx.encode_text(parts, request, how, longest=64)
    frames = []
    for segment in made.segments:
        tokens = ltx.prepare(parts, made, segment, so_far)
        assert list(ltx.denoise(parts, made, how, text, tokens, segment.seed, cancelled)) == [1, 2, 3, 4][: how.steps]
        ltx.keep(parts, made, segment, tokens, so_far)
        frames.append(ltx.decode(parts, made, segment, request.seed, so_far))
    return so_far, torch.cat(frames)


def theirs(pipeline: Any, request: Request, **more: Any) -> Any:
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        width=SIZE.width,
        height=SIZE.height,
        num_frames=33,
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
def condition_pipeline(parts: Parts) -> Any:
    return LTXConditionPipeline(parts.scheduler, parts.vae, parts.text_encoder, parts.tokenizer, parts.transformer)


def assert_same(mine: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-4)


@THEIR_WARNING
def test_text_to_video_is_the_pipeline_s(parts: Parts, condition_pipeline: Any, clip: Request) -> None:
    so_far, frames = film(parts, plan(clip), clip, GUIDED)
    assert_same(so_far.latents, theirs(condition_pipeline, clip, output_type="latent"))
    assert_same(frames.clip(0, 1), theirs(condition_pipeline, clip, output_type="pt")[0])


@THEIR_WARNING
def test_without_guidance_there_is_no_second_pass(parts: Parts, condition_pipeline: Any, clip: Request) -> None:
    alone = replace(GUIDED, guidance_scale=1.0)
    assert ltx.encode_text(parts, clip, alone, longest=64).embeds.shape[0] == 1
    other = condition_pipeline(
        prompt=clip.prompt, width=160, height=96, num_frames=33, frame_rate=FPS, num_inference_steps=STEPS,
        guidance_scale=1.0, generator=torch.Generator("cpu").manual_seed(clip.seed), output_type="latent",
    ).frames  # fmt: skip
    assert_same(film(parts, plan(clip), clip, alone)[0].latents, other)


@THEIR_WARNING
@pytest.mark.parametrize(
    "placed",
    [[(0, 1.0)], [(0, 0.6)], [(16, 1.0)], [(0, 1.0), (32, 1.0)], [(0, 0.4), (8, 1.0), (24, 1.0)]],
    ids=["first", "soft first", "within", "first and last", "three"],
)
def test_pictures_are_followed_as_the_pipeline_does(
    parts: Parts, condition_pipeline: Any, clip: Request, placed: list[tuple[int, float]]
) -> None:
    pictures = [(image((40 * frame % 200, 90, 150)), frame, strength) for frame, strength in placed]
    other = theirs(
        condition_pipeline,
        clip,
        conditions=[LTXVideoCondition(image=each, frame_index=at, strength=how) for each, at, how in pictures],
        image_cond_noise_scale=0.0,
        output_type="latent",
    )
    request = replace(clip, conditions=tuple(Condition(png(each), at, how) for each, at, how in pictures))
    assert_same(film(parts, plan(request), request, GUIDED)[0].latents, other)


def test_the_first_release_s_conventions_are_those_of_its_own_pipeline(parts: Parts, clip: Request) -> None:
    """Levels shifted by the number of tokens, and time without the causal correction."""
    shifting = FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True, base_shift=0.95, max_shift=2.05, base_image_seq_len=1024, shift_terminal=0.1
    )
    shifted = replace(parts, scheduler=shifting)
    how = replace(GUIDED, schedule="linear")
    made = replace(plan(clip), model=replace(find("kinora-mini"), causal_time=False))
    text = ltx.encode_text(parts, clip, how, longest=64)
    pipeline = LTXPipeline(shifting, parts.vae, parts.text_encoder, parts.tokenizer, parts.transformer)
    pipeline.set_progress_bar_config(disable=True)
    other = pipeline(
        prompt_embeds=text.embeds[1:], prompt_attention_mask=text.mask[1:],
        negative_prompt_embeds=text.embeds[:1], negative_prompt_attention_mask=text.mask[:1],
        width=160, height=96, num_frames=33, frame_rate=FPS, num_inference_steps=STEPS, guidance_scale=3.0,
        generator=torch.Generator("cpu").manual_seed(clip.seed), output_type="latent", return_dict=False,
    )[0]  # fmt: skip
    so_far, _ = film(shifted, made, clip, how)
    assert_same(ltx._pack(so_far.latents), ltx._pack(other) if other.ndim == 5 else other)


def test_the_same_seed_makes_the_same_frames_and_another_others(parts: Parts, clip: Request) -> None:
    _, frames = film(parts, plan(clip), clip, GUIDED)
    _, again = film(parts, plan(clip), clip, GUIDED)
    _, other = film(parts, plan(replace(clip, seed=8)), replace(clip, seed=8), GUIDED)
    assert torch.equal(frames, again)
    assert not torch.allclose(frames, other, atol=0.05)


@pytest.fixture
def long_clip(clip: Request) -> Request:
    return replace(clip, seconds=96 / FPS)


def test_a_long_clip_has_all_its_frames_from_carried_latents(parts: Parts, long_clip: Request) -> None:
    made = plan(long_clip)
    assert len(made.segments) > 1
    so_far, frames = film(parts, made, long_clip, GUIDED)
    assert frames.shape == (96, 3, 96, 160)
    assert so_far.latents.shape[2] == made.segments[-1].end
    assert len(so_far.frames) <= made.model.context_latents + 1, "anchors must not pile up"


def test_a_window_begins_with_what_the_last_one_ended_with(parts: Parts, long_clip: Request) -> None:
    made = plan(long_clip)
    first, second = made.segments[:2]
    so_far = ltx.reel(parts, made)
    text = ltx.encode_text(parts, long_clip, GUIDED, longest=64)
    tokens = ltx.prepare(parts, made, first, so_far)
    list(ltx.denoise(parts, made, GUIDED, text, tokens, first.seed, never))
    ltx.keep(parts, made, first, tokens, so_far)
    ltx.decode(parts, made, first, long_clip.seed, so_far)

    tokens = ltx.prepare(parts, made, second, so_far)
    area = 3 * 5
    given = slice(area, area * (1 + second.carried))
    carried = tokens.latents[:, given].clone()
    assert_same(carried, ltx._pack(so_far.latents[:, :, -second.carried :]))
    list(ltx.denoise(parts, made, GUIDED, text, tokens, second.seed, never))
    assert torch.equal(tokens.latents[:, given], carried), "what is given must come out as it went in"
    assert tokens.strength[0, : area * (1 + second.carried)].eq(1).all()
    assert tokens.strength[0, area * (1 + second.carried) :].eq(0).all()


def test_seams_are_decoded_with_both_neighbours(parts: Parts, long_clip: Request) -> None:
    """The decoder looks both ways in time; a random one further than a trained one, so this is the hardest case."""
    made = plan(long_clip)
    so_far, frames = film(parts, made, long_clip, GUIDED)
    whole = replace(made.segments[-1], decode_from=0, frames_before=0)
    at_once = ltx.decode(parts, made, whole, long_clip.seed, so_far)
    alone = [ltx.decode(parts, made, each, long_clip.seed, so_far) for each in map(without_context, made.segments)]
    apart = (frames - at_once).abs().mean()
    assert apart < (torch.cat(alone)[: made.frames] - at_once).abs().mean() / 2
    assert apart < at_once.std() / 5


def without_context(segment: Segment) -> Segment:
    """The same window decoded from its own latents and the one before, up to its last."""
    before = 8 * (segment.first - 1) + 1 if segment.first else 0
    return replace(
        segment, decode_from=max(0, segment.first - 1), frames_before=before, frames_after=8 * (segment.end - 1) + 1
    )


def test_a_cancel_between_steps_stops_at_once(parts: Parts, clip: Request) -> None:
    made = plan(clip)
    asked = iter([False, False, True])
    tokens = ltx.prepare(parts, made, made.segments[0], ltx.reel(parts, made))
    text = ltx.encode_text(parts, clip, GUIDED, longest=64)
    steps = ltx.denoise(parts, made, GUIDED, text, tokens, 1, lambda: next(asked))
    assert [next(steps), next(steps)] == [1, 2]
    with pytest.raises(Cancelled):
        next(steps)


def test_stirring_moves_only_what_is_given_and_fades(parts: Parts, clip: Request) -> None:
    request = replace(clip, conditions=(Condition(png(image((9, 9, 9))), 0),))
    made = plan(request)
    stirred = replace(made, model=replace(made.model, condition_noise=0.15))
    text = ltx.encode_text(parts, request, GUIDED, longest=64)
    seen = []
    for each in (made, stirred):
        tokens = ltx.prepare(parts, each, each.segments[0], ltx.reel(parts, each))
        clean = tokens.latents.clone()
        steps = ltx.denoise(parts, each, GUIDED, text, tokens, 1, never)
        seen.append([(tokens.latents - clean)[:, :15].abs().max().item() for _step in steps])
    still, moving = seen
    assert max(still) == 0
    assert moving[0] > moving[-1] > 0


def test_a_decoder_that_denoises_gets_noise_that_depends_on_the_place_alone(parts: Parts, clip: Request) -> None:
    model: Model = replace(find("kinora-mini"), decode_noise=0.1, decode_timestep=0.05)
    told = replace(parts, vae=_Told(parts.vae))
    latents = torch.zeros(1, 16, 6, 3, 5)
    whole, level = ltx._renoised(told, model, latents, clip.seed, 0)
    part, _ = ltx._renoised(told, model, latents[:, :, :4], clip.seed, 2)
    assert torch.equal(whole[:, :, 2:], part)
    assert not torch.equal(whole[:, :, 0], whole[:, :, 1])
    assert level is not None
    assert level.item() == pytest.approx(0.05)


class _Told:
    """A VAE that says it takes a timestep."""

    def __init__(self, vae: Any) -> None:
        self.config = type("Config", (), {**vae.config, "timestep_conditioning": True})


def test_a_still_is_one_frame(parts: Parts, clip: Request) -> None:
    request = replace(clip, seconds=0)
    _, frames = film(parts, plan(request), request, GUIDED)
    assert frames.shape == (1, 3, 96, 160)
