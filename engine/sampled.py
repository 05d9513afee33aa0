"""What a transformer puts on while one window is denoised, and has taken off when it is over, however it ends: LoRAs,
and a step cache.

A step cache skips most of a model's blocks at steps where the first hardly answers otherwise than at the step before
(diffusers' First Block Cache). It remembers, so a window that breaks off must never leave it to the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from diffusers.hooks import FirstBlockCacheConfig

from engine.loras import wear
from engine.model import Sampling


@contextmanager
def sampled(transformer: Any, how: Sampling, *, cached: bool = True) -> Iterator[None]:
    """Sample as `how` says within the block; `cached` False leaves the step cache out whatever it says.

    All passes within count as one sequence for the cache. Who makes passes of two kinds at each step, one for the
    prompt and one for what to avoid, names them with the transformer's own `cache_context` around each.
    """
    wear(transformer, how.worn)
    shared = getattr(transformer, "_parallel_config", None) is not None  # each GPU would skip as its part of it looks
    if shared or not (cached and how.cache):
        yield
        return
    transformer.enable_cache(FirstBlockCacheConfig(threshold=how.cache))
    try:
        with transformer.cache_context("steps"):
            yield
    finally:
        transformer.disable_cache()
