"""Encodes frames to latents and decodes latents to frames, for one clip and the videos it is made from.

It knows the autoencoder and plans; nothing of prompts, noise levels and file formats.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
from diffusers.pipelines.ltx2.utils import apply_image_conditioning_crf
from diffusers.utils.torch_utils import randn_tensor

from engine.loading.loader import Modules
from engine.media.resize import image_to_native, video_to_native
from engine.media.video_reader import VideoReader
from engine.placement.vae_tiling import decode_or_tile
from engine.planning.plan import ClipPlan, DecodeSpan, FrameRef, derive_seed
from engine.types import ImageCondition

LatentSequence: TypeAlias = dict[int, torch.Tensor]
"""The latents of a gap made so far, by number, each [1, C, 1, h, w]."""


@dataclass(frozen=True, slots=True)
class ClipState:
    """One clip under way: its plan, the latent sequence of each gap, and a reader of the videos it is made from."""

    plan: ClipPlan
    video_reader: VideoReader
    latents: tuple[LatentSequence, ...]

    @classmethod
    def empty(cls, plan: ClipPlan) -> ClipState:
        """The state before the first window."""
        return cls(plan, VideoReader(plan.fps), tuple({} for _ in plan.gaps))


@torch.inference_mode()
def decode_span(modules: Modules, clip: ClipState, span: DecodeSpan) -> torch.Tensor:
    """The clip's frames of `span` at native size: [F, 3, h, w] floats around 0..1.

    When whole frames do not fit into memory they are decoded in tiles.
    """
    sequence = clip.latents[span.gap]
    latents = torch.cat([sequence[latent] for latent in range(span.decode_from, span.decode_to)], dim=2)
    skip = span.first - clip.plan.gaps[span.gap].origin - modules.temporal_compression * span.decode_from
    return _decode_latents(modules, clip.plan, latents, span)[skip : skip + span.last - span.first + 1]


@torch.inference_mode()
def decode_single_latent(modules: Modules, plan: ClipPlan, gap: int, number: int, latent: torch.Tensor) -> torch.Tensor:
    """Decode one latent [1, C, 1, h, w] alone, to one native frame [1, 3, h, w]. Without its neighbours that is only
    roughly one of the latent's frames, at an eighth of the cost.
    """
    return _decode_latents(modules, plan, latent, DecodeSpan(gap, 0, 0, number, number + 1))


def _decode_latents(modules: Modules, plan: ClipPlan, latents: torch.Tensor, span: DecodeSpan) -> torch.Tensor:
    """All frames of these latents, [F, 3, h, w]; `span` names their numbers in the gap."""
    mean, std = _channel_statistics(modules)
    latents = (latents * std / modules.vae.config.scaling_factor + mean).to(modules.dtype)
    latents, level = _add_decode_noise(modules, plan, latents, span)
    video = decode_or_tile(
        modules.vae, modules.placement.tiling, lambda: modules.vae.decode(latents, level, return_dict=False)[0]
    )
    frames: torch.Tensor = video[0].transpose(0, 1).float() / 2 + 0.5
    wait_for_device(modules)
    return frames


def encode_frames(modules: Modules, pixels: torch.Tensor) -> torch.Tensor:
    """Pixels [1, 3, F, h, w] in -1..1 to normalised latents in float32: the posterior's mode, so always the same."""
    latents: torch.Tensor = modules.vae.encode(pixels.to(modules.device, modules.dtype)).latent_dist.mode().float()
    mean, std = _channel_statistics(modules)
    normalised: torch.Tensor = (latents - mean) * modules.vae.config.scaling_factor / std
    return normalised


def native_frames(modules: Modules, clip: ClipState, video: Path | None, first: int, last: int) -> torch.Tensor:
    """Frames `first` to `last` of a video, or of the clip's own beginning, at native size: [1, 3, F, h, w] in -1..1."""
    if video is not None:
        return video_to_native(clip.video_reader.read_frames(video, first, last), clip.plan.native, clip.plan.size)
    latest = -(-last // modules.temporal_compression)
    beginning = DecodeSpan(0, first, last, 0, min(latest + 2, 1 + max(clip.latents[0])))
    return decode_span(modules, clip, beginning).transpose(0, 1)[None] * 2 - 1


def native_image(modules: Modules, clip: ClipState, span: ImageCondition | FrameRef) -> torch.Tensor:
    """A keyframe's image at native size: [1, 3, 1, h, w] in -1..1."""
    if isinstance(span, FrameRef):
        return native_frames(modules, clip, span.video, span.number, span.number)
    return _compressed(image_to_native(span, clip.plan.native, clip.plan.size), clip.plan.model.image_crf)


def _compressed(image: torch.Tensor, crf: int) -> torch.Tensor:
    """An image [1, 3, 1, h, w] in -1..1 as a frame of a film of this quality; unchanged at 0."""
    if not crf:
        return image
    pixels = ((image[0, :, 0].permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    frame = torch.from_numpy(apply_image_conditioning_crf(pixels.numpy(), crf))
    return frame.permute(2, 0, 1)[None, :, None].float() / 127.5 - 1


def _channel_statistics(modules: Modules) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of each latent channel, [1, C, 1, 1, 1]."""
    like = torch.empty(0, device=modules.device, dtype=torch.float32)
    return per_channel(modules.vae.latents_mean, like), per_channel(modules.vae.latents_std, like)


def _add_decode_noise(
    modules: Modules, plan: ClipPlan, latents: torch.Tensor, span: DecodeSpan
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Latents with the decode noise of the model, and its level; unchanged and None where the decoder takes none.

    Decoders since LTX-Video 0.9.1 take the last denoising step themselves. A latent's noise depends on its place in the
    clip alone, since it is decoded twice where windows meet.
    """
    if not modules.vae.config.timestep_conditioning:
        return latents, None
    origin = plan.gaps[span.gap].origin
    noise = [
        randn_tensor(
            latents[:, :, :1].shape,
            generator=torch.Generator("cpu").manual_seed(derive_seed(plan.seed, f"decode {origin} {latent}")),
            device=modules.device,
            dtype=latents.dtype,
        )
        for latent in range(span.decode_from, span.decode_to)
    ]
    level = torch.tensor([plan.model.decode_timestep], device=modules.device, dtype=latents.dtype)
    return torch.lerp(latents, torch.cat(noise, dim=2), plan.model.decode_noise), level


def per_channel(values: Any, like: torch.Tensor) -> torch.Tensor:
    """One number per latent channel as [1, C, 1, 1, 1], on the device and in the dtype of `like`."""
    return torch.as_tensor(values, dtype=torch.float32).view(1, -1, 1, 1, 1).to(like.device, like.dtype)


def wait_for_device(modules: Modules) -> None:
    """Wait for the GPU's queued work: without it progress would run ahead of the work, and a cancel come late."""
    if modules.device.type == "cuda":
        torch.cuda.current_stream(modules.device).synchronize()
