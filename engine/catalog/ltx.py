"""Catalog entries of LTX-Video, which is denoised in our own loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from engine.catalog.model import ModelEntry, Sampling, Size, WeightSizes
from engine.catalog.negative_prompts import LTX_NEGATIVE
from engine.types import Quality

_DISTILLED: Final[Mapping[Quality, Sampling]] = MappingProxyType(
    {
        "turbo": Sampling(steps=5, guidance_scale=1.0, sigmas=(1.0, 0.987, 0.975, 0.909, 0.725)),
        "full": Sampling(steps=7, guidance_scale=1.0, sigmas=(1.0, 0.993, 0.987, 0.981, 0.975, 0.909, 0.725)),
    }
)

_LTX: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "family": "ltx",
        "owner": "lightricks",
        "sizes": (Size(768, 512), Size(512, 768), Size(1216, 704), Size(704, 1216), Size(1280, 720), Size(720, 1280)),
        "min_side": 256,
        "max_side": 1920,
        "native_pixels": 1280 * 736,
        "fps": 24,
        "max_seconds": 20.0,
        "window_frames": 121,
        "negative_prompt": LTX_NEGATIVE,
        "image_crf": 29,
    }
)
"""Common to all of LTX-Video."""
_SMALL_WEIGHTS: Final = WeightSizes(text=9.5, transformer=3.9, rest=1.7)
_LTX_LARGE: Final = ModelEntry(
    **_LTX,
    name="ltx-video-13b",
    title="LTX-Video 13B 0.9.7",
    repo="Lightricks/LTX-Video-0.9.7-dev",
    created=1_746_403_200,
    licence="LTXV Open Weights License",
    licence_url="https://huggingface.co/Lightricks/LTX-Video-0.9.7-dev",
    memory_gb=40.0,
    weights_gb=WeightSizes(text=9.5, transformer=26.1, rest=2.5),
    sampling=MappingProxyType(
        {
            "turbo": Sampling(
                steps=20, guidance_scale=5.0, guidance_rescale=0.7, schedule="linear_quadratic", cache=0.08
            ),
            "full": Sampling(steps=30, guidance_scale=5.0, guidance_rescale=0.7, schedule="linear_quadratic"),
        }
    ),
    decode_timestep=0.05,
    decode_noise=0.025,
)
_LTX_DISTILLED: Final = replace(
    _LTX_LARGE,
    name="ltx-video-13b-distilled",
    title="LTX-Video 13B 0.9.8 distilled",
    repo="Lightricks/LTX-Video-0.9.8-13B-distilled",
    created=1_752_624_000,
    licence_url="https://huggingface.co/Lightricks/LTX-Video-0.9.8-13B-distilled",
    sampling=_DISTILLED,
)

LTX_ENTRIES: Final = (
    ModelEntry(
        **_LTX,
        name="ltx-video-2b",
        title="LTX-Video 2B",
        repo="Lightricks/LTX-Video",
        created=1_732_233_600,
        licence="LTXV Open Weights License (use restrictions; read it first)",
        licence_url="https://huggingface.co/Lightricks/LTX-Video",
        memory_gb=16.0,
        weights_gb=_SMALL_WEIGHTS,
        sampling=MappingProxyType(
            {
                "turbo": Sampling(steps=20, guidance_scale=3.0, cache=0.08),
                "full": Sampling(steps=50, guidance_scale=3.0),
            }
        ),
        # The first release shifts its noise levels by the number of tokens, counts time without the causal
        # correction of later ones, and was trained on first frames only.
        operations=frozenset({"text_to_video", "image_to_video", "still"}),
        image_positions="first",
        max_images=1,
        causal_time=False,
    ),
    ModelEntry(
        **_LTX,
        name="ltx-video-2b-0.9.5",
        title="LTX-Video 2B 0.9.5",
        repo="Lightricks/LTX-Video-0.9.5",
        created=1_741_132_800,
        licence="OpenRAIL-M",
        licence_url="https://huggingface.co/Lightricks/LTX-Video-0.9.5",
        memory_gb=16.0,
        weights_gb=_SMALL_WEIGHTS,
        sampling=MappingProxyType(
            {
                "turbo": Sampling(
                    steps=20, guidance_scale=3.0, guidance_rescale=0.7, schedule="linear_quadratic", cache=0.08
                ),
                "full": Sampling(steps=40, guidance_scale=3.0, guidance_rescale=0.7, schedule="linear_quadratic"),
            }
        ),
        condition_noise=0.15,
        decode_timestep=0.05,
        decode_noise=0.025,
    ),
    replace(
        _LTX_DISTILLED,
        name="ltx-video-2b-distilled",
        title="LTX-Video 2B 0.9.8 distilled",
        repo="",
        about=(
            "Published as the single file ltxv-2b-0.9.8-distilled.safetensors of Lightricks/LTX-Video only: convert it "
            "to a folder in diffusers' layout and name the folder in KINORA_WEIGHTS."
        ),
        licence_url="https://huggingface.co/Lightricks/LTX-Video",
        memory_gb=16.0,
        weights_gb=_SMALL_WEIGHTS,
    ),
    _LTX_LARGE,
    _LTX_DISTILLED,
)
