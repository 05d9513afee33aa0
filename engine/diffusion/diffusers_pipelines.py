"""How each family's own pipeline of diffusers is built and called for one clip, and how its latents become pixels.

It knows diffusers' arguments; when a pipeline runs, and who may stop it, is the business of
engine/diffusion/diffusers_family.py.
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
from engine.diffusion.schedule import noise_levels
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
        """Encoded prompts, as the pipeline takes them."""

    def call_arguments(self, window: Window) -> Arguments:
        """Everything else of the call that is this family's own."""

    def decode_frames(self, latents: torch.Tensor) -> Iterator[torch.Tensor]:
        """A clip's latents [1, C, F, h, w] as frames [F, 3, h, w] in 0..1, as many at a time as the decoder makes."""


def build_pipeline(parts: Modules, plan: ClipPlan, how: Sampling, *, pictures: bool) -> FamilyPipeline:
    """The pipeline of the model's family; `pictures` says whether the clip follows any."""
    match plan.model.family:
        case "wan":
            return WanFamily(parts, plan, how, pictures=pictures)
        case "ltx2":
            return Ltx2Family(parts, plan, how)
        case "z_image":
            return ZImageFamily(parts, plan, how)
        case "ltx":
            raise TypeError(plan.model.family)  # it has a recipe of its own


class WanFamily:
    """Wan 2.1 and 2.2: one or two transformers; from text, or from a first frame and some from a last one."""

    def __init__(self, parts: Modules, plan: ClipPlan, how: Sampling, *, pictures: bool) -> None:
        self._parts, self._plan, self._how = parts, plan, how
        own = {
            **_shared_components(parts),
            "transformer_2": parts.others.get("transformer_2"),
            "boundary_ratio": parts.settings.get("boundary_ratio"),
            "expand_timesteps": bool(parts.settings.get("expand_timesteps")),
        }
        self._text_pipeline = self.pipeline = WanPipeline(**own)
        if pictures:
            own |= {name: parts.others.get(name) for name in ("image_encoder", "image_processor")}
            self.pipeline = WanImageToVideoPipeline(**own)

    def encode_prompts(self, prompt: str, negative: str) -> Arguments:
        """Without guidance there is nothing to avoid. The pipeline for pictures would do the same, but for a library
        that it takes for granted and the one for text does not.
        """
        embeds, avoided = self._text_pipeline.encode_prompt(
            prompt, negative, **_encoding_arguments(self._parts, self._plan, self._how)
        )
        return {"prompt_embeds": embeds, "negative_prompt_embeds": avoided}

    def call_arguments(self, window: Window) -> Arguments:
        """The pictures, and another guidance for the second transformer where there is one."""
        two = self.pipeline.config.boundary_ratio is not None
        ends = {
            "image" if each.frame == 0 else "last_image": _keyframe_image(self._plan, each) for each in window.keyframes
        }
        return {
            "num_frames": _frame_count(self._plan, window),
            "guidance_scale": self._how.guidance_scale,
            "guidance_scale_2": self._how.guidance_low if two else None,
            **ends,
        }

    def decode_frames(self, latents: torch.Tensor) -> Iterator[torch.Tensor]:
        """Latent by latent: the decoder looks back only, at what it remembers, so that this is what decoding them all
        at once gives, without ever holding more than a few frames. In tiles it is diffusers' own way, which holds all
        of them and remembers one tile at a time; where whole frames find no room they take over.
        """
        vae, tiling = self._parts.vae, self._parts.placement.tiling
        ready, made = _denormalise(vae, latents), 0
        if not vae.use_tiling:
            for part in _decode_latent_by_latent(vae, ready, stop=vae_tiling.can_fall_back(vae, tiling)):
                yield part
                made += len(part)
            if made == 1 + self._parts.temporal_compression * (ready.shape[2] - 1):
                return
            vae.enable_tiling()
        yield from _to_frames(vae.decode(ready, return_dict=False)[0])[made:].split(self._parts.temporal_compression)


class Ltx2Family:
    """LTX-2: from text and pictures. It makes sound too, which nobody hears yet."""

    def __init__(self, parts: Modules, plan: ClipPlan, how: Sampling) -> None:
        self._parts, self._plan, self._how = parts, plan, how
        # The pipeline looks at this when it is built and sets it when it reads: a first job would pad otherwise than
        # the next.
        parts.tokenizer.padding_side = "left"
        # The levels of a distilled model are exact; shifting them by the number of tokens is for the others.
        exact = {"use_dynamic_shifting": False, "shift_terminal": None} if how.sigmas else {}
        others = {name: parts.others[name] for name in ("connectors", "audio_vae", "vocoder")}
        self.pipeline = LTX2ConditionPipeline(**_shared_components(parts, **exact), **others)

    def encode_prompts(self, prompt: str, negative: str) -> Arguments:
        """Prompts and their masks."""
        names = "prompt_embeds", "prompt_attention_mask", "negative_prompt_embeds", "negative_prompt_attention_mask"
        encoded = self.pipeline.encode_prompt(
            prompt, negative, **_encoding_arguments(self._parts, self._plan, self._how)
        )
        return dict(zip(names, encoded, strict=True))

    def call_arguments(self, window: Window) -> Arguments:
        """LTX-2.0's own way of guidance: the further passes of its successors, which this pipeline would run unless
        told, are not what it was tuned with.
        """
        streams = ("", "audio_")
        return {
            "num_frames": _frame_count(self._plan, window),
            "frame_rate": float(self._plan.fps),
            "conditions": [self._video_condition(window, placed) for placed in window.keyframes],
            **{f"{stream}guidance_scale": self._how.guidance_scale for stream in streams},
            **{f"{stream}stg_scale": 0.0 for stream in streams},
            **{f"{stream}modality_scale": 1.0 for stream in streams},
            **{f"{stream}guidance_rescale": 0.0 for stream in streams},
            "spatio_temporal_guidance_blocks": None,
            "use_cross_timestep": False,
            **({"sigmas": noise_levels(self._how).tolist()} if self._how.sigmas else {}),
        }

    def decode_frames(self, latents: torch.Tensor) -> Iterator[torch.Tensor]:
        """All at once: this decoder looks both ways in time."""
        vae = self._parts.vae
        level = torch.zeros(1, device=latents.device, dtype=vae.dtype) if vae.config.timestep_conditioning else None
        ready = latents.to(vae.dtype)
        _set_tile_strides(vae, *ready.shape[-2:])
        yield _decode_at_once(self._parts, lambda: vae.decode(ready, level, return_dict=False)[0])

    def _video_condition(self, window: Window, placed: WindowKeyframe) -> LTX2VideoCondition:
        """The pipeline counts in latents; the first stands for one frame, each other begins a run of eight."""
        temporal = self._parts.temporal_compression
        latent = min(window.latents - 1, 1 + (placed.frame - 1 + temporal // 2) // temporal) if placed.frame else 0
        strength = placed.image.strength if isinstance(placed.image, ImageCondition) else 1.0
        return LTX2VideoCondition(_keyframe_image(self._plan, placed), latent, strength)


class ZImageFamily:
    """Z-Image: stills from text."""

    def __init__(self, parts: Modules, plan: ClipPlan, how: Sampling) -> None:
        self._parts, self._plan, self._how = parts, plan, how
        self.pipeline = ZImagePipeline(**_shared_components(parts))

    def encode_prompts(self, prompt: str, negative: str) -> Arguments:
        """Without guidance there is nothing to avoid."""
        how = _encoding_arguments(self._parts, self._plan, self._how)
        embeds, avoided = self.pipeline.encode_prompt(prompt, negative_prompt=negative, **how)
        return {"prompt_embeds": embeds, "negative_prompt_embeds": avoided}

    def call_arguments(self, _window: Window) -> Arguments:
        """Guidance counted from 0, where all others count from 1."""
        return {"guidance_scale": self._how.guidance_scale - 1}

    def decode_frames(self, latents: torch.Tensor) -> Iterator[torch.Tensor]:
        """The only one."""
        vae = self._parts.vae
        ready = latents[:, :, 0].to(vae.dtype) / vae.config.scaling_factor + vae.config.shift_factor
        yield _decode_at_once(self._parts, lambda: vae.decode(ready, return_dict=False)[0].unsqueeze(2))


def _shared_components(parts: Modules, **changed: Any) -> Arguments:
    """What every pipeline is built from. Its scheduler is its own, since they hold state."""
    return {
        "tokenizer": parts.tokenizer,
        "text_encoder": parts.text_encoder,
        "vae": parts.vae,
        "transformer": parts.transformer,
        "scheduler": type(parts.scheduler).from_config(parts.scheduler.config, **changed),
    }


def _encoding_arguments(parts: Modules, plan: ClipPlan, how: Sampling) -> Arguments:
    return {
        "do_classifier_free_guidance": how.guidance_scale > 1,
        "max_sequence_length": plan.model.max_prompt_tokens,
        "device": parts.device,
    }


def _frame_count(plan: ClipPlan, window: Window) -> int:
    """Frames of a window: the file may hold a few less."""
    return 1 + plan.model.temporal_compression * (window.latents - 1)


def _keyframe_image(plan: ClipPlan, placed: WindowKeyframe) -> Image.Image:
    """A picture at native size."""
    if not isinstance(placed.image, ImageCondition):
        raise TypeError(placed)  # frames of films: these models are refused them at submit
    pixels = image_to_native(placed.image, plan.native, plan.size)[0, :, 0].permute(1, 2, 0)
    return Image.fromarray(((pixels + 1) * 127.5).round().clip(0, 255).numpy().astype(np.uint8))


def _decode_at_once(parts: Modules, decode: Callable[[], torch.Tensor]) -> torch.Tensor:
    """Frames decoded at once."""
    return _to_frames(vae_tiling.decode_or_tile(parts.vae, parts.placement.tiling, decode))


def _set_tile_strides(vae: Any, *sides: int) -> None:
    """Lay LTX-2's tiles for a frame of so many latents in height and width so that none is a single latent wide: its
    decoder pads with a mirror image of what lies behind the edge, and fails where nothing does.
    """
    for name, latents in zip(("height", "width"), sides, strict=True):
        widest = getattr(vae, f"tile_sample_min_{name}") // vae.spatial_compression_ratio - 2  # as in its own defaults
        stride = next((step for step in range(widest, 0, -1) if (latents - 1) % step), widest)
        setattr(vae, f"tile_sample_stride_{name}", stride * vae.spatial_compression_ratio)


def _decode_latent_by_latent(vae: Any, ready: torch.Tensor, *, stop: bool) -> Iterator[torch.Tensor]:
    """Wan's frames, latent after latent. Where one finds no room they end with the one before if they may `stop`."""
    remembered: list[Any] = [None] * sum(isinstance(each, WanCausalConv3d) for each in vae.decoder.modules())
    decoded = apply_forward_hook(
        _decode_latent
    )  # as the autoencoder's own: whatever moves its weights is told of a call
    for number in range(ready.shape[2]):
        decode = partial(decoded, vae, ready[:, :, number : number + 1], remembered, first=number == 0)
        video = vae_tiling.decode_if_fits(decode) if stop else decode()
        if video is None:
            return
        yield _to_frames(video)


def _decode_latent(vae: Any, latent: torch.Tensor, remembered: list[Any], *, first: bool) -> torch.Tensor:
    """One latent of Wan, by the steps of its own `decode`."""
    pixels = vae.decoder(vae.post_quant_conv(latent), feat_cache=remembered, feat_idx=[0], first_chunk=first)
    if vae.config.patch_size is not None:
        pixels = unpatchify(pixels, patch_size=vae.config.patch_size)
    clamped: torch.Tensor = pixels.clamp(-1, 1)
    return clamped


def _denormalise(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """Normalised latents as Wan's decoder takes them, by its pipeline's own arithmetic."""
    latents = latents.to(vae.dtype)
    deviation, mean = per_channel(vae.config.latents_std, latents), per_channel(vae.config.latents_mean, latents)
    return latents / (1.0 / deviation) + mean


def _to_frames(video: torch.Tensor) -> torch.Tensor:
    """[1, 3, F, h, w] in -1..1 -> [F, 3, h, w] in 0..1."""
    return video[0].transpose(0, 1).float() / 2 + 0.5
