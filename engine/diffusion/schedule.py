"""The noise levels of a clip's steps, from the catalog and a request, and the scheduler set to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from engine.catalog.model import ModelEntry, Sampling
from engine.placement.lora import adapter_name
from engine.types import LoraWeight, Request


def resolve_sampling(model: ModelEntry, request: Request, adapters: Collection[str]) -> Sampling:
    """The model's sampling at the request's quality, with the request's own settings over it.

    `adapters` are those that came with the weights: not every folder has all that the catalog names.
    """
    sampling = model.sampling[request.quality].for_adapters(adapters)
    return replace(
        sampling,
        steps=sampling.steps if request.steps is None else request.steps,
        guidance_scale=sampling.guidance_scale if request.guidance_scale is None else request.guidance_scale,
        guidance_low=sampling.guidance_low if request.guidance_scale is None else None,
        loras=tuple(LoraWeight(adapter_name(lora.name), lora.weight) for lora in request.loras),
    )


EXACT_LEVELS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "shift": 1.0,
        "use_dynamic_shifting": False,
        "shift_terminal": None,
        "use_karras_sigmas": False,
        "use_exponential_sigmas": False,
        "use_beta_sigmas": False,
        "invert_sigmas": False,
    }
)
"""Settings of a flow matching scheduler that leave the levels given to it as they are."""


def fresh_scheduler(prototype: Any, model: ModelEntry, sampling: Sampling, pixels: int) -> Any:
    """A new scheduler for frames of so many native pixels; schedulers hold state, so none is shared.

    Exact levels stay as they are whatever the folder's scheduler does to others; those are shifted as the catalog says
    for the size, or else as the folder says.
    """
    shift = model.flow_shift(pixels)
    if sampling.has_exact_levels:
        return type(prototype).from_config(prototype.config, **EXACT_LEVELS)
    if shift is None:
        return type(prototype).from_config(prototype.config)
    return type(prototype).from_config(
        prototype.config, **{"flow_shift" if "flow_shift" in prototype.config else "shift": shift}
    )


def new_scheduler(
    prototype: Any, model: ModelEntry, sampling: Sampling, tokens: int, pixels: int, device: torch.device
) -> Any:
    """A new scheduler for a window of `tokens` tokens and `pixels` native pixels a frame, set to its steps.

    Some models shift their levels by the number of tokens, linearly between two configured points.
    """
    scheduler = fresh_scheduler(prototype, model, sampling, pixels)
    config, shift = scheduler.config, {}
    if config.use_dynamic_shifting:
        slope = (config.max_shift - config.base_shift) / (config.max_image_seq_len - config.base_image_seq_len)
        shift["mu"] = config.base_shift + slope * (tokens - config.base_image_seq_len)
    scheduler.set_timesteps(sigmas=noise_levels(sampling).tolist(), device=device, **shift)
    return scheduler


def noise_levels(sampling: Sampling) -> NDArray[np.float64]:
    """The noise level before each step, falling from 1.

    The sigmas of a distilled model are interpolated at as many points as there are steps.
    """
    if sampling.sigmas:
        points = np.linspace(0, len(sampling.sigmas), sampling.steps, endpoint=False)
        return np.interp(points, np.arange(len(sampling.sigmas) + 1), (*sampling.sigmas, 0.0))
    if sampling.schedule == "linear":
        return np.linspace(1.0, 1.0 / sampling.steps, sampling.steps)
    return _linear_quadratic(sampling.steps)


def _linear_quadratic(steps: int, threshold: float = 0.025) -> NDArray[np.float64]:
    """Half the steps fall linearly by `threshold` in all, the rest along a parabola that starts with the same slope.

    This is the schedule of Movie Gen (arXiv 2410.13720), which LTX-Video since 0.9.5 is tuned for.
    """
    if steps < 2:
        return np.ones(1)
    flat, curved = steps // 2, steps - steps // 2
    slope = threshold / flat
    quadratic = (1 - threshold - slope * curved) / curved**2
    after = np.arange(curved)
    return 1 - np.concatenate([np.arange(flat) * slope, threshold + slope * after + quadratic * after**2])
