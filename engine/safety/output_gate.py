"""The output gate: every pixel that leaves the engine, in a video, a poster or a preview, passes `finish_frames`.

Frame rules are checked first, on unmarked frames; then the watermark is drawn. Whatever must hold for all output
belongs here and nowhere else.
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
    """Batches of frames at the file's size, [F, H, W, 3] floats in 0..1 -> all of them as one array of bytes, which the
    caller owns. With `marked` they carry the visible watermark. Raises EngineError with the failure code of the rule
    that refuses them.
    """
    frames = np.concatenate([_to_bytes(batch) for batch in batches])
    _apply_rules(frames, rules)
    if marked:
        _, height, width, _ = frames.shape
        make_watermark(width, height).draw_on(frames)  # in place: nothing else refers to these bytes yet
    return frames


def _to_bytes(frames: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Clips the range, since scaling overshoots a little at edges. Raises EngineError `bad_frames` for values that are
    not finite, which a codec would turn into a plausible black or white.
    """
    if not np.isfinite(frames).all():
        raise EngineError("bad_frames", "The model produced frames that hold numbers which are not finite.")
    return (np.clip(frames, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def _apply_rules(frames: NDArray[np.uint8], rules: Sequence[FrameRule]) -> None:
    read_only = frames.view()
    read_only.flags.writeable = False
    for rule in rules:
        if reason := rule.check(read_only):
            raise EngineError(rule.failure, f"Frames were refused: {str(reason)[:200]}.")
