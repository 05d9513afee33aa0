"""The recipe for LTX-Video: noise and words -> latents, over diffusers' own modules.

The loop is ours, so that a step can be reported and cancelled, and every token may have its own noise level. Noise
levels follow diffusers' LTXConditionPipeline, to which the tests compare it. It knows tensors and tokens, nothing of
files.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
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
from engine.diffusion.hooks import sampling_hooks
from engine.diffusion.latents import ClipState, decode_single_latent, decode_span, wait_for_device
from engine.diffusion.schedule import new_scheduler, noise_levels
from engine.loading.loader import Modules
from engine.placement.vae_tiling import set_tiling
from engine.planning.plan import ClipPlan, DecodeSpan, Window, derive_seed
from engine.types import JobCancelled, Request


class LtxSampler:
    """The recipe of one clip (`engine.diffusion.family.Recipe`)."""

    def __init__(self, parts: Modules, cut: ClipState, request: Request, how: Sampling) -> None:
        self._parts = parts
        self._cut = cut
        self._negative = request.negative_prompt
        self._how = how
        self._tokens: WindowTokens | None = None
        self.latent_shape: tuple[int, ...] | None = latent_shape(parts, cut.plan, 1)

    def encode_prompts(self) -> None:
        """Encode the prompts."""
        plan, tiling = self._cut.plan, self._parts.placement.tiling
        pixels = plan.native.width * plan.native.height
        set_tiling(self._parts.vae, tiling, pixels, causal_decoder=plan.model.causal_decoder)
        self._prompts = encode_prompts(self._parts, self._cut.plan, self._negative, self._how)

    def prepare_window(self, window: Window) -> None:
        """Noise, with everything the window is given in it."""
        self._tokens = prepare_tokens(self._parts, self._cut, window)
        wait_for_device(self._parts)

    def denoise_window(self, window: Window, cancelled: Callable[[], bool]) -> Generator[int, None, None]:
        """What was prepared becomes the window's latents."""
        if (tokens := self._tokens) is None:
            raise ValueError("A window is prepared before it is denoised.")
        said = self._prompts.select_prompts(window.prompt_weights)
        yield from denoise_tokens(self._parts, self._cut.plan, self._how, said, tokens, window.seed, cancelled)
        store_latents(self._parts, self._cut, window, tokens)

    def decode_preview(self, window: Window, number: int) -> torch.Tensor | None:
        """The latent of the present guess, decoded alone."""
        if self._tokens is None:
            return None
        latent = predicted_latent(self._parts, self._cut.plan, window, self._tokens, number)
        return decode_single_latent(self._parts, self._cut.plan, window.gap, number, latent)

    def decode_span(self, shown: DecodeSpan) -> torch.Tensor:
        """The frames that are shown, decoded with the latents on either side of them."""
        return decode_span(self._parts, self._cut, shown)


@dataclass(frozen=True, slots=True)
class EncodedPrompts:
    """Encoded prompts [B, length, channels] and their mask. With guidance the first is what to avoid; the others
    count as `weights` says. `source` (embeds, mask) is what a film that is edited shows.
    """

    embeds: torch.Tensor
    mask: torch.Tensor
    weights: tuple[float, ...]
    source: tuple[torch.Tensor, torch.Tensor]

    @property
    def has_negative(self) -> bool:
        """Whether there is something to avoid."""
        return len(self.embeds) > len(self.weights)

    def select_prompts(self, weights: tuple[tuple[int, float], ...]) -> EncodedPrompts:
        """Only the prompts of these numbers, with these weights."""
        rows = [0] * self.has_negative + [number + self.has_negative for number, _ in weights]
        return EncodedPrompts(self.embeds[rows], self.mask[rows], tuple(weight for _, weight in weights), self.source)

    @property
    def source_prompt(self) -> EncodedPrompts:
        """What the film shows, alone and without guidance."""
        return EncodedPrompts(*self.source, (1.0,), self.source)


@torch.inference_mode()
def encode_prompts(parts: Modules, plan: ClipPlan, negative: str, how: Sampling) -> EncodedPrompts:
    """Encode the plan's prompts, and what to avoid when there is guidance; what is too long is cut off.

    Padding reaches only to the longest of them: masked tokens change nothing and cost time.
    """
    prompts = [plan.source_prompt, *([] if how.guidance_scale <= 1 else [negative]), *plan.prompts]
    limit = min(plan.model.max_prompt_tokens, parts.tokenizer.model_max_length)
    found = parts.tokenizer(prompts, padding=True, max_length=limit, truncation=True, return_tensors="pt")
    ids, mask = found.input_ids.to(parts.device), found.attention_mask.bool().to(parts.device)
    embeds = parts.text_encoder(ids, attention_mask=mask)[0]
    embeds = embeds.to(parts.dtype)
    return EncodedPrompts(embeds[1:], mask[1:], (1.0,) * len(plan.prompts), (embeds[:1], mask[:1]))


@torch.inference_mode()
def denoise_tokens(
    parts: Modules,
    plan: ClipPlan,
    how: Sampling,
    text: EncodedPrompts,
    tokens: WindowTokens,
    seed: int,
    cancelled: Callable[[], bool],
) -> Generator[int, None, None]:
    """Denoise `tokens` in place, yielding the number of each finished step; Cancelled between steps."""
    coordinates = tokens.coordinates / torch.tensor([plan.fps, 1.0, 1.0], device=parts.device)[:, None]
    way = _edit_source if tokens.source is not None else _denoise_from_noise
    steps = way(parts, plan, how, text, tokens, coordinates, seed)
    # An edit lives on small differences between passes, which a step cache would drown.
    with sampling_hooks(parts.transformer, how, cached=tokens.source is None):
        for step in range(1, how.steps + 1):
            if cancelled():
                raise JobCancelled
            next(steps)
            wait_for_device(parts)
            yield step


def _denoise_from_noise(
    parts: Modules,
    plan: ClipPlan,
    how: Sampling,
    text: EncodedPrompts,
    tokens: WindowTokens,
    coordinates: torch.Tensor,
    seed: int,
) -> Iterator[None]:
    """From noise to a clip; what is given at less than full strength joins in when the rest has come down to it."""
    schedule = new_scheduler(parts.scheduler, how, tokens.latents.shape[1] - tokens.keyframe_count, parts.device)
    start = tokens.latents
    # Where nothing is given, one noise level is that of all tokens, and costs the transformer one embedding.
    strength = tokens.strength if tokens.strength.any() else tokens.strength[:, :1]
    stirring = torch.Generator("cpu").manual_seed(derive_seed(seed, "stir"))
    for timestep in schedule.timesteps:
        if plan.model.condition_noise:
            _renoise_conditions(tokens, start, plan.model.condition_noise * (timestep / 1000) ** 2, stirring)
        times = torch.minimum(timestep, (1 - strength) * 1000)
        velocity = _predict_velocity(parts, how, text, tokens.latents, times, coordinates)
        tokens.prediction = tokens.latents - times[..., None] / 1000 * velocity
        moved = schedule.step(-velocity, timestep, tokens.latents, per_token_timesteps=times, return_dict=False)
        free = timestep / 1000 - 1e-6 < 1 - strength
        tokens.latents = torch.where(free[..., None], moved[0], tokens.latents)
        yield


def _edit_source(
    parts: Modules,
    _plan: ClipPlan,
    how: Sampling,
    text: EncodedPrompts,
    tokens: WindowTokens,
    coordinates: torch.Tensor,
    seed: int,
) -> Iterator[None]:
    """From a film to another straight away: at each noise level it moves by how differently the two prompts would
    clear it, so that what they agree on stays (FlowEdit, arXiv 2412.08629).
    """
    source = tokens.source
    if source is None:
        return
    generator = torch.Generator("cpu").manual_seed(seed)
    free = (tokens.strength < CONDITIONED)[..., None]
    levels = [*(noise_levels(how) * tokens.start_level).tolist(), 0.0]
    for level, below in pairwise(levels):
        noise = randn_tensor(source.shape, generator=generator, device=parts.device, dtype=source.dtype)
        noised = torch.lerp(source, noise, level)
        times = free[..., 0] * level * 1000
        theirs = _predict_velocity(
            parts, how, text.source_prompt, torch.where(free, noised, source), times, coordinates
        )
        ours = torch.where(free, tokens.latents + noised - source, tokens.latents)
        difference = _predict_velocity(parts, how, text, ours, times, coordinates) - theirs
        tokens.latents = torch.where(free, tokens.latents + (below - level) * difference, tokens.latents)
        yield


def _predict_velocity(
    parts: Modules,
    how: Sampling,
    text: EncodedPrompts,
    latents: torch.Tensor,
    times: torch.Tensor,
    coordinates: torch.Tensor,
) -> torch.Tensor:
    batch = len(text.embeds)
    predicted: torch.Tensor = parts.transformer(
        hidden_states=latents.to(parts.dtype).expand(batch, -1, -1),
        encoder_hidden_states=text.embeds,
        encoder_attention_mask=text.mask,
        timestep=times.expand(batch, -1),
        video_coords=coordinates.expand(batch, -1, -1),
        return_dict=False,
    )[0].float()
    counted = torch.tensor(text.weights, device=parts.device)[:, None, None]
    towards = (
        (counted * predicted[text.has_negative :]).sum(0, keepdim=True) if len(text.weights) > 1 else predicted[-1:]
    )
    if not text.has_negative:
        return towards
    without = predicted[:1]
    return without + how.guidance_scale * (towards - without)


def _renoise_conditions(
    tokens: WindowTokens, start: torch.Tensor, scale: torch.Tensor, generator: torch.Generator
) -> None:
    """Put a little noise on what is given, fading as the rest clears: without it a picture tends to stand still."""
    given = tokens.strength > CONDITIONED
    noise = randn_tensor(start.shape, generator=generator, device=start.device, dtype=start.dtype)
    tokens.latents = torch.where(given[..., None], start + scale * noise, tokens.latents)
