"""Scenes of the synthetic dataset, as labels: coloured things that move in one place.

renderer.py turns a scene into frames and captions.py into sentences. The API never imports the dataset: it provides
training clips and the ground truth of evaluation/, not videos for users.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

THINGS: Final = ("ball", "square", "star", "triangle", "ring", "bird", "car", "boat")
COLOURS: Final = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "turquoise")
MOTIONS: Final = ("left", "right", "up", "down", "bouncing", "circling", "growing", "still")
PLACES: Final = ("hills", "sea", "desert", "city", "plain", "snow")
TIMES: Final = ("day", "sunset", "night")
SIZES: Final = {"small": 0.165, "medium": 0.21, "big": 0.265}  # radius as a share of the picture's short side

FPS: Final = 8
SECONDS: Final = 5.0
PAIRS: Final = 0.25  # share of clips with two things
RAIN: Final = 0.25  # share of clips in which it rains
SIZED: Final = 0.3  # share of clips whose thing is small or big


def count_frames(fps: int) -> int:
    """Frames of a clip of `SECONDS`, rounded up to the 8k + 1 that the VAE takes."""
    return 8 * math.ceil(SECONDS * fps / 8) + 1


FRAMES: Final = count_frames(FPS)


@dataclass(frozen=True, slots=True)
class Scene:
    """The labels of a clip. `second` is another (thing, colour) that moves alike beside the first, which is the left or
    the upper one.

    The rest varies within one caption: `play` (0..1) within the size, `x` and `y` (-1..1) offset the path, `seed` lays
    out the scenery.
    """

    thing: str
    colour: str
    motion: str
    place: str
    time: str
    rain: bool = False
    size: str = "medium"
    second: tuple[str, str] | None = None
    play: float = 0.5
    x: float = 0.0
    y: float = 0.0
    seed: int = 0

    @property
    def held_out(self) -> bool:
        """Whether the combination is kept out of training: one in sixteen, spread over every class."""
        return (
            5 * THINGS.index(self.thing)
            + 3 * COLOURS.index(self.colour)
            + 7 * MOTIONS.index(self.motion)
            + 11 * PLACES.index(self.place)
            + 13 * TIMES.index(self.time)
        ) % 16 == 0

    @property
    def radius(self) -> float:
        """Of the thing before it grows, as a share of the picture's short side."""
        beside = 0.65 if self.motion == "growing" else 0.85
        return (SIZES[self.size] + 0.03 * self.play) * (beside if self.second else 1.0)


def random_scene(rng: np.random.Generator, *, held_out: bool = False, pair: bool | None = None) -> Scene:
    """A scene with uniformly sampled classes, from the training combinations or from the held-out ones. `pair` asks for
    two things or for one; None leaves it to chance.
    """
    if pair is None:
        pair = bool(rng.random() < PAIRS)
    while True:
        motion = str(rng.choice(MOTIONS))
        sized = rng.random() < SIZED and not pair and motion != "growing"
        scene = Scene(
            thing=str(rng.choice(THINGS)),
            colour=str(rng.choice(COLOURS)),
            motion=motion,
            place=str(rng.choice(PLACES)),
            time=str(rng.choice(TIMES)),
            rain=bool(rng.random() < RAIN),
            size=str(rng.choice(("small", "big"))) if sized else "medium",
            second=(str(rng.choice(THINGS)), str(rng.choice(COLOURS))) if pair else None,
            play=float(rng.uniform(0, 1)),
            x=float(rng.uniform(-1, 1)),
            y=float(rng.uniform(-1, 1)),
            seed=int(rng.integers(1 << 31)),
        )
        if scene.held_out == held_out and (scene.second is None or scene.second[1] != scene.colour):
            return scene
