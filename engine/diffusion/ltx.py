"""The sampler of LTX-Video: noise and prompts to latents, with diffusers' modules.

The denoising loop is ours, so that each step can be reported and cancelled, and every token may have its own noise
level. Noise levels follow diffusers' LTXConditionPipeline, to which the tests compare it. It knows tensors and tokens,
nothing of files.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from diffusers.pipelines.ltx.pipeline_ltx_condition import rescale_noise_cfg
from diffusers.utils.torch_utils import randn_tensor

from engine.catalog.model import Sampling
from engine.diffusion.conditioning import (
    CONDITIONED,
    WindowTokens,
    latent_shape,
    predicted_latent,
    prepare_tokens,
    store_latents,
)
from engine.diffusion.latents import ClipState, decode_single_latent, decode_span, wait_for_device
from engine.diffusion.schedule import new_scheduler, noise_levels
from engine.diffusion.step_cache import step_cache
from engine.loading.loader import Modules
from engine.placement.lora import activate_loras
from engine.placement.vae_tiling import set_tiling
from engine.planning.plan import ClipPlan, DecodeSpan, Window, derive_seed
from engine.types import JobCancelled, Request


class LtxSampler:
    """Samples one clip window by window (see `engine.diffusion.family.ClipSampler`)."""

    def __init__(self, modules: Modules, clip: ClipState, request: Request, sampling: Sampling) -> None:
        self._modules = modules
        self._clip = clip
        self._negative = request.negative_prompt or clip.plan.model.negative_prompt
        self._sampling = sampling
        self._tokens: WindowTokens | None = None
        self.latent_shape: tuple[int, ...] | None = latent_shape(modules, clip.plan, 1)

    def encode_prompts(self) -> None:
        """Encode all prompts of the clip."""
        plan, tiling = self._clip.plan, self._modules.placement.tiling
        pixels = plan.native.width * plan.native.height
        set_tiling(self._modules.vae, tiling, pixels, causal_decoder=plan.model.causal_decoder)
        self._prompts = encode_prompts(self._modules, self._clip.plan, self._negative, self._sampling)

    def prepare_window(self, window: Window) -> None:
        """Build the window's tokens: noise with its conditions."""
        self._tokens = prepare_tokens(self._modules, self._clip, window)
        wait_for_device(self._modules)

    def denoise_window(self, window: Window, cancelled: Callable[[], bool]) -> Generator[int, None, None]:
        """Denoise the prepared tokens, yielding the number of each finished step, and store the new latents."""
        if (tokens := self._tokens) is None:
            raise ValueError("A window is prepared before it is denoised.")
        prompts = self._prompts.select_prompts(window.prompt_weights)
        yield from denoise_tokens(
            self._modules, self._clip.plan, self._sampling, prompts, tokens, window.seed, cancelled
        )
        store_latents(self._modules, self._clip, window, tokens)

    def decode_preview(self, window: Window, number: int) -> torch.Tensor | None:
        """The predicted latent `number`, decoded alone: one native frame [1, 3, h, w]."""
        if self._tokens is None:
            return None
        latent = predicted_latent(self._modules, self._clip.plan, window, self._tokens, number)
        return decode_single_latent(self._modules, self._clip.plan, window.gap, number, latent)

    def decode_span(self, span: DecodeSpan) -> torch.Tensor:
        """The frames of `span`, decoded with the latents on either side of them."""
        return decode_span(self._modules, self._clip, span)


@dataclass(frozen=True, slots=True)
class EncodedPrompts:
    """Encoded prompts: `embeds` [B, length, channels] and `mask` [B, length]. With guidance the first is the negative
    prompt; the others count by `weights`. `source` (embeds, mask) is the prompt of a video that is edited.
    """

    embeds: torch.Tensor
    mask: torch.Tensor
    weights: tuple[float, ...]
    source: tuple[torch.Tensor, torch.Tensor]

    @property
    def has_negative(self) -> bool:
        """Whether the first prompt is a negative one."""
        return len(self.embeds) > len(self.weights)

    def select_prompts(self, weights: tuple[tuple[int, float], ...]) -> EncodedPrompts:
        """Only the prompts of these (number, weight) pairs, and the negative one."""
        rows = [0] * self.has_negative + [number + self.has_negative for number, _ in weights]
        return EncodedPrompts(self.embeds[rows], self.mask[rows], tuple(weight for _, weight in weights), self.source)

    @property
    def source_prompt(self) -> EncodedPrompts:
        """The source video's prompt alone, without guidance."""
        return EncodedPrompts(*self.source, (1.0,), self.source)


@torch.inference_mode()
def encode_prompts(modules: Modules, plan: ClipPlan, negative: str, sampling: Sampling) -> EncodedPrompts:
    """Encode the plan's prompts, and the negative one under guidance; prompts are truncated to the model's limit.

    They are padded to the longest of them only: masked tokens change nothing and cost time.
    """
    prompts = [plan.source_prompt, *([] if sampling.guidance_scale <= 1 else [negative]), *plan.prompts]
    # Not the tokenizer's own limit: the folders on the hub say 128 where the model was trained with 256.
    limit = plan.model.max_prompt_tokens
    encoded = modules.tokenizer(prompts, padding=True, max_length=limit, truncation=True, return_tensors="pt")
    ids, mask = encoded.input_ids.to(modules.device), encoded.attention_mask.bool().to(modules.device)
    embeds = modules.text_encoder(ids, attention_mask=mask)[0]
    embeds = embeds.to(modules.dtype)
    return EncodedPrompts(embeds[1:], mask[1:], (1.0,) * len(plan.prompts), (embeds[:1], mask[:1]))


@torch.inference_mode()
def denoise_tokens(
    modules: Modules,
    plan: ClipPlan,
    sampling: Sampling,
    prompts: EncodedPrompts,
    tokens: WindowTokens,
    seed: int,
    cancelled: Callable[[], bool],
) -> Generator[int, None, None]:
    """Denoise `tokens` in place, yielding the number of each finished step. Raises JobCancelled between steps."""
    coordinates = tokens.coordinates / torch.tensor([plan.fps, 1.0, 1.0], device=modules.device)[:, None]
    method = _edit_source if tokens.source is not None else _denoise_from_noise
    steps = method(modules, plan, sampling, prompts, tokens, coordinates, seed)
    activate_loras(modules.transformer, sampling.lora_weights)
    # An edit depends on small differences between forward calls, which a step cache would hide.
    with step_cache(sampling.cache if tokens.source is None else 0.0, modules.transformer):
        for step in range(1, sampling.steps + 1):
            if cancelled():
                raise JobCancelled
            next(steps)
            wait_for_device(modules)
            yield step


def _denoise_from_noise(
    modules: Modules,
    plan: ClipPlan,
    sampling: Sampling,
    prompts: EncodedPrompts,
    tokens: WindowTokens,
    coordinates: torch.Tensor,
    seed: int,
) -> Iterator[None]:
    """Denoise from pure noise; a condition of less than full strength joins at the noise level it holds."""
    free_tokens = tokens.latents.shape[1] - tokens.keyframe_count
    pixels = plan.native.width * plan.native.height
    schedule = new_scheduler(modules.scheduler, plan.model, sampling, free_tokens, pixels, modules.device)
    start = tokens.latents
    # Without conditions one noise level serves all tokens, and costs the transformer one embedding.
    strength = tokens.strength if tokens.strength.any() else tokens.strength[:, :1]
    generator = torch.Generator("cpu").manual_seed(derive_seed(seed, "stir"))
    for timestep in schedule.timesteps:
        if plan.model.condition_noise:
            _renoise_conditions(tokens, start, plan.model.condition_noise * (timestep / 1000) ** 2, generator)
        timesteps = torch.minimum(timestep, (1 - strength) * 1000)
        velocity = _predict_velocity(modules, sampling, prompts, tokens.latents, timesteps, coordinates)
        tokens.prediction = tokens.latents - timesteps[..., None] / 1000 * velocity
        stepped = schedule.step(-velocity, timestep, tokens.latents, per_token_timesteps=timesteps, return_dict=False)
        free = timestep / 1000 - 1e-6 < 1 - strength
        tokens.latents = torch.where(free[..., None], stepped[0], tokens.latents)
        yield


def _edit_source(
    modules: Modules,
    _plan: ClipPlan,
    sampling: Sampling,
    prompts: EncodedPrompts,
    tokens: WindowTokens,
    coordinates: torch.Tensor,
    seed: int,
) -> Iterator[None]:
    """Edit a video without inverting it: at each noise level the latents move by the difference of the velocities under
    the two prompts, so that what the prompts share stays (FlowEdit, arXiv 2412.08629).
    """
    source = tokens.source
    if source is None:
        return
    generator = torch.Generator("cpu").manual_seed(seed)
    free = (tokens.strength < CONDITIONED)[..., None]
    levels = [*(noise_levels(sampling) * tokens.start_level).tolist(), 0.0]
    for level, below in pairwise(levels):
        noise = randn_tensor(source.shape, generator=generator, device=modules.device, dtype=source.dtype)
        noised = torch.lerp(source, noise, level)
        timesteps = free[..., 0] * level * 1000
        source_velocity = _predict_velocity(
            modules, sampling, prompts.source_prompt, torch.where(free, noised, source), timesteps, coordinates
        )
        edited = torch.where(free, tokens.latents + noised - source, tokens.latents)
        difference = _predict_velocity(modules, sampling, prompts, edited, timesteps, coordinates) - source_velocity
        tokens.latents = torch.where(free, tokens.latents + (below - level) * difference, tokens.latents)
        yield


def _predict_velocity(
    modules: Modules,
    sampling: Sampling,
    prompts: EncodedPrompts,
    latents: torch.Tensor,
    timesteps: torch.Tensor,
    coordinates: torch.Tensor,
) -> torch.Tensor:
    """The transformer's velocity (noise minus clean) with classifier-free guidance, [1, S, C] in float32."""
    batch = len(prompts.embeds)
    predicted: torch.Tensor = modules.transformer(
        hidden_states=latents.to(modules.dtype).expand(batch, -1, -1),
        encoder_hidden_states=prompts.embeds,
        encoder_attention_mask=prompts.mask,
        timestep=timesteps.expand(batch, -1),
        video_coords=coordinates.expand(batch, -1, -1),
        return_dict=False,
    )[0].float()
    weights = torch.tensor(prompts.weights, device=modules.device)[:, None, None]
    conditional = (
        (weights * predicted[prompts.has_negative :]).sum(0, keepdim=True)
        if len(prompts.weights) > 1
        else predicted[-1:]
    )
    if not prompts.has_negative:
        return conditional
    unconditional = predicted[:1]
    guided = unconditional + sampling.guidance_scale * (conditional - unconditional)
    rescale = sampling.guidance_rescale
    return rescale_noise_cfg(guided, conditional, guidance_rescale=rescale) if rescale else guided


def _renoise_conditions(
    tokens: WindowTokens, start: torch.Tensor, scale: torch.Tensor, generator: torch.Generator
) -> None:
    """Add a little noise to the conditions, fading with the noise level: without it a clip tends to stand still."""
    conditioned = tokens.strength > CONDITIONED
    noise = randn_tensor(start.shape, generator=generator, device=start.device, dtype=start.dtype)
    tokens.latents = torch.where(conditioned[..., None], start + scale * noise, tokens.latents)
