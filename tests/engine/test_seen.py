"""What the studio's operations look like, on the bundled model's own weights: told from pixels, not from lengths.

In turbo quality and at native size, because eight clips in full quality would take minutes.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from engine import operations
from engine.catalog import DEFAULT
from engine.generate import Engine
from engine.mini.judging import seeing
from engine.mini.judging.judge import judge
from engine.mini.judging.studio import read
from engine.operations import Clip
from engine.types import Done, EngineConfig, Request

Frames: TypeAlias = NDArray[np.uint8]

BALL = "a red ball moves to the right over green hills by day"
SQUARE = "a blue square rises over the sea at sunset"
SECONDS = 3
FPS = 8


class Studio:
    """The bundled model, and the films it has made so far."""

    def __init__(self, folder: Path) -> None:
        self._engine = Engine(EngineConfig(device="cpu", threads=1))
        self._folder = folder
        self.film = functools.cache(self._film)

    def _film(self, request: Request) -> Path:
        out = self._folder / hashlib.sha256(repr(request).encode()).hexdigest()[:16]
        *_, last = self._engine.run(request, out, lambda: False)
        assert isinstance(last, Done)
        return last.result.video

    def clip(self, prompt: str, seed: int = 11) -> Clip:
        return Clip(self.film(request(prompt, SECONDS, seed)), SECONDS * FPS)

    def frames(self, asked: Request) -> Frames:
        return read(self.film(asked))


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return Studio(tmp_path_factory.mktemp("seen"))


def request(prompt: str, seconds: float, seed: int = 21) -> Request:
    return Request(DEFAULT, prompt, 160, 96, seconds, seed, quality="turbo")


def changes(frames: Frames) -> NDArray[np.float32]:
    """The mean change from each frame to the next, in levels of 255."""
    steps: NDArray[np.float32] = np.abs(np.diff(frames.astype(np.float32), axis=0)).mean((1, 2, 3))
    return steps


def thing(frames: Frames) -> NDArray[np.bool_]:
    """Where the first thing is, a little widened, at the frames' own size."""
    small = seeing.shrunk(frames)
    found = seeing.find(small, seeing.setting(small))[0]
    return seeing.widened(found.mask, 4)


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_an_extension_s_seam_is_no_larger_than_the_motion_in_the_clip(
    studio: Studio, direction: operations.Direction
) -> None:
    source = studio.clip(BALL)
    longer = studio.frames(operations.extend(request(BALL, SECONDS), source, 2, direction))
    seam = source.frames - 1 if direction == "forward" else len(longer) - source.frames - 1
    steps = changes(longer)
    assert steps[seam] <= 1.05 * np.delete(steps, seam).max()
    seen = judge(longer)
    assert (seen.thing, seen.colour, seen.motion, seen.place) == ("ball", "red", "right", "hills")
