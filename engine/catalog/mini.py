"""Catalog entry of Kinora Mini, the bundled model."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from engine.catalog.model import ModelEntry, Sampling, Size, WeightSizes

MINI_ENTRY: Final = ModelEntry(
    name="kinora-mini",
    title="Kinora Mini",
    family="ltx",
    repo="mini/weights",
    bundled=True,
    flat_drawings=True,
    created=1_764_000_000,
    owner="kinora",
    licence="Apache-2.0",
    licence_url="https://www.apache.org/licenses/LICENSE-2.0",
    about="Draws a small world of coloured things that move; ships with Kinora.",
    memory_gb=0.5,
    weights_gb=WeightSizes(text=0.01, transformer=0.1, rest=0.1),
    sizes=(
        Size(320, 192),
        Size(192, 320),
        Size(256, 256),
        Size(640, 384),
        Size(384, 640),
        Size(1280, 720),
        Size(720, 1280),
    ),
    min_side=64,
    max_side=1920,
    native_sizes=(Size(160, 96), Size(96, 160), Size(128, 128)),
    fps=8,
    window_frames=41,
    new_frames=20,
    context_latents=2,
    max_seconds=20.0,
    max_prompt_tokens=64,
    remix_strengths=MappingProxyType({"subtle": 0.3, "mild": 0.16, "strong": 0.06}),
    edit_strengths=MappingProxyType({"subtle": 0.25, "mild": 0.1, "strong": 0.0}),
    sampling=MappingProxyType(
        {
            "turbo": Sampling(
                steps=8,
                guidance_scale=1.0,
                adapter="turbo",
                without_adapter=Sampling(steps=6, guidance_scale=5.0),
            ),
            "full": Sampling(steps=16, guidance_scale=5.0),
        }
    ),
)
