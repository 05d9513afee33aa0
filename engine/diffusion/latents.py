"""Between pixels and latents: a clip in the making, what of it is shown, and the films it is made from.

It knows the autoencoder and plans; nothing of prompts, noise levels and files' formats.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
from diffusers.utils.torch_utils import randn_tensor

from engine.loading.loader import Modules
from engine.media.resize import image_to_native, video_to_native
from engine.media.video_reader import VideoReader
from engine.placement.vae_tiling import decode_or_tile
from engine.planning.plan import ClipPlan, DecodeSpan, FrameRef, derive_seed
from engine.types import ImageCondition

LatentSequence: TypeAlias = dict[int, torch.Tensor]
"""A gap's latents so far by their number, each [1, C, 1, h, w]."""


@dataclass(frozen=True, slots=True)
class ClipState:
    """One clip in the making: its plan, the latents of each gap, and the films it is made from."""

    plan: ClipPlan
    video_reader: VideoReader
    latents: tuple[LatentSequence, ...]

    @classmethod
    def empty(cls, plan: ClipPlan) -> ClipState:
        """Nothing made yet."""
        return cls(plan, VideoReader(plan.fps), tuple({} for _ in plan.gaps))


@torch.inference_mode()
def decode_span(parts: Modules, cut: ClipState, shown: DecodeSpan) -> torch.Tensor:
    """The frames of the clip that are shown, at native size: [F, 3, h, w] floats around 0..1.

    When there is no room for whole frames it tries once more in tiles.
    """
    strip = cut.latents[shown.gap]
    latents = torch.cat([strip[latent] for latent in range(shown.decode_from, shown.decode_to)], dim=2)
    skip = shown.first - cut.plan.gaps[shown.gap].origin - parts.temporal_compression * shown.decode_from
    return _decode_latents(parts, cut.plan, latents, shown)[skip : skip + shown.last - shown.first + 1]


@torch.inference_mode()
def decode_single_latent(parts: Modules, plan: ClipPlan, gap: int, number: int, latent: torch.Tensor) -> torch.Tensor:
    """What a latent of a strip [1, C, 1, h, w] looks like alone, as one native frame [1, 3, h, w]. Without neighbours
    it is but roughly a frame of its stretch, at an eighth of the cost.
    """
    return _decode_latents(parts, plan, latent, DecodeSpan(gap, 0, 0, number, number + 1))


def _decode_latents(parts: Modules, plan: ClipPlan, latents: torch.Tensor, shown: DecodeSpan) -> torch.Tensor:
    """All frames of these latents [F, 3, h, w]; `shown` says which of a strip they are."""
    mean, std = _channel_statistics(parts)
    latents = (latents * std / parts.vae.config.scaling_factor + mean).to(parts.dtype)
    latents, level = _add_decode_noise(parts, plan, latents, shown)
    video = decode_or_tile(
        parts.vae, parts.placement.tiling, lambda: parts.vae.decode(latents, level, return_dict=False)[0]
    )
    frames: torch.Tensor = video[0].transpose(0, 1).float() / 2 + 0.5
    wait_for_device(parts)
    return frames


def encode_frames(parts: Modules, pixels: torch.Tensor) -> torch.Tensor:
    """Pixels [1, 3, 1, h, w] in -1..1 -> normalised latents in float32: the likeliest ones, always the same."""
    latents: torch.Tensor = parts.vae.encode(pixels.to(parts.device, parts.dtype)).latent_dist.mode().float()
    mean, std = _channel_statistics(parts)
    normalised: torch.Tensor = (latents - mean) * parts.vae.config.scaling_factor / std
    return normalised


def native_frames(parts: Modules, cut: ClipState, film: Path | None, first: int, last: int) -> torch.Tensor:
    """Frames of a film, or of the clip's own beginning, as native frames [1, 3, F, h, w] in -1..1."""
    if film is not None:
        return video_to_native(cut.video_reader.read_frames(film, first, last), cut.plan.native, cut.plan.size)
    latest = -(-last // parts.temporal_compression)
    beginning = DecodeSpan(0, first, last, 0, min(latest + 2, 1 + max(cut.latents[0])))
    return decode_span(parts, cut, beginning).transpose(0, 1)[None] * 2 - 1


def native_image(parts: Modules, cut: ClipState, shown: ImageCondition | FrameRef) -> torch.Tensor:
    """A picture as a native frame [1, 3, 1, h, w] in -1..1."""
    if isinstance(shown, FrameRef):
        return native_frames(parts, cut, shown.video, shown.number, shown.number)
    return image_to_native(shown, cut.plan.native, cut.plan.size)


def _channel_statistics(parts: Modules) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of each latent channel."""
    like = torch.empty(0, device=parts.device, dtype=torch.float32)
    return per_channel(parts.vae.latents_mean, like), per_channel(parts.vae.latents_std, like)


def _add_decode_noise(
    parts: Modules, plan: ClipPlan, latents: torch.Tensor, shown: DecodeSpan
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Decoders since 0.9.1 take the last denoising step themselves: they want a little noise, and its level.

    A latent's noise depends on its place in the clip alone, since it is decoded twice where windows meet.
    """
    if not parts.vae.config.timestep_conditioning:
        return latents, None
    origin = plan.gaps[shown.gap].origin
    noise = [
        randn_tensor(
            latents[:, :, :1].shape,
            generator=torch.Generator("cpu").manual_seed(derive_seed(plan.seed, f"decode {origin} {latent}")),
            device=parts.device,
            dtype=latents.dtype,
        )
        for latent in range(shown.decode_from, shown.decode_to)
    ]
    level = torch.tensor([plan.model.decode_timestep], device=parts.device, dtype=latents.dtype)
    return torch.lerp(latents, torch.cat(noise, dim=2), plan.model.decode_noise), level


def per_channel(values: Any, like: torch.Tensor) -> torch.Tensor:
    """One number per latent channel as [1, C, 1, 1, 1], on the device and in the dtype of `like`."""
    return torch.as_tensor(values, dtype=torch.float32).view(1, -1, 1, 1, 1).to(like.device, like.dtype)


def wait_for_device(parts: Modules) -> None:
    """Wait for the GPU: work is only queued there, so progress would run ahead of it and a cancel come late."""
    if parts.device.type == "cuda":
        torch.cuda.current_stream(parts.device).synchronize()
