"""Builds the tokens of one window: noise, and everything it is conditioned on, with coordinates in time and space.

Coordinates follow diffusers' LTXConditionPipeline, to which the tests compare them. Keyframes and latents carried over
from the previous window are tokens that start clean.
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
"""A token of a higher strength is not denoised."""


@dataclass(slots=True)
class WindowTokens:
    """The transformer's input for one window, one token per latent pixel.

    `latents` [1, S, C] in float32; `strength` [1, S], 1 for a token that is kept and 0 for one that is free;
    `coordinates` [1, 3, S], the token's frame and upper left pixel. The first `keyframe_count` tokens are keyframes
    beside the window's own grid, dropped at the end. `prediction` [1, S, C] are the clean latents predicted at the
    last step, None before the first. `source` [1, S, C] is the video being edited, and `start_level` the noise level
    (0..1) at which editing starts.
    """

    latents: torch.Tensor
    strength: torch.Tensor
    coordinates: torch.Tensor
    keyframe_count: int = 0
    prediction: torch.Tensor | None = None
    source: torch.Tensor | None = None
    start_level: float = 1.0


@torch.inference_mode()
def prepare_tokens(modules: Modules, clip: ClipState, window: Window) -> WindowTokens:
    """Tokens for one window: noise with its conditions written in. Latents of videos beside its gap are also stored in
    the gap's latent sequence.
    """
    shape = latent_shape(modules, clip.plan, window.latents)
    generator = torch.Generator("cpu").manual_seed(window.seed)
    grid = randn_tensor(shape, generator=generator, device=modules.device, dtype=torch.float32)
    strengths = torch.zeros(window.latents, device=modules.device)
    _write_neighbours(modules, clip, window, grid, strengths)
    for guide in window.guides:
        _blend_guide(modules, clip, guide, grid, strengths)
    _store_source_latents(clip.latents[window.gap], window, grid)
    keyframe_tokens = []
    for keyframe in window.keyframes:
        latents = encode_frames(modules, native_image(modules, clip, keyframe.image))
        strength = _condition_strength(keyframe.image)
        if keyframe.frame == 0:
            grid[:, :, :1] = torch.lerp(grid[:, :, :1], latents, strength)
            strengths[0] = strength
        else:
            keyframe_tokens.append(
                _keyframe_tokens(modules, clip.plan.model, keyframe.frame, latents, strength, generator)
            )
    window_tokens = WindowTokens(
        _pack_tokens(grid),
        strengths.repeat_interleave(shape[3] * shape[4])[None],
        _token_coordinates(modules, clip.plan.model, *shape[2:]),
    )
    if window.edited:
        return _start_from_source(modules, clip, window.edited, window_tokens)
    return _join_tokens([*keyframe_tokens, window_tokens])


def preparing_units(plan: ClipPlan, window: Window) -> float:
    """The cost of preparing a window: the number of latents encoded for it times the frame area in pixels."""
    guides = [*window.guides, *([window.edited] if window.edited else [])]
    latents = (window.lead_source == "latents") + len(window.keyframes) + sum(len(guide.strengths) for guide in guides)
    return latents * plan.native.width * plan.native.height


@torch.inference_mode()
def store_latents(modules: Modules, clip: ClipState, window: Window, tokens: WindowTokens) -> None:
    """Store a denoised window's new latents in the latent sequence of its gap."""
    shape = latent_shape(modules, clip.plan, window.latents)
    grid = tokens.latents[:, tokens.keyframe_count :].transpose(1, 2).reshape(shape)
    for latent in range(window.first, window.end):
        position = latent - window.origin
        clip.latents[window.gap][latent] = grid[:, :, position : position + 1].clone()
    wait_for_device(modules)


def predicted_latent(
    modules: Modules, plan: ClipPlan, window: Window, tokens: WindowTokens, latent: int
) -> torch.Tensor:
    """The present prediction of one of the window's new latents, [1, C, 1, h, w]; `latent` is its number in the gap."""
    predicted = tokens.latents if tokens.prediction is None else tokens.prediction
    grid = predicted[:, tokens.keyframe_count :].transpose(1, 2).reshape(latent_shape(modules, plan, window.latents))
    return grid[:, :, latent - window.origin][:, :, None]


def latent_shape(modules: Modules, plan: ClipPlan, latents: int) -> tuple[int, int, int, int, int]:
    """The shape [1, C, F, h, w] of `latents` latent frames at native size."""
    width, height = (side // modules.spatial_compression for side in plan.native)
    return (1, int(modules.transformer.config.in_channels), latents, height, width)


def _write_neighbours(
    modules: Modules, clip: ClipState, window: Window, grid: torch.Tensor, strengths: torch.Tensor
) -> None:
    """Write the latents of the gap that come before and after the window's new ones into the window."""
    sequence = clip.latents[window.gap]
    if window.lead_source == "latents":
        grid[:, :, :1] = _encode_anchor(modules, clip, window)
        strengths[: window.lead] = 1.0
        for latent in range(window.origin + 1, window.first):
            grid[:, :, latent - window.origin] = sequence[latent][:, :, 0]
    if window.trail_source == "latents":
        strengths[window.lead + window.new :] = 1.0
        for latent in range(window.end, window.end + window.trail):
            grid[:, :, latent - window.origin] = sequence[latent][:, :, 0]


def _encode_anchor(modules: Modules, clip: ClipState, window: Window) -> torch.Tensor:
    """The frame before the carried latents, encoded as a latent 0. It is decoded for this alone, so that a window does
    not wait for the postprocessing of the previous one.
    """
    frame = clip.plan.gaps[window.gap].origin + modules.temporal_compression * window.origin
    around = DecodeSpan(window.gap, frame, frame, max(0, window.origin - 1), min(window.origin + 2, window.first))
    return encode_frames(modules, decode_span(modules, clip, around).transpose(0, 1)[None] * 2 - 1)


def _blend_guide(
    modules: Modules, clip: ClipState, guide: GuideLatents, grid: torch.Tensor, strengths: torch.Tensor
) -> None:
    """Blend a guide's frames into the window's noise: strength 1 is clean, 0 leaves the noise."""
    guide_strengths = torch.tensor(guide.strengths, device=modules.device)
    positions = slice(guide.at, guide.at + len(guide.strengths))
    grid[:, :, positions] = torch.lerp(
        grid[:, :, positions], _encode_guide(modules, clip, guide), guide_strengths.view(1, 1, -1, 1, 1)
    )
    strengths[positions] = guide_strengths


def _encode_guide(modules: Modules, clip: ClipState, guide: GuideLatents) -> torch.Tensor:
    """A guide's latents [1, C, F, h, w]. Unless it starts the window, the frame before is encoded too and dropped."""
    extra = int(guide.at > 0)
    first = guide.start - extra
    last = first + modules.temporal_compression * (len(guide.strengths) - 1 + extra)
    return encode_frames(modules, native_frames(modules, clip, guide.video, first, last))[:, :, extra:]


def _store_source_latents(sequence: LatentSequence, window: Window, grid: torch.Tensor) -> None:
    """Store the latents of videos beside a gap in its sequence: the decoder needs them as neighbours."""
    positions = [*range(window.lead if window.lead_source == "video" else 0)]
    if window.trail_source in {"video", "beginning"}:
        positions += range(window.lead + window.new, window.latents)
    for position in positions:
        sequence[window.origin + position] = grid[:, :, position : position + 1].clone()


def _start_from_source(modules: Modules, clip: ClipState, edited: GuideLatents, tokens: WindowTokens) -> WindowTokens:
    """Tokens that start as the video they edit, except where the window carries latents that were edited already."""
    source = _pack_tokens(_encode_guide(modules, clip, edited))
    carried = tokens.strength > CONDITIONED
    latents = torch.where(carried[..., None], tokens.latents, source)
    return replace(tokens, latents=latents, source=source, start_level=1 - edited.strengths[0])


def _condition_strength(image: ImageCondition | FrameRef) -> float:
    return image.strength if isinstance(image, ImageCondition) else 1.0


def _keyframe_tokens(
    modules: Modules, model: ModelEntry, frame: int, latents: torch.Tensor, strength: float, generator: torch.Generator
) -> WindowTokens:
    """A keyframe within the window, as extra tokens with the time coordinates of the frame they replace."""
    noise = randn_tensor(latents.shape, generator=generator, device=modules.device, dtype=torch.float32)
    packed = _pack_tokens(torch.lerp(noise, latents, strength))
    coordinates = _token_coordinates(modules, model, 1, *latents.shape[3:])
    coordinates[:, 0] += frame
    strengths = torch.full(packed.shape[:2], strength, device=modules.device)
    return WindowTokens(packed, strengths, coordinates, keyframe_count=packed.shape[1])


def _join_tokens(all_tokens: list[WindowTokens]) -> WindowTokens:
    return WindowTokens(
        latents=torch.cat([tokens.latents for tokens in all_tokens], dim=1),
        strength=torch.cat([tokens.strength for tokens in all_tokens], dim=1),
        coordinates=torch.cat([tokens.coordinates for tokens in all_tokens], dim=2),
        keyframe_count=sum(tokens.keyframe_count for tokens in all_tokens),
    )


def _token_coordinates(modules: Modules, model: ModelEntry, latents: int, height: int, width: int) -> torch.Tensor:
    """Coordinates of each token, [1, 3, S]: its first frame, and the row and column of its upper left pixel."""
    ranges = [
        torch.arange(count, dtype=torch.float32, device=modules.device) * scale
        for count, scale in (
            (latents, modules.temporal_compression),
            (height, modules.spatial_compression),
            (width, modules.spatial_compression),
        )
    ]
    coordinates = torch.stack(torch.meshgrid(*ranges, indexing="ij")).flatten(1)
    if model.causal_time:
        coordinates[0] = (coordinates[0] + 1 - modules.temporal_compression).clamp(min=0)
    return coordinates[None]


def _pack_tokens(grid: torch.Tensor) -> torch.Tensor:
    """[1, C, F, h, w] -> one token per latent pixel [1, S, C]."""
    return grid.flatten(2).transpose(1, 2)
