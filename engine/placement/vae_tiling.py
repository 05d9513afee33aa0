"""Whether an autoencoder works on whole frames or on overlapping tiles of them, by diffusers' own means, and the second
try in tiles where whole frames find no room.

It knows what the operator wants and what the class can do; what is decoded is the families' concern.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch

from engine.placement.policy import Tiling
from engine.planning.plan import Plan
from engine.types import EngineError

PIXELS: Final = 768 * 512
"""Above this frame size an autoencoder works in tiles unless told: its memory grows with the area."""


def check(vae: Any, wanted: Tiling) -> None:
    """Raises EngineError `bad_setting` where tiles are wanted of a class that has none."""
    if wanted == "on" and not _able(vae):
        reason = f"a {type(vae).__name__} works on whole frames only. Set it to auto."
        raise EngineError("bad_setting", f"The setting tiling=on cannot be done here: {reason}")


def begin(vae: Any, wanted: Tiling, plan: Plan) -> None:
    """Choose for a clip, before anything of it is encoded or decoded: nothing of the clip before stays.

    A causal decoder holds a few frames at a time however long the clip is, and in tiles all of them: left to us, it
    waits until it finds no room.
    """
    large = plan.native.width * plan.native.height > PIXELS and not plan.model.causal_decoder
    if _able(vae):
        vae.use_tiling = wanted == "on" or (wanted == "auto" and large)


def decoded(vae: Any, wanted: Tiling, decode: Callable[[], torch.Tensor]) -> torch.Tensor:
    """What `decode` makes; once more in tiles, until the next clip begins, when there is no room for whole frames."""
    if not may_retreat(vae, wanted):
        return decode()
    made = attempted(decode)
    if made is None:
        vae.enable_tiling()
        return decode()
    return made


def may_retreat(vae: Any, wanted: Tiling) -> bool:
    """Whether there are tiles left to try."""
    return wanted != "off" and _able(vae) and not vae.use_tiling


def attempted(decode: Callable[[], torch.Tensor]) -> torch.Tensor | None:
    """What `decode` makes; None where there is no room, and then what it held is free: an error that is still being
    handled holds on to everything its calls had.
    """
    try:
        return decode()
    except torch.OutOfMemoryError:
        return None


def _able(vae: Any) -> bool:
    """Diffusers' own question: the classes without tiles have inherited the method too, and raise."""
    return hasattr(vae, "use_tiling")
