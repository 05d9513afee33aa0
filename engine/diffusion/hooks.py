"""What transformers put on while one window is denoised, and has taken off when it is over, however it ends: LoRAs,
and a step cache.

A step cache skips most of a model's blocks at steps where the first hardly answers otherwise than at the step before
(diffusers' First Block Cache). It remembers, so a window that breaks off must never leave it to the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from diffusers.hooks import FirstBlockCacheConfig

from engine.catalog.model import Sampling
from engine.placement.lora import activate_loras


@contextmanager
def sampling_hooks(transformer: Any, how: Sampling, *others: Any, cached: bool = True) -> Iterator[None]:
    """Sample as `how` says within the block; `cached` False leaves the step cache out whatever it says. `others` are
    further transformers of the model, which wear the same and have a cache each.

    All passes within count as one sequence for the cache. Who makes passes of two kinds at each step, one for the
    prompt and one for what to avoid, names them with the transformer's own `cache_context` around each, as diffusers'
    pipelines do.
    """
    for each in (transformer, *others):
        activate_loras(each, how.lora_weights)
    with ExitStack() as over:
        for each in (transformer, *others) if cached and how.cache else ():
            if getattr(each, "_parallel_config", None) is None:  # else each GPU would skip as its part of it looks
                each.enable_cache(FirstBlockCacheConfig(threshold=how.cache))
                over.callback(each.disable_cache)
                over.enter_context(each.cache_context("steps"))
        yield
