"""Switches an autoencoder between whole frames and overlapping tiles of them, by diffusers' own means. Retries
in tiles when whole frames do not fit into memory.

It knows the operator's setting and the abilities of the class; the families decide what is decoded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch

from engine.placement.policy import Tiling
from engine.types import EngineError

LARGE_FRAME: Final = 768 * 512
"""Pixels of a frame above which "auto" decodes in tiles: the autoencoder's memory grows with the area."""


def check_tiling(vae: Any, tiling: Tiling) -> None:
    """Raise EngineError `bad_setting` where the operator wants tiles of a class that has none."""
    if tiling == "on" and not _can_tile(vae):
        reason = f"a {type(vae).__name__} works on whole frames only. Set it to auto."
        raise EngineError("bad_setting", f"The setting tiling=on cannot be done here: {reason}")


def set_tiling(vae: Any, tiling: Tiling, frame_pixels: int, *, causal_decoder: bool) -> None:
    """Switch tiling on or off for a clip whose frames have `frame_pixels`, before any of it is encoded or decoded.

    Nothing of the previous clip's choice stays. A causal decoder holds a few frames at a time however long the clip
    is, and in tiles all of them: in "auto" it starts with whole frames whatever their size, until they do not fit.
    """
    large = frame_pixels > LARGE_FRAME and not causal_decoder
    if _can_tile(vae):
        vae.use_tiling = tiling == "on" or (tiling == "auto" and large)


def decode_or_tile(vae: Any, tiling: Tiling, decode: Callable[[], torch.Tensor]) -> torch.Tensor:
    """The result of `decode`. When whole frames do not fit into memory, switch to tiles until the next clip and decode
    once more.
    """
    if not can_fall_back(vae, tiling):
        return decode()
    video = decode_if_fits(decode)
    if video is None:
        vae.enable_tiling()
        return decode()
    return video


def can_fall_back(vae: Any, tiling: Tiling) -> bool:
    """Whether decoding works on whole frames now and may switch to tiles."""
    return tiling != "off" and _can_tile(vae) and not vae.use_tiling


def decode_if_fits(decode: Callable[[], torch.Tensor]) -> torch.Tensor | None:
    """The result of `decode`; None when it runs out of memory.

    The error must not outlive this call: while it is being handled, its frames keep all their tensors alive.
    """
    try:
        return decode()
    except torch.OutOfMemoryError:
        return None


def _can_tile(vae: Any) -> bool:
    """Diffusers' own test: classes without tiles inherit `enable_tiling` too, and raise in it."""
    return hasattr(vae, "use_tiling")
