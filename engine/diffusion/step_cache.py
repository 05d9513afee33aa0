"""The step cache of a window: diffusers' First Block Cache, removed however the window ends.

At steps where the first block's output hardly changed since the step before, it skips the other blocks. It holds
state, so an aborted window must never leave it to the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from diffusers.hooks import FirstBlockCacheConfig


@contextmanager
def step_cache(threshold: float, *transformers: Any) -> Iterator[None]:
    """A step cache on each of the model's transformers within the block; none where `threshold` is 0.

    All forward calls within count as one sequence for the cache. A caller with two kinds of calls per step, for the
    prompt and for the negative prompt, separates them by the transformer's own `cache_context`, as diffusers'
    pipelines do. A transformer on several GPUs gets no cache: each GPU would decide by its own share of the tokens.
    """
    with ExitStack() as removals:
        for transformer in transformers if threshold else ():
            if getattr(transformer, "_parallel_config", None) is None:
                transformer.enable_cache(FirstBlockCacheConfig(threshold=threshold))
                removals.callback(transformer.disable_cache)
                removals.enter_context(transformer.cache_context("steps"))
        yield
