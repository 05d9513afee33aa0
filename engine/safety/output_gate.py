"""The one gate: every pixel that leaves the engine, in a film, a poster or a preview, comes through `finish`.

First the rules, over what was made as it is; then the marks that a plan asks for, over what passed, so that nobody
judges a mark. Whatever must hold for all pictures belongs here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.safety.rules import FrameRule
from engine.safety.watermark import make_watermark
from engine.types import EngineError


def finish_frames(
    batches: Iterable[NDArray[np.float32]], rules: Sequence[FrameRule] = (), *, marked: bool = False
) -> NDArray[np.uint8]:
    """A stretch of frames of the file's size, some [F, H, W, 3] floats at a time, where 0..1 is black to white -> all
    of them as bytes to encode, which are the caller's; `marked` ones carry the visible mark. Raises EngineError with
    the failure of the rule that refuses the stretch.
    """
    frames = np.concatenate([_bytes(batch) for batch in batches])
    _judge(frames, rules)
    if marked:
        _, height, width, _ = frames.shape
        make_watermark(width, height).draw_on(frames)  # in place, because nobody else has these bytes yet
    return frames


def _bytes(frames: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Scaling overshoots a little at edges, so the range is clipped. Numbers that are not finite are no picture: they
    raise EngineError `bad_frames`, since a codec would turn them into a plausible black or white.
    """
    if not np.isfinite(frames).all():
        raise EngineError("bad_frames", "The model produced frames that hold numbers which are not finite.")
    return (np.clip(frames, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def _judge(frames: NDArray[np.uint8], rules: Sequence[FrameRule]) -> None:
    shown = frames.view()
    shown.flags.writeable = False
    for rule in rules:
        if reason := rule.check(shown):
            raise EngineError(rule.failure, f"Frames were refused: {str(reason)[:200]}.")
