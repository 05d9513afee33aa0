"""The one gate: every pixel that leaves the engine, in a film, a poster or a preview, comes through `finish`.

Whatever must hold for all pictures belongs here and nowhere else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.types import EngineError


def finish(frames: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Frames of the file's size as [F, H, W, 3] floats, where 0..1 is black to white -> bytes to encode.

    Scaling overshoots a little at edges, so the range is clipped. Numbers that are not finite are no picture:
    they raise EngineError `bad_frames`, since a codec would turn them into a plausible black or white.
    """
    if not np.isfinite(frames).all():
        raise EngineError("bad_frames", "The model produced frames that hold numbers which are not finite.")
    return (np.clip(frames, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
