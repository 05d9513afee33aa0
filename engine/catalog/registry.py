"""The list of all models, and lookups in it: entries by name, frame counts, native sizes, the nearest offered size.

It imports no torch, so the web process can use it too. A further model of a known family needs only an entry in
mini.py, ltx.py or diffusers.py, whose fields model.py documents.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from engine.catalog.diffusers import LTX2_AND_Z_IMAGE_ENTRIES, WAN_ENTRIES
from engine.catalog.ltx import LTX_ENTRIES
from engine.catalog.mini import MINI_ENTRY
from engine.catalog.model import ModelEntry, Size

_SAME_ASPECT: Final = 0.15
"""Difference of two aspect ratios, as a natural logarithm, below which they count as the same."""


class UnknownModelError(LookupError):
    """No catalog entry has this name."""


ENTRIES: Final = (MINI_ENTRY, *LTX_ENTRIES, *WAN_ENTRIES, *LTX2_AND_Z_IMAGE_ENTRIES)
"""Every model that Kinora knows, in the order in which they are listed."""
MODELS: Final[Mapping[str, ModelEntry]] = MappingProxyType({model.name: model for model in ENTRIES})
DEFAULT_MODEL: Final = "kinora-mini"


def find_model(name: str) -> ModelEntry:
    """The entry of this name. Raises UnknownModelError with the names that exist."""
    if model := MODELS.get(name):
        return model
    message = f"There is no model {name!r}; known are {', '.join(MODELS)}."
    raise UnknownModelError(message)


def frame_count(model: ModelEntry, seconds: float) -> int:
    """Frames of the file: seconds times rate, rounded to the nearest whole number, and at least one."""
    return max(1, round(seconds * model.fps))


def native_size(model: ModelEntry, width: int, height: int) -> Size:
    """The size at which the model denoises a clip of `width` by `height`.

    Trained shapes: the one whose aspect is nearest (ties: the larger). Free shapes: the same aspect,
    never more than `native_pixels`, sides rounded up to the model's multiple, so that scaling and a centred
    cut of the edges (`engine.media.resize.fit_to_file`) meet the size asked for.
    """
    if model.native_sizes:
        return min(
            model.native_sizes,
            key=lambda size: (
                abs(math.log(size.width / size.height) - math.log(width / height)),
                -size.width,
            ),
        )
    shrink = min(1.0, math.sqrt(model.native_pixels / (width * height)))
    step = model.native_multiple
    up = Size(*(math.ceil(side * shrink / step - 1e-9) * step for side in (width, height)))
    if up.width * up.height <= model.native_pixels:
        return up
    return Size(*(max(step, math.floor(side * shrink / step) * step) for side in (width, height)))


def nearest_size(model: ModelEntry, width: int, height: int, most: int) -> Size:
    """The offered size nearest to a video of `width` by `height`, its short side at most `most` where there is one:
    of those with the nearest aspect ratio the largest that the video fills, else the smallest.
    """
    fitting = [size for size in model.sizes if min(size) <= most] or [min(model.sizes, key=math.prod)]
    distances = {size: abs(math.log(size.width / size.height) - math.log(width / height)) for size in fitting}
    same_aspect = [size for size in fitting if distances[size] <= min(distances.values()) + _SAME_ASPECT]
    filled = [size for size in same_aspect if size.width <= width and size.height <= height]
    return max(filled, key=math.prod) if filled else min(same_aspect, key=math.prod)
