"""The recipe for LTX-Video: text, noise and pictures -> latents -> frames, over diffusers' own modules.

The loop is ours, so that a step can be reported and cancelled, and every latent frame may have its own noise
level: a picture is a token that starts clean, a carried latent likewise. Noise levels and positions follow
diffusers' LTXConditionPipeline, to which the tests compare it. It knows tensors and windows, nothing of
files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from diffusers.utils.torch_utils import randn_tensor

from engine.catalog import Model, Sampling
from engine.frames import picture
from engine.loader import Parts, tile, wear
from engine.schedule import scheduler
from engine.timeline import Plan, Segment, derived, last_frame
from engine.types import Cancelled, Condition, Request

_GIVEN: Final = 1.0 - 1e-6
"""A token of a higher strength is given, not denoised."""


@dataclass(frozen=True, slots=True)
class Text:
    """Encoded prompts [B, length, channels] and their mask; with guidance B is 2: first what to avoid."""

    embeds: torch.Tensor
    mask: torch.Tensor


@dataclass(slots=True)
class Tokens:
    """What the transformer sees of one window, one token per latent pixel.

    `latents` [1, S, C] in float32; `strength` [1, S], how far each token is given (1) or free (0);
    `coordinates` [1, 3, S], its frame and upper left pixel. The first `extra` tokens are pictures that sit
    beside the window's own grid and are dropped at the end.
    """

    latents: torch.Tensor
    strength: torch.Tensor
    coordinates: torch.Tensor
    extra: int = 0


@dataclass(slots=True)
class Reel:
    """The clip so far: all its latents [1, C, F, h, w], and the last frame of some recent ones, for anchors."""

    latents: torch.Tensor
    frames: dict[int, torch.Tensor] = field(default_factory=dict)


def reel(parts: Parts, plan: Plan) -> Reel:
    """An empty reel."""
    return Reel(torch.zeros(_grid_shape(parts, plan, 0), device=parts.device))


@torch.inference_mode()
def encode_text(parts: Parts, request: Request, how: Sampling, longest: int) -> Text:
    """Encode the prompt, and what to avoid when there is guidance; what is beyond `longest` tokens is cut
    off.

    Padding reaches only to the longer of the two: masked tokens change nothing and cost time.
    """
    prompts = [request.prompt] if how.guidance_scale <= 1 else [request.negative_prompt, request.prompt]
    limit = min(longest, parts.tokenizer.model_max_length)
    found = parts.tokenizer(prompts, padding=True, max_length=limit, truncation=True, return_tensors="pt")
    ids, mask = found.input_ids.to(parts.device), found.attention_mask.bool().to(parts.device)
    embeds = parts.text_encoder(ids, attention_mask=mask)[0]
    return Text(embeds.to(parts.dtype), mask)


@torch.inference_mode()
def prepare(parts: Parts, plan: Plan, segment: Segment, so_far: Reel) -> Tokens:
    """Noise for one window, with the anchor, the carried latents and the pictures written into it."""
    shape = _grid_shape(parts, plan, segment.latents)
    generator = torch.Generator("cpu").manual_seed(segment.seed)
    grid = randn_tensor(shape, generator=generator, device=parts.device, dtype=torch.float32)
    given = torch.zeros(segment.latents, device=parts.device)
    _carry(parts, segment, so_far, grid, given)
    beside = []
    for placed in segment.conditions:
        latents = _encode(parts, picture(placed.condition, plan.native, plan.size))
        if placed.frame == 0:
            grid[:, :, :1] = torch.lerp(grid[:, :, :1], latents, placed.condition.strength)
            given[0] = placed.condition.strength
        else:
            beside.append(_beside(parts, plan.model, placed.frame, latents, placed.condition, generator))
    own = Tokens(
        _pack(grid),
        given.repeat_interleave(shape[3] * shape[4])[None],
        _coordinates(parts, plan.model, *shape[2:]),
    )
    return _joined([*beside, own])


@torch.inference_mode()
def denoise(
    parts: Parts, plan: Plan, how: Sampling, text: Text, tokens: Tokens, seed: int, cancelled: Callable[[], bool]
) -> Iterator[int]:
    """Denoise `tokens` in place, yielding the number of each finished step; Cancelled between steps."""
    wear(parts, how.adapter)
    schedule = scheduler(parts.scheduler, how, tokens.latents.shape[1] - tokens.extra, parts.device)
    start = tokens.latents
    coordinates = tokens.coordinates / torch.tensor([plan.fps, 1.0, 1.0], device=parts.device)[:, None]
    stirring = torch.Generator("cpu").manual_seed(derived(seed, "stir"))
    for step, timestep in enumerate(schedule.timesteps, start=1):
        if cancelled():
            raise Cancelled
        if plan.model.condition_noise:
            _stir(tokens, start, plan.model.condition_noise * (timestep / 1000) ** 2, stirring)
        times = torch.minimum(timestep, (1 - tokens.strength) * 1000)
        velocity = _velocity(parts, how, text, tokens.latents, times, coordinates)
        moved = schedule.step(-velocity, timestep, tokens.latents, per_token_timesteps=times, return_dict=False)
        free = timestep / 1000 - 1e-6 < 1 - tokens.strength
        tokens.latents = torch.where(free[..., None], moved[0], tokens.latents)
        _settle(parts)
        yield step


@torch.inference_mode()
def keep(parts: Parts, plan: Plan, segment: Segment, tokens: Tokens, so_far: Reel) -> None:
    """Append a denoised window's new latents to the reel."""
    shape = _grid_shape(parts, plan, segment.latents)
    grid = tokens.latents[:, tokens.extra :].transpose(1, 2).reshape(shape)
    so_far.latents = torch.cat([so_far.latents, grid[:, :, segment.latents - segment.new :]], dim=2)


@torch.inference_mode()
def decode(parts: Parts, plan: Plan, segment: Segment, seed: int, so_far: Reel) -> torch.Tensor:
    """The frames this window adds to the file, at native size: [F, 3, h, w] floats around 0..1.

    When there is no room for whole frames it tries once more in tiles.
    """
    mean, std = _statistics(parts)
    latents = so_far.latents[:, :, segment.decode_from : segment.end]
    latents = (latents * std / parts.vae.config.scaling_factor + mean).to(parts.dtype)
    latents, level = _renoised(parts, plan.model, latents, seed, segment.decode_from)
    tile(parts, *plan.native)
    try:
        video = parts.vae.decode(latents, level, return_dict=False)[0]
    except torch.OutOfMemoryError:
        tile(parts, *plan.native, force=True)
        video = parts.vae.decode(latents, level, return_dict=False)[0]
    skip = segment.frames_before - last_frame(parts.temporal, segment.decode_from)
    shown = video[0, :, skip : skip + segment.frames_after - segment.frames_before]
    frames: torch.Tensor = shown.transpose(0, 1).float() / 2 + 0.5
    _remember(parts, segment, frames, so_far)
    _settle(parts)
    return frames


def _settle(parts: Parts) -> None:
    """Wait for the GPU: work is only queued there, so progress would run ahead of it and a cancel come late."""
    if parts.device.type == "cuda":
        torch.cuda.synchronize(parts.device)


def _grid_shape(parts: Parts, plan: Plan, latents: int) -> tuple[int, int, int, int, int]:
    width, height = (side // parts.spatial for side in plan.native)
    return (1, int(parts.transformer.config.in_channels), latents, height, width)


def _velocity(
    parts: Parts, how: Sampling, text: Text, latents: torch.Tensor, times: torch.Tensor, coordinates: torch.Tensor
) -> torch.Tensor:
    batch = text.embeds.shape[0]
    predicted: torch.Tensor = parts.transformer(
        hidden_states=latents.to(parts.dtype).expand(batch, -1, -1),
        encoder_hidden_states=text.embeds,
        encoder_attention_mask=text.mask,
        timestep=times.expand(batch, -1),
        video_coords=coordinates.expand(batch, -1, -1),
        return_dict=False,
    )[0].float()
    if batch == 1:
        return predicted
    without, towards = predicted.chunk(2)
    return without + how.guidance_scale * (towards - without)


def _stir(tokens: Tokens, start: torch.Tensor, scale: torch.Tensor, generator: torch.Generator) -> None:
    """Put a little noise on what is given, fading as the rest clears: without it a picture tends to stand still."""
    given = tokens.strength > _GIVEN
    noise = randn_tensor(start.shape, generator=generator, device=start.device, dtype=start.dtype)
    tokens.latents = torch.where(given[..., None], start + scale * noise, tokens.latents)


def _carry(parts: Parts, segment: Segment, so_far: Reel, grid: torch.Tensor, given: torch.Tensor) -> None:
    if not segment.anchored:
        return
    grid[:, :, :1] = _encode(parts, so_far.frames[segment.origin][None, :, None] * 2 - 1)
    carried = so_far.latents[:, :, segment.first - segment.carried : segment.first]
    grid[:, :, 1 : 1 + segment.carried] = carried
    given[: 1 + segment.carried] = 1.0


def _beside(
    parts: Parts, model: Model, frame: int, latents: torch.Tensor, condition: Condition, generator: torch.Generator
) -> Tokens:
    """A picture within the window, as tokens that share its place in time with the grid's own."""
    noise = randn_tensor(latents.shape, generator=generator, device=parts.device, dtype=torch.float32)
    packed = _pack(torch.lerp(noise, latents, condition.strength))
    coordinates = _coordinates(parts, model, 1, *latents.shape[3:])
    coordinates[:, 0] += frame
    strength = torch.full(packed.shape[:2], condition.strength, device=parts.device)
    return Tokens(packed, strength, coordinates, extra=packed.shape[1])


def _joined(all_tokens: list[Tokens]) -> Tokens:
    return Tokens(
        latents=torch.cat([each.latents for each in all_tokens], dim=1),
        strength=torch.cat([each.strength for each in all_tokens], dim=1),
        coordinates=torch.cat([each.coordinates for each in all_tokens], dim=2),
        extra=sum(each.extra for each in all_tokens),
    )


def _encode(parts: Parts, pixels: torch.Tensor) -> torch.Tensor:
    """Pixels [1, 3, 1, h, w] in -1..1 -> normalised latents in float32: the likeliest ones, always the same."""
    latents: torch.Tensor = parts.vae.encode(pixels.to(parts.device, parts.dtype)).latent_dist.mode().float()
    mean, std = _statistics(parts)
    normalised: torch.Tensor = (latents - mean) * parts.vae.config.scaling_factor / std
    return normalised


def _statistics(parts: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of each latent channel."""

    def broad(values: Any) -> torch.Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=parts.device).view(1, -1, 1, 1, 1)

    return broad(parts.vae.latents_mean), broad(parts.vae.latents_std)


def _renoised(
    parts: Parts, model: Model, latents: torch.Tensor, seed: int, first: int
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Decoders since 0.9.1 take the last denoising step themselves: they want a little noise, and its level.

    A latent's noise depends on its place in the clip alone, since it is decoded twice where windows meet.
    """
    if not parts.vae.config.timestep_conditioning:
        return latents, None
    noise = [
        randn_tensor(
            latents[:, :, :1].shape,
            generator=torch.Generator("cpu").manual_seed(derived(seed, f"decode {first + index}")),
            device=parts.device,
            dtype=latents.dtype,
        )
        for index in range(latents.shape[2])
    ]
    level = torch.tensor([model.decode_timestep], device=parts.device, dtype=latents.dtype)
    return torch.lerp(latents, torch.cat(noise, dim=2), model.decode_noise), level


def _remember(parts: Parts, segment: Segment, frames: torch.Tensor, so_far: Reel) -> None:
    """Keep the last frame of each latent that may yet be an anchor: those behind are past that."""
    for index in range(segment.frames_before, segment.frames_after):
        if index % parts.temporal == 0:
            so_far.frames[index // parts.temporal] = frames[index - segment.frames_before].clone()
    for latent in [each for each in so_far.frames if each < segment.oldest_anchor]:
        del so_far.frames[latent]


def _coordinates(parts: Parts, model: Model, latents: int, height: int, width: int) -> torch.Tensor:
    """Where each token is, [1, 3, S]: the first frame it stands for, and its upper left pixel."""
    ranges = [
        torch.arange(count, dtype=torch.float32, device=parts.device) * scale
        for count, scale in ((latents, parts.temporal), (height, parts.spatial), (width, parts.spatial))
    ]
    coordinates = torch.stack(torch.meshgrid(*ranges, indexing="ij")).flatten(1)
    if model.causal_time:
        coordinates[0] = (coordinates[0] + 1 - parts.temporal).clamp(min=0)
    return coordinates[None]


def _pack(grid: torch.Tensor) -> torch.Tensor:
    """[1, C, F, h, w] -> one token per latent pixel [1, S, C]."""
    return grid.flatten(2).transpose(1, 2)
