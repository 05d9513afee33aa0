"""Hooks on transformers while one window is denoised: its LoRAs, and a step cache that is removed however it ends.

The step cache skips most of a model's blocks at steps where the first block's output hardly changed since the step
before (diffusers' First Block Cache). It holds state, so an aborted window must never leave it to the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from diffusers.hooks import FirstBlockCacheConfig

from engine.catalog.model import Sampling
from engine.placement.lora import activate_loras


@contextmanager
def sampling_hooks(transformer: Any, sampling: Sampling, *others: Any, cached: bool = True) -> Iterator[None]:
    """Activate the LoRAs of `sampling` and its step cache within the block; `cached` False leaves the cache out.
    `others` are further transformers of the model, which get the same LoRAs and a cache each.

    All forward calls within count as one sequence for the cache. A caller with two kinds of calls per step, for the
    prompt and for the negative prompt, separates them by the transformer's own `cache_context`, as diffusers'
    pipelines do.
    """
    for module in (transformer, *others):
        activate_loras(module, sampling.lora_weights)
    with ExitStack() as hooks:
        for module in (transformer, *others) if cached and sampling.cache else ():
            if (
                getattr(module, "_parallel_config", None) is None
            ):  # each GPU would decide by its own share of the tokens
                module.enable_cache(FirstBlockCacheConfig(threshold=sampling.cache))
                hooks.callback(module.disable_cache)
                hooks.enter_context(module.cache_context("steps"))
        yield
