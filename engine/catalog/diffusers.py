"""Catalog entries of the models that run in diffusers' own pipelines: Wan 2.1 and 2.2, LTX-2, and Z-Image.

Each clip is one window: these models cannot continue from latents, so no clip is longer than a window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from engine.catalog.model import ModelEntry, Operation, Sampling, Size, WeightSizes
from engine.catalog.negative_prompts import LTX2_NEGATIVE, WAN_NEGATIVE
from engine.types import Quality

_FROM_TEXT: Final[frozenset[Operation]] = frozenset({"text_to_video", "still"})
_FROM_IMAGE: Final[frozenset[Operation]] = frozenset({"image_to_video"})
_SMALL: Final = (Size(832, 480), Size(480, 832))
_LARGE: Final = (*_SMALL, Size(1280, 720), Size(720, 1280))
_ONE_WINDOW: Final = "A clip is denoised at once, so it lasts no longer than that."


def _sampling_by_quality(
    steps: int, guidance: float, low: float | None = None, *, rescale: float = 0.0, cache: float = 0.0
) -> Mapping[Quality, Sampling]:
    """The number of steps that the model is published with, and half of them, with a step cache where diffusers has
    one for the model.
    """
    return MappingProxyType(
        {
            "turbo": Sampling(
                steps=steps // 2, guidance_scale=guidance, guidance_low=low, guidance_rescale=rescale, cache=cache
            ),
            "full": Sampling(steps=steps, guidance_scale=guidance, guidance_low=low, guidance_rescale=rescale),
        }
    )


_CACHE: Final = 0.08
"""As careful as LTX-Video's. LTX-2 has none: its blocks return audio too, which diffusers' cache does not support."""
_WAN: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "family": "wan",
        "owner": "wan-ai",
        "licence": "Apache-2.0",
        "licence_url": "https://www.apache.org/licenses/LICENSE-2.0",
        "min_side": 256,
        "max_side": 1920,
        "native_multiple": 16,
        "fps": 16,
        "temporal_compression": 4,
        "window_frames": 81,
        "context_latents": 0,
        "single_window": True,
        "causal_decoder": True,
        "max_seconds": 5.0,
        "max_prompt_tokens": 512,
        "variable_strength": False,
        "negative_prompt": WAN_NEGATIVE,
        "flow_shifts": ((832 * 480, 3.0), (1280 * 720, 5.0)),
    }
)
"""Common to all of Wan; the 5B has a frame rate, a window and an autoencoder of its own."""
_WAN_TEXT: Final[Mapping[str, Any]] = MappingProxyType(
    {
        **_WAN,
        "about": f"Makes clips from text. {_ONE_WINDOW}",
        "operations": _FROM_TEXT,
        "image_positions": "none",
        "max_images": 0,
    }
)
_WAN_2_1: Final[Mapping[str, Any]] = MappingProxyType(
    {"created": 1_740_441_600, "sampling": _sampling_by_quality(50, 5.0, cache=_CACHE)}
)
_WAN_2_1_IMAGE: Final = ModelEntry(
    **_WAN,
    **_WAN_2_1,
    name="wan2.1-i2v-14b-480p",
    title="Wan 2.1 I2V 14B 480P",
    repo="Wan-AI/Wan2.1-I2V-14B-480P-Diffusers",
    about=f"Makes clips from a first frame. {_ONE_WINDOW}",
    memory_gb=56.0,
    weights_gb=WeightSizes(text=11.4, transformer=32.8, rest=3.0),
    sizes=_SMALL,
    native_pixels=832 * 480,
    operations=_FROM_IMAGE,
    image_positions="first",
    max_images=1,
    required_images=(0,),
)
_WAN_2_1_IMAGE_720P: Final = replace(
    _WAN_2_1_IMAGE,
    name="wan2.1-i2v-14b-720p",
    title="Wan 2.1 I2V 14B 720P",
    repo="Wan-AI/Wan2.1-I2V-14B-720P-Diffusers",
    sizes=_LARGE,
    native_pixels=1280 * 720,
)
_WAN_2_2: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "created": 1_753_660_800,
        "memory_gb": 80.0,
        "weights_gb": WeightSizes(text=11.4, transformer=28.6, transformers=2, rest=0.5),
        "memory_estimated": False,
        "sizes": _LARGE,
        "native_pixels": 1280 * 720,
    }
)
"""Common to both 14B models."""

WAN_ENTRIES: Final = (
    ModelEntry(
        **_WAN_TEXT,
        **_WAN_2_1,
        name="wan2.1-t2v-1.3b",
        title="Wan 2.1 T2V 1.3B",
        repo="Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
        memory_gb=18.0,
        weights_gb=WeightSizes(text=11.4, transformer=2.9, rest=0.5),
        sizes=_SMALL,
        native_pixels=832 * 480,
    ),
    ModelEntry(
        **_WAN_TEXT,
        **_WAN_2_1,
        name="wan2.1-t2v-14b",
        title="Wan 2.1 T2V 14B",
        repo="Wan-AI/Wan2.1-T2V-14B-Diffusers",
        memory_gb=48.0,
        weights_gb=WeightSizes(text=11.4, transformer=28.6, rest=0.5),
        sizes=_LARGE,
        native_pixels=1280 * 720,
    ),
    _WAN_2_1_IMAGE,
    _WAN_2_1_IMAGE_720P,
    replace(
        _WAN_2_1_IMAGE_720P,
        name="wan2.1-flf2v-14b-720p",
        title="Wan 2.1 FLF2V 14B 720P",
        repo="Wan-AI/Wan2.1-FLF2V-14B-720P-diffusers",
        about=f"Makes clips between a first and a last frame. {_ONE_WINDOW}",
        created=1_744_848_000,
        sampling=_sampling_by_quality(50, 5.5, cache=_CACHE),
        flow_shifts=((1280 * 720, 16.0),),
        operations=_FROM_IMAGE | {"keyframes"},
        image_positions="ends",
        max_images=2,
        required_images=(0, -1),
    ),
    ModelEntry(
        **{**_WAN_TEXT, "flow_shifts": ((1280 * 720, 12.0),)},
        **_WAN_2_2,
        name="wan2.2-t2v-a14b",
        title="Wan 2.2 T2V A14B",
        repo="Wan-AI/Wan2.2-T2V-A14B-Diffusers",
        sampling=_sampling_by_quality(40, 4.0, low=3.0, cache=_CACHE),
    ),
    ModelEntry(
        **{**_WAN, "flow_shifts": ((1280 * 720, 5.0),)},
        **_WAN_2_2,
        name="wan2.2-i2v-a14b",
        title="Wan 2.2 I2V A14B",
        repo="Wan-AI/Wan2.2-I2V-A14B-Diffusers",
        about=f"Makes clips from a first frame, and to a last one where there is one. {_ONE_WINDOW}",
        sampling=_sampling_by_quality(40, 3.5, cache=_CACHE),
        operations=_FROM_IMAGE | {"keyframes"},
        image_positions="ends",
        max_images=2,
        required_images=(0,),
    ),
    ModelEntry(
        **{**_WAN, "native_multiple": 32, "fps": 24, "window_frames": 121, "flow_shifts": ((1280 * 704, 5.0),)},
        name="wan2.2-ti2v-5b",
        title="Wan 2.2 TI2V 5B",
        repo="Wan-AI/Wan2.2-TI2V-5B-Diffusers",
        about=f"Makes clips from text, and from a first frame where there is one. {_ONE_WINDOW}",
        created=1_753_660_800,
        memory_gb=29.0,
        weights_gb=WeightSizes(text=11.4, transformer=10.0, rest=2.8),
        sizes=(Size(1280, 704), Size(704, 1280), Size(1280, 720), Size(720, 1280)),
        native_pixels=1280 * 704,
        sampling=_sampling_by_quality(50, 5.0, cache=_CACHE),
        operations=_FROM_TEXT | _FROM_IMAGE,
        image_positions="first",
        max_images=1,
    ),
)

_LTX2: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "family": "ltx2",
        "licence": "LTX-2 Community License (free below a yearly revenue, use restrictions; read it first)",
        "licence_url": "https://huggingface.co/Lightricks/LTX-2",
        "about": (
            "Makes videos from text and from images at any time; an image lies where a latent begins, up to eight "
            "frames from where it was asked for. The sound it makes is dropped for now, so clips are silent. "
            f"{_ONE_WINDOW}"
        ),
        "memory_gb": 80.0,
        "weights_gb": WeightSizes(text=24.4, transformer=37.8, rest=6.0),
        "sizes": (Size(768, 512), Size(512, 768), Size(1280, 704), Size(704, 1280), Size(1280, 720), Size(720, 1280)),
        "min_side": 256,
        "max_side": 1920,
        "native_pixels": 1280 * 736,
        "native_multiple": 32,
        "fps": 24,
        "temporal_compression": 8,
        "window_frames": 241,
        "context_latents": 0,
        "single_window": True,
        "max_seconds": 10.0,
        "max_prompt_tokens": 1024,
        "operations": frozenset({"text_to_video", "image_to_video", "keyframes"}),
        "negative_prompt": LTX2_NEGATIVE,
    }
)
"""The transformer counts time up to 20 seconds; a window of half of that keeps its cost within reach of one GPU."""
_LTX2_SIGMAS: Final = (1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875)
_LTX2_DISTILLED: Final[Mapping[Quality, Sampling]] = MappingProxyType(
    dict.fromkeys(("turbo", "full"), Sampling(steps=8, guidance_scale=1.0, sigmas=_LTX2_SIGMAS))
)

LTX2_AND_Z_IMAGE_ENTRIES: Final = (
    ModelEntry(
        **_LTX2,
        name="ltx-2",
        title="LTX-2 19B",
        repo="Lightricks/LTX-2",
        created=1_767_657_600,
        owner="lightricks",
        sampling=_sampling_by_quality(40, 4.0, rescale=0.7),
    ),
    ModelEntry(
        **_LTX2,
        name="ltx-2-distilled",
        title="LTX-2 19B distilled",
        repo="rootonchair/LTX-2-19b-distilled",
        created=1_767_657_600,
        owner="rootonchair",
        sampling=_LTX2_DISTILLED,
    ),
    ModelEntry(
        **_LTX2,
        name="ltx-2.5",
        title="LTX-2.5 22B distilled",
        repo="Lightricks/LTX-2.5-Diffusers",
        created=1_786_406_400,
        owner="lightricks",
        sampling=_LTX2_DISTILLED,
        cross_timestep=True,
    ),
    ModelEntry(
        name="z-image-turbo",
        title="Z-Image-Turbo 6B",
        family="z_image",
        repo="Tongyi-MAI/Z-Image-Turbo",
        about="Makes images from text, and no videos.",
        created=1_764_115_200,
        owner="tongyi-mai",
        licence="Apache-2.0",
        licence_url="https://huggingface.co/Tongyi-MAI/Z-Image-Turbo",
        memory_gb=25.0,
        weights_gb=WeightSizes(text=8.0, transformer=12.3, rest=0.2),
        sizes=(Size(1280, 720), Size(720, 1280), Size(1024, 1024), Size(1536, 1024), Size(1024, 1536)),
        min_side=256,
        max_side=2048,
        native_pixels=1024 * 1024,
        native_multiple=16,
        fps=24,
        temporal_compression=1,
        window_frames=1,
        context_latents=0,
        single_window=True,
        min_seconds=0.0,
        max_seconds=0.0,
        max_prompt_tokens=512,
        sampling=MappingProxyType(
            {
                "turbo": Sampling(steps=9, guidance_scale=1.0),
                "full": Sampling(steps=9, guidance_scale=1.0),
            }
        ),
        operations=frozenset({"still"}),
        image_positions="none",
        max_images=0,
    ),
)
