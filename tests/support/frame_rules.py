"""Rules of an operator's, for tests: what a setting names as `tests.support.frame_rules:function`."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

SEEN: Final[list[np.ndarray[Any, Any]]] = []
"""Every stretch that `watch` has judged in this process."""


def watch(frames: np.ndarray[Any, Any]) -> str | None:
    """Lets everything through, and remembers it."""
    SEEN.append(frames.copy())
    return None


def refuse(_frames: np.ndarray[Any, Any]) -> str | None:
    """Lets nothing through."""
    return "I have seen enough"


def refuse_the_second(frames: np.ndarray[Any, Any]) -> str | None:
    """Of all stretches in this process. A preview is none, and whether one comes depends on how busy the machine is."""
    if len(frames) == 1:
        return None
    watch(frames)
    return "it is the second" if len(SEEN) == 2 else None


def refuse_single_frames(frames: np.ndarray[Any, Any]) -> str | None:
    """Such as previews are."""
    return "it is alone" if len(frames) == 1 else None


def paint(frames: np.ndarray[Any, Any]) -> str | None:
    """Tries what no rule may do."""
    frames[:] = 0
    return None


NO_FUNCTION: Final = "text"
