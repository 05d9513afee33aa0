"""Frame rules: checks of finished frames, both Kinora's own and the operator's.

A rule is a pure function over bytes. This module knows no torch, prompt or user, and imports without numpy;
`engine.safety.output_gate` applies the rules.
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
"""Takes read-only frames [F, H, W, 3]; returns None, or in a few words the reason for a refusal."""

FLAT_FRAMES: Final = 8
"""Fewer frames are never called flat: a cut or a fade may pass through black."""
FLAT_TOLERANCE: Final = 1
"""Steps of 255 by which values of one colour channel may differ and still count as the same."""


class BadRuleError(Exception):
    """The setting of the operator's rule cannot be used; the message says how to mend it."""


@dataclass(frozen=True, slots=True)
class FrameRule:
    """A check, and the failure code of its refusal."""

    check: FrameCheck
    failure: FailureCode


def check_flat_colour(frames: NDArray[np.uint8]) -> str | None:
    """Refuses frames that are all one colour, as when a model overflows in half precision. Real content never is: even
    a sky has a gradient, and a decoder leaves more than `FLAT_TOLERANCE` on a plain wall.
    """
    if len(frames) < FLAT_FRAMES or _colour_range(frames[0]) > FLAT_TOLERANCE or _colour_range(frames) > FLAT_TOLERANCE:
        return None
    return "they are one flat colour"


def _colour_range(frames: NDArray[np.uint8]) -> int:
    """Largest difference between two values of one colour channel."""
    colours = frames.reshape(-1, frames.shape[-1])
    return int((colours.max(axis=0).astype(int) - colours.min(axis=0)).max())


GENERATED_RULES: Final = (FrameRule(check_flat_colour, "bad_frames"),)
"""Rules for generated frames only: frames copied from a source video may be black."""


def load_operator_rules(setting: str) -> tuple[FrameRule, ...]:
    """The operator's own rule, named as `package.module:function`; none where the setting is empty.

    It checks every segment of every video before any of it is written, and every preview. A rule that raises ends the
    engine's process, so that unchecked frames never leave it. Raises BadRuleError, also for errors of the module's
    import; an OSError is passed on, since it may be temporary.
    """
    if not setting:
        return ()
    module, _, function = setting.partition(":")
    try:
        check = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadRuleError(_bad_rule_message(setting, str(error))) from error
    except OSError:
        raise
    except Exception as error:
        raise BadRuleError(_bad_rule_message(setting, f"{module} raises {type(error).__name__}: {error}")) from error
    if not callable(check):
        raise BadRuleError(_bad_rule_message(setting, f"{function} is no function"))
    return (FrameRule(check, "refused_frames"),)


def _bad_rule_message(setting: str, why: str) -> str:
    return (
        f"KINORA_FRAME_RULES is {setting!r}, which cannot be used: {why}. It names a function as"
        " package.module:function in a module on PYTHONPATH; unset it to check frames by Kinora's own rules alone."
    )
