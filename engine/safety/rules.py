"""Rules that judge finished frames: whether they are a picture at all, and whether an operator lets them leave.

A rule is a pure function over bytes that says nothing, or why not. This module knows no torch, no prompt and no user,
and whoever imports it need not have numpy; what a refusal means for a job is the gate's, `engine.safety.output_gate`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from engine.types import FailureCode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FrameCheck: TypeAlias = "Callable[[NDArray[np.uint8]], str | None]"
"""Takes frames [F, H, W, 3] which it cannot change, gives None or in a few words what is wrong with them."""

FLAT_FRAMES: Final = 8
"""A stretch must have so many frames before it can be called flat: a cut or a fade may well pass through black."""
FLAT: Final = 1
"""Steps of 255 by which the values of a colour may differ and still be the same."""


class BadRuleError(Exception):
    """The setting for an operator's rule cannot be used; the message says what it takes."""


@dataclass(frozen=True, slots=True)
class FrameRule:
    """A judge, and the failure that its refusal is."""

    check: FrameCheck
    failure: FailureCode


def check_flat_colour(frames: NDArray[np.uint8]) -> str | None:
    """Refuses a stretch that is one colour from edge to edge and from its first frame to its last, as when a model's
    numbers overflow in half precision. Nothing that was drawn or filmed is: a sky alone has a gradient, and a decoder
    leaves more than `FLAT` on a plain wall.
    """
    if len(frames) < FLAT_FRAMES or _spread(frames[0]) > FLAT or _spread(frames) > FLAT:
        return None
    return "they are one flat colour"


def _spread(frames: NDArray[np.uint8]) -> int:
    """How far the values of a colour lie apart, at most."""
    colours = frames.reshape(-1, frames.shape[-1])
    return int((colours.max(axis=0).astype(int) - colours.min(axis=0)).max())


GENERATED_RULES: Final = (FrameRule(check_flat_colour, "bad_frames"),)
"""Holds for what a model makes. What is kept of a film may be black for as long as it likes."""


def load_operator_rules(setting: str) -> tuple[FrameRule, ...]:
    """The operator's own rule, named as `package.module:function`; none where the setting is empty.

    It judges every stretch of every film before anything of it leaves, and every preview. One that raises ends the
    engine's process: what could not be judged does not leave. Raises BadRuleError, also for what the module raises
    while it is imported; but an OSError passes, since what it then reaches for may be there the next time.
    """
    if not setting:
        return ()
    module, _, function = setting.partition(":")
    try:
        judge = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadRuleError(_advice(setting, str(error))) from error
    except OSError:
        raise
    except Exception as error:
        raise BadRuleError(_advice(setting, f"{module} raises {type(error).__name__}: {error}")) from error
    if not callable(judge):
        raise BadRuleError(_advice(setting, f"{function} is no function"))
    return (FrameRule(judge, "refused_frames"),)


def _advice(setting: str, why: str) -> str:
    return (
        f"KINORA_FRAME_RULES is {setting!r}, which cannot be used: {why}. It names a function as"
        " package.module:function in a module on PYTHONPATH; unset it to judge frames by Kinora's own rules alone."
    )
