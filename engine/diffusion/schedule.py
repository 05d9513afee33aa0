"""The noise levels of a clip's steps: from the catalogue's words and a request to a scheduler that is set."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.catalog.model import ModelEntry, Sampling
from engine.placement.lora import adapter_name
from engine.types import LoraWeight, Request


def resolve_sampling(model: ModelEntry, request: Request, adapters: Collection[str]) -> Sampling:
    """The model's own sampling at this quality, with what the request says instead.

    `adapters` are the ones that came with the weights: not every folder has all that the catalogue names.
    """
    own = model.sampling[request.quality].for_adapters(adapters)
    return replace(
        own,
        steps=own.steps if request.steps is None else request.steps,
        guidance_scale=own.guidance_scale if request.guidance_scale is None else request.guidance_scale,
        guidance_low=own.guidance_low if request.guidance_scale is None else None,
        loras=tuple(LoraWeight(adapter_name(each.name), each.weight) for each in request.loras),
    )


def new_scheduler(prototype: Any, how: Sampling, tokens: int, device: torch.device) -> Any:
    """A scheduler for one window of `tokens`: they hold state, so none is shared.

    Some models shift their levels by the number of tokens, along a line between two given points.
    """
    made = type(prototype).from_config(prototype.config)
    config, shift = made.config, {}
    if config.use_dynamic_shifting:
        slope = (config.max_shift - config.base_shift) / (config.max_image_seq_len - config.base_image_seq_len)
        shift["mu"] = config.base_shift + slope * (tokens - config.base_image_seq_len)
    made.set_timesteps(sigmas=noise_levels(how).tolist(), device=device, **shift)
    return made


def noise_levels(how: Sampling) -> NDArray[np.float64]:
    """The noise level before each step, falling from 1.

    A distilled model's own curve is read at as many points as there are steps.
    """
    if how.sigmas:
        points = np.linspace(0, len(how.sigmas), how.steps, endpoint=False)
        return np.interp(points, np.arange(len(how.sigmas) + 1), (*how.sigmas, 0.0))
    if how.schedule == "linear":
        return np.linspace(1.0, 1.0 / how.steps, how.steps)
    return _linear_quadratic(how.steps)


def _linear_quadratic(steps: int, threshold: float = 0.025) -> NDArray[np.float64]:
    """Half the steps fall by `threshold` in all, the rest along a parabola that starts with the same slope.

    It is the schedule of Movie Gen (arXiv 2410.13720), which LTX-Video since 0.9.5 is tuned for.
    """
    if steps < 2:
        return np.ones(1)
    flat, curved = steps // 2, steps - steps // 2
    slope = threshold / flat
    quadratic = (1 - threshold - slope * curved) / curved**2
    after = np.arange(curved)
    return 1 - np.concatenate([np.arange(flat) * slope, threshold + slope * after + quadratic * after**2])
