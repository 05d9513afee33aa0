"""Builds each family's diffusers pipeline for one clip, the arguments of its call, and decodes its latents.

It knows diffusers' arguments; running and stopping a pipeline is the business of engine/diffusion/diffusers_family.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from diffusers import LTX2ConditionPipeline, WanImageToVideoPipeline, WanPipeline, ZImagePipeline
from diffusers.models.autoencoders.autoencoder_kl_wan import WanCausalConv3d, unpatchify
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition
from diffusers.utils.accelerate_utils import apply_forward_hook
from PIL import Image

from engine.catalog.model import Sampling
from engine.diffusion.latents import per_channel
from engine.diffusion.schedule import fresh_scheduler, noise_levels
from engine.loading.loader import Modules
from engine.media.resize import image_to_native
from engine.placement import vae_tiling
from engine.planning.plan import ClipPlan, Window, WindowKeyframe
from engine.types import ImageCondition

Arguments: TypeAlias = dict[str, Any]


class FamilyPipeline(Protocol):
    """A family's pipeline for one clip."""

    pipeline: Any

    def encode_prompts(self, prompt: str, negative: str) -> Arguments:
        """The encoded prompts, as arguments of the pipeline's call."""

    def call_arguments(self, window: Window) -> Arguments:
        """All other arguments of the call that are this family's own."""

    def decode_frames(self, latents: torch.Tensor) -> Iterator[torch.Tensor]:
        """Decode a clip's latents [1, C, F, h, w] to batches of frames [F, 3, H, W] in 0..1, in order."""


def build_pipeline(modules: Modules, plan: ClipPlan, sampling: Sampling, *, with_images: bool) -> FamilyPipeline:
    """The pipeline of the model's family; `with_images` says whether the clip has image conditions."""
    match plan.model.family:
        case "wan":
            return WanFamily(modules, plan, sampling, with_images=with_images)
        case "ltx2":
            return Ltx2Family(modules, plan, sampling)
        case "z_image":
            return ZImageFamily(modules, plan, sampling)
        case "ltx":
            raise TypeError(plan.model.family)  # it has a sampler of its own: engine.diffusion.ltx


class WanFamily:
    """Wan 2.1 and 2.2: one or two transformers; from text, or from a first frame and, for some models, a last one."""

    def __init__(self, modules: Modules, plan: ClipPlan, sampling: Sampling, *, with_images: bool) -> None:
        self._modules, self._plan, self._sampling = modules, plan, sampling
        components = {
            **_shared_components(modules, plan, sampling),
            "transformer_2": modules.others.get("transformer_2"),
            "boundary_ratio": modules.settings.get("boundary_ratio"),
            "expand_timesteps": bool(modules.settings.get("expand_timesteps")),
        }
        self._text_pipeline = self.pipeline = WanPipeline(**components)
        if with_images:
            components |= {name: modules.others.get(name) for name in ("image_encoder", "image_processor")}
            self.pipeline = WanImageToVideoPipeline(**components)

    def encode_prompts(self, prompt: str, negative: str) -> Arguments:
        """The prompt, and the negative one under guidance. The text pipeline encodes them even for clips with images,
        since the image pipeline needs an optional library for the same result.
        """
        embeds, negative_embeds = self._text_pipeline.encode_prompt(
            prompt, negative, **_encoding_arguments(self._modules, self._plan, self._sampling)
        )
        return {"prompt_embeds": embeds, "negative_prompt_embeds": negative_embeds}

    def call_arguments(self, window: Window) -> Arguments:
        """The keyframes, and the guidance of the second transformer where there is one."""
        has_two = self.pipeline.config.boundary_ratio is not None
        images = {
            "image" if keyframe.frame == 0 else "last_image": _keyframe_image(self._plan, keyframe)
            for keyframe in window.keyframes
        }
        return {
            "num_frames": _frame_count(self._plan, window),
            "guidance_scale": self._sampling.guidance_scale,
            "guidance_scale_2": self._sampling.guidance_low if has_two else None,
            **images,
        }

    def decode_frames(self, latents: torch.Tensor) -> Iterator[torch.Tensor]:
        """Latent by latent: the decoder is causal and caches what it needs, so the result equals that of decoding all
        at once, without ever holding more than a few frames. Tiles are decoded by diffusers' own method, which holds
        all frames; it takes over where whole frames do not fit into memory.
        """
        vae, tiling = self._modules.vae, self._modules.placement.tiling
        decoder_latents, frame_count = _denormalise(vae, latents), 0
        if not vae.use_tiling:
            for frames in _decode_latent_by_latent(
                vae, decoder_latents, may_stop=vae_tiling.can_fall_back(vae, tiling)
            ):
                yield frames
                frame_count += len(frames)
            if frame_count == 1 + self._modules.temporal_compression * (decoder_latents.shape[2] - 1):
                return
            vae.enable_tiling()
        yield from _to_frames(vae.decode(decoder_latents, return_dict=False)[0])[frame_count:].split(
            self._modules.temporal_compression
        )


class Ltx2Family:
    """LTX-2: from text and images. It also generates sound, which is not used yet."""

    def __init__(self, modules: Modules, plan: ClipPlan, sampling: Sampling) -> None:
        self._modules, self._plan, self._sampling = modules, plan, sampling
        # The pipeline reads this when it is built and sets it when it encodes: without it the first job would be padded
        # differently from the next.
        modules.tokenizer.padding_side = "left"
        others = {name: modules.others[name] for name in ("connectors", "audio_vae", "vocoder")}
        self.pipeline = LTX2ConditionPipeline(**_shared_components(modules, plan, sampling), **others)

    def encode_prompts(self, prompt: str, negative: str) -> Arguments:
        """The prompts and their attention masks."""
        names = "prompt_embeds", "prompt_attention_mask", "negative_prompt_embeds", "negative_prompt_attention_mask"
        encoded = self.pipeline.encode_prompt(
            prompt, negative, **_encoding_arguments(self._modules, self._plan, self._sampling)
        )
        return dict(zip(names, encoded, strict=True))

    def call_arguments(self, window: Window) -> Arguments:
        """LTX-2.0's own guidance: the further forward passes of its successors, which this pipeline makes by default,
        are not what it was tuned with.
        """
        streams = ("", "audio_")
        return {
            "num_frames": _frame_count(self._plan, window),
            "frame_rate": float(self._plan.fps),
            "conditions": [self._video_condition(window, keyframe) for keyframe in window.keyframes],
            **{f"{stream}guidance_scale": self._sampling.guidance_scale for stream in streams},
            **{f"{stream}stg_scale": 0.0 for stream in streams},
            **{f"{stream}modality_scale": 1.0 for stream in streams},
            **{f"{stream}guidance_rescale": self._sampling.guidance_rescale for stream in streams},
            "spatio_temporal_guidance_blocks": None,
            "use_cross_timestep": self._plan.model.cross_timestep,
            **({"sigmas": noise_levels(self._sampling).tolist()} if self._sampling.sigmas else {}),
        }

    def decode_frames(self, latents: torch.Tensor) -> Iterator[torch.Tensor]:
        """All at once: this decoder is not causal."""
        vae = self._modules.vae
        level = torch.zeros(1, device=latents.device, dtype=vae.dtype) if vae.config.timestep_conditioning else None
        decoder_latents = latents.to(vae.dtype)
        _set_tile_strides(vae, *decoder_latents.shape[-2:])
        yield _decode_at_once(self._modules, lambda: vae.decode(decoder_latents, level, return_dict=False)[0])

    def _video_condition(self, window: Window, keyframe: WindowKeyframe) -> LTX2VideoCondition:
        """The keyframe by its latent number: the first latent is one frame, each other eight."""
        temporal = self._modules.temporal_compression
        latent = min(window.latents - 1, 1 + (keyframe.frame - 1 + temporal // 2) // temporal) if keyframe.frame else 0
        strength = keyframe.image.strength if isinstance(keyframe.image, ImageCondition) else 1.0
        return LTX2VideoCondition(_keyframe_image(self._plan, keyframe), latent, strength)


class ZImageFamily:
    """Z-Image: stills from text."""

    def __init__(self, modules: Modules, plan: ClipPlan, sampling: Sampling) -> None:
        self._modules, self._plan, self._sampling = modules, plan, sampling
        self.pipeline = ZImagePipeline(**_shared_components(modules, plan, sampling))

    def encode_prompts(self, prompt: str, negative: str) -> Arguments:
        """The prompt, and the negative one under guidance."""
        arguments = _encoding_arguments(self._modules, self._plan, self._sampling)
        embeds, negative_embeds = self.pipeline.encode_prompt(prompt, negative_prompt=negative, **arguments)
        return {"prompt_embeds": embeds, "negative_prompt_embeds": negative_embeds}

    def call_arguments(self, _window: Window) -> Arguments:
        """Guidance, which this pipeline counts from 0 and all others from 1."""
        return {"guidance_scale": self._sampling.guidance_scale - 1}

    def decode_frames(self, latents: torch.Tensor) -> Iterator[torch.Tensor]:
        """The still's only frame."""
        vae = self._modules.vae
        decoder_latents = latents[:, :, 0].to(vae.dtype) / vae.config.scaling_factor + vae.config.shift_factor
        yield _decode_at_once(self._modules, lambda: vae.decode(decoder_latents, return_dict=False)[0].unsqueeze(2))


def _shared_components(modules: Modules, plan: ClipPlan, sampling: Sampling) -> Arguments:
    """The components of every pipeline. The scheduler is a new one, since schedulers hold state."""
    pixels = plan.native.width * plan.native.height
    return {
        "tokenizer": modules.tokenizer,
        "text_encoder": modules.text_encoder,
        "vae": modules.vae,
        "transformer": modules.transformer,
        "scheduler": fresh_scheduler(modules.scheduler, plan.model, sampling, pixels),
    }


def _encoding_arguments(modules: Modules, plan: ClipPlan, sampling: Sampling) -> Arguments:
    return {
        "do_classifier_free_guidance": sampling.guidance_scale > 1,
        "max_sequence_length": plan.model.max_prompt_tokens,
        "device": modules.device,
    }


def _frame_count(plan: ClipPlan, window: Window) -> int:
    """Frames of a window; the file may have a few less."""
    return 1 + plan.model.temporal_compression * (window.latents - 1)


def _keyframe_image(plan: ClipPlan, keyframe: WindowKeyframe) -> Image.Image:
    """A keyframe's image at native size."""
    if not isinstance(keyframe.image, ImageCondition):
        raise TypeError(keyframe)  # a frame of a video: refused for these models at submit
    pixels = image_to_native(keyframe.image, plan.native, plan.size)[0, :, 0].permute(1, 2, 0)
    return Image.fromarray(((pixels + 1) * 127.5).round().clip(0, 255).numpy().astype(np.uint8))


def _decode_at_once(modules: Modules, decode: Callable[[], torch.Tensor]) -> torch.Tensor:
    """All frames in one call of the decoder, in tiles where whole frames do not fit."""
    return _to_frames(vae_tiling.decode_or_tile(modules.vae, modules.placement.tiling, decode))


def _set_tile_strides(vae: Any, *sides: int) -> None:
    """Set LTX-2's tile strides for a frame of `sides` (height, width) latents so that no tile is a single latent wide:
    the decoder's reflection padding fails on such a tile.
    """
    for name, latents in zip(("height", "width"), sides, strict=True):
        widest = (
            getattr(vae, f"tile_sample_min_{name}") // vae.spatial_compression_ratio - 2
        )  # the overlap of its own defaults
        stride = next((step for step in range(widest, 0, -1) if (latents - 1) % step), widest)
        setattr(vae, f"tile_sample_stride_{name}", stride * vae.spatial_compression_ratio)


def _decode_latent_by_latent(vae: Any, decoder_latents: torch.Tensor, *, may_stop: bool) -> Iterator[torch.Tensor]:
    """Wan's frames latent by latent. If they `may_stop`, they end before the latent that does not fit into memory."""
    feature_cache: list[Any] = [None] * sum(isinstance(layer, WanCausalConv3d) for layer in vae.decoder.modules())
    hooked_decode = apply_forward_hook(_decode_latent)  # so that offloading hooks run, as for the decoder's own method
    for number in range(decoder_latents.shape[2]):
        decode = partial(
            hooked_decode, vae, decoder_latents[:, :, number : number + 1], feature_cache, first=number == 0
        )
        video = vae_tiling.decode_if_fits(decode) if may_stop else decode()
        if video is None:
            return
        yield _to_frames(video)


def _decode_latent(vae: Any, latent: torch.Tensor, feature_cache: list[Any], *, first: bool) -> torch.Tensor:
    """One latent of Wan, by the steps of its autoencoder's own `decode`."""
    pixels = vae.decoder(vae.post_quant_conv(latent), feat_cache=feature_cache, feat_idx=[0], first_chunk=first)
    if vae.config.patch_size is not None:
        pixels = unpatchify(pixels, patch_size=vae.config.patch_size)
    clamped: torch.Tensor = pixels.clamp(-1, 1)
    return clamped


def _denormalise(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """Normalised latents in the scale of Wan's decoder, by its pipeline's own arithmetic."""
    latents = latents.to(vae.dtype)
    deviation, mean = per_channel(vae.config.latents_std, latents), per_channel(vae.config.latents_mean, latents)
    return latents / (1.0 / deviation) + mean


def _to_frames(video: torch.Tensor) -> torch.Tensor:
    """[1, 3, F, h, w] in -1..1 -> [F, 3, h, w] in 0..1."""
    return video[0].transpose(0, 1).float() / 2 + 0.5
