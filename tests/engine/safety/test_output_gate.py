from __future__ import annotations

import numpy as np
import pytest

from engine.safety.output_gate import finish_frames
from engine.types import EngineError


def test_black_and_white_are_black_and_white_and_the_rest_is_rounded() -> None:
    frames = np.array([0.0, 0.5, 1.0, 0.1], np.float32).reshape(1, 2, 2, 1).repeat(3, axis=3)
    assert finish_frames([frames])[0, :, :, 0].tolist() == [[0, 128], [255, 26]]


def test_what_scaling_overshot_is_clipped_not_wrapped() -> None:
    frames = np.array([-0.1, 1.1], np.float32).reshape(1, 1, 2, 1).repeat(3, axis=3)
    assert finish_frames([frames])[0, 0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_frames_with_invalid_numbers_are_refused(value: float) -> None:
    frames = np.full((2, 4, 4, 3), 0.5, np.float32)
    frames[1, 2, 3, 0] = value
    with pytest.raises(EngineError) as caught:
        finish_frames([frames])
    assert caught.value.code == "bad_frames"
