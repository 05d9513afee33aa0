"""What the transformer sees of one window: noise, and everything it is given, as tokens with places in time and space.

Positions follow diffusers' LTXConditionPipeline, to which the tests compare it. A picture is a token that starts
clean, a carried latent likewise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import torch
from diffusers.utils.torch_utils import randn_tensor

from engine.catalog.model import ModelEntry
from engine.diffusion.latents import (
    ClipState,
    LatentSequence,
    decode_span,
    encode_frames,
    native_frames,
    native_image,
    wait_for_device,
)
from engine.loading.loader import Modules
from engine.planning.plan import ClipPlan, DecodeSpan, FrameRef, GuideLatents, Window
from engine.types import ImageCondition

CONDITIONED: Final = 1.0 - 1e-6
"""A token of a higher strength is given, not denoised."""


@dataclass(slots=True)
class WindowTokens:
    """What the transformer sees of one window, one token per latent pixel.

    `latents` [1, S, C] in float32; `strength` [1, S], how far each token is given (1) or free (0);
    `coordinates` [1, 3, S], its frame and upper left pixel. The first `extra` tokens are pictures that sit
    beside the window's own grid and are dropped at the end. `guess` [1, S, C] is what they would be if the present step
    were the last, once there was one. `source` [1, S, C] is the film that is edited, and
    `begins` the noise level down from which it changes.
    """

    latents: torch.Tensor
    strength: torch.Tensor
    coordinates: torch.Tensor
    keyframe_count: int = 0
    prediction: torch.Tensor | None = None
    source: torch.Tensor | None = None
    start_level: float = 1.0


@torch.inference_mode()
def prepare_tokens(parts: Modules, cut: ClipState, window: Window) -> WindowTokens:
    """Noise for one window, with everything it is given written into it; films beside its gap go into the strip."""
    shape = latent_shape(parts, cut.plan, window.latents)
    generator = torch.Generator("cpu").manual_seed(window.seed)
    grid = randn_tensor(shape, generator=generator, device=parts.device, dtype=torch.float32)
    given = torch.zeros(window.latents, device=parts.device)
    _write_neighbours(parts, cut, window, grid, given)
    for guide in window.guides:
        _blend_guide(parts, cut, guide, grid, given)
    _store_source_latents(cut.latents[window.gap], window, grid)
    beside = []
    for placed in window.keyframes:
        latents, strength = (
            encode_frames(parts, native_image(parts, cut, placed.image)),
            _condition_strength(placed.image),
        )
        if placed.frame == 0:
            grid[:, :, :1] = torch.lerp(grid[:, :, :1], latents, strength)
            given[0] = strength
        else:
            beside.append(_keyframe_tokens(parts, cut.plan.model, placed.frame, latents, strength, generator))
    own = WindowTokens(
        _pack_tokens(grid),
        given.repeat_interleave(shape[3] * shape[4])[None],
        _token_coordinates(parts, cut.plan.model, *shape[2:]),
    )
    return _start_from_source(parts, cut, window.edited, own) if window.edited else _join_tokens([*beside, own])


def preparing_units(plan: ClipPlan, window: Window) -> float:
    """What it costs to prepare a window: the latents that are encoded for it, times their area."""
    guides = [*window.guides, *([window.edited] if window.edited else [])]
    latents = (window.lead_source == "latents") + len(window.keyframes) + sum(len(guide.strengths) for guide in guides)
    return latents * plan.native.width * plan.native.height


@torch.inference_mode()
def store_latents(parts: Modules, cut: ClipState, window: Window, tokens: WindowTokens) -> None:
    """Put a denoised window's new latents into their strip."""
    shape = latent_shape(parts, cut.plan, window.latents)
    grid = tokens.latents[:, tokens.keyframe_count :].transpose(1, 2).reshape(shape)
    for latent in range(window.first, window.end):
        at = latent - window.origin
        cut.latents[window.gap][latent] = grid[:, :, at : at + 1].clone()
    wait_for_device(parts)


def predicted_latent(parts: Modules, plan: ClipPlan, window: Window, tokens: WindowTokens, latent: int) -> torch.Tensor:
    """What a latent of the strip, one of the window's new, looks like so far: [1, C, 1, h, w]."""
    guess = tokens.latents if tokens.prediction is None else tokens.prediction
    grid = guess[:, tokens.keyframe_count :].transpose(1, 2).reshape(latent_shape(parts, plan, window.latents))
    return grid[:, :, latent - window.origin][:, :, None]


def latent_shape(parts: Modules, plan: ClipPlan, latents: int) -> tuple[int, int, int, int, int]:
    """So many latents as one tensor [1, C, F, h, w]."""
    width, height = (side // parts.spatial_compression for side in plan.native)
    return (1, int(parts.transformer.config.in_channels), latents, height, width)


def _write_neighbours(parts: Modules, cut: ClipState, window: Window, grid: torch.Tensor, given: torch.Tensor) -> None:
    """Write into the window what its own strip already has in front of it and behind it."""
    strip = cut.latents[window.gap]
    if window.lead_source == "latents":
        grid[:, :, :1] = _encode_anchor(parts, cut, window)
        given[: window.lead] = 1.0
        for latent in range(window.origin + 1, window.first):
            grid[:, :, latent - window.origin] = strip[latent][:, :, 0]
    if window.trail_source == "latents":
        given[window.lead + window.new :] = 1.0
        for latent in range(window.end, window.end + window.trail):
            grid[:, :, latent - window.origin] = strip[latent][:, :, 0]


def _encode_anchor(parts: Modules, cut: ClipState, window: Window) -> torch.Tensor:
    """The frame before what a window carries, as a latent 0. It is decoded for this alone, so that no window has to
    wait until the one before is shown.
    """
    frame = cut.plan.gaps[window.gap].origin + parts.temporal_compression * window.origin
    around = DecodeSpan(window.gap, frame, frame, max(0, window.origin - 1), min(window.origin + 2, window.first))
    return encode_frames(parts, decode_span(parts, cut, around).transpose(0, 1)[None] * 2 - 1)


def _blend_guide(parts: Modules, cut: ClipState, guide: GuideLatents, grid: torch.Tensor, given: torch.Tensor) -> None:
    """Write frames of a film into the window, under as much noise as their strengths leave."""
    strengths = torch.tensor(guide.strengths, device=parts.device)
    where = slice(guide.at, guide.at + len(guide.strengths))
    grid[:, :, where] = torch.lerp(grid[:, :, where], _encode_guide(parts, cut, guide), strengths.view(1, 1, -1, 1, 1))
    given[where] = strengths


def _encode_guide(parts: Modules, cut: ClipState, guide: GuideLatents) -> torch.Tensor:
    """A guide's frames as its latents [1, C, F, h, w]."""
    ahead = int(guide.at > 0)
    first = guide.start - ahead
    last = first + parts.temporal_compression * (len(guide.strengths) - 1 + ahead)
    return encode_frames(parts, native_frames(parts, cut, guide.video, first, last))[:, :, ahead:]


def _store_source_latents(strip: LatentSequence, window: Window, grid: torch.Tensor) -> None:
    """Films beside a gap belong to its strip: the decoder looks at them."""
    own = [*range(window.lead if window.lead_source == "video" else 0)]
    if window.trail_source in {"video", "beginning"}:
        own += range(window.lead + window.new, window.latents)
    for at in own:
        strip[window.origin + at] = grid[:, :, at : at + 1].clone()


def _start_from_source(parts: Modules, cut: ClipState, edited: GuideLatents, tokens: WindowTokens) -> WindowTokens:
    """A window that starts as the film it changes, except where it is given what was changed already."""
    source = _pack_tokens(_encode_guide(parts, cut, edited))
    given = tokens.strength > CONDITIONED
    latents = torch.where(given[..., None], tokens.latents, source)
    return replace(tokens, latents=latents, source=source, start_level=1 - edited.strengths[0])


def _condition_strength(shown: ImageCondition | FrameRef) -> float:
    return shown.strength if isinstance(shown, ImageCondition) else 1.0


def _keyframe_tokens(
    parts: Modules, model: ModelEntry, frame: int, latents: torch.Tensor, strength: float, generator: torch.Generator
) -> WindowTokens:
    """A picture within the window, as tokens that share its place in time with the grid's own."""
    noise = randn_tensor(latents.shape, generator=generator, device=parts.device, dtype=torch.float32)
    packed = _pack_tokens(torch.lerp(noise, latents, strength))
    coordinates = _token_coordinates(parts, model, 1, *latents.shape[3:])
    coordinates[:, 0] += frame
    strengths = torch.full(packed.shape[:2], strength, device=parts.device)
    return WindowTokens(packed, strengths, coordinates, keyframe_count=packed.shape[1])


def _join_tokens(all_tokens: list[WindowTokens]) -> WindowTokens:
    return WindowTokens(
        latents=torch.cat([each.latents for each in all_tokens], dim=1),
        strength=torch.cat([each.strength for each in all_tokens], dim=1),
        coordinates=torch.cat([each.coordinates for each in all_tokens], dim=2),
        keyframe_count=sum(each.keyframe_count for each in all_tokens),
    )


def _token_coordinates(parts: Modules, model: ModelEntry, latents: int, height: int, width: int) -> torch.Tensor:
    """Where each token is, [1, 3, S]: the first frame it stands for, and its upper left pixel."""
    ranges = [
        torch.arange(count, dtype=torch.float32, device=parts.device) * scale
        for count, scale in (
            (latents, parts.temporal_compression),
            (height, parts.spatial_compression),
            (width, parts.spatial_compression),
        )
    ]
    coordinates = torch.stack(torch.meshgrid(*ranges, indexing="ij")).flatten(1)
    if model.causal_time:
        coordinates[0] = (coordinates[0] + 1 - parts.temporal_compression).clamp(min=0)
    return coordinates[None]


def _pack_tokens(grid: torch.Tensor) -> torch.Tensor:
    """[1, C, F, h, w] -> one token per latent pixel [1, S, C]."""
    return grid.flatten(2).transpose(1, 2)
