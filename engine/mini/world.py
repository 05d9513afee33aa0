"""The drawn world: endless little clips of one coloured thing moving in one place, with the truth beside them.

Everything is painted by numpy from signed distances, so edges are anti-aliased at any size. Nothing here
knows words (captions.py) or models (train.py), and nothing behind the API imports it: it makes training
clips and the yardsticks of evaluate.py, never an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.mini.scenery import paint
from engine.mini.things import REACH, atlas, texels

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

THINGS: Final = ("ball", "square", "star", "triangle", "ring", "heart", "car", "boat")
COLOURS: Final = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "turquoise")
MOTIONS: Final = ("left", "right", "up", "down", "bouncing", "circling", "growing", "still")
PLACES: Final = ("hills", "sea", "desert", "city", "plain", "snow")
TIMES: Final = ("day", "sunset", "night")

FPS: Final = 8
SECONDS: Final = 5.0
FRAMES: Final = 41  # 5 s at 8 frames a second, rounded up to the 8k + 1 that the VAE takes

PAINT: Final[dict[str, tuple[int, int, int]]] = {
    "red": (224, 32, 36),
    "orange": (250, 130, 20),
    "yellow": (252, 216, 32),
    "green": (28, 160, 52),
    "blue": (36, 76, 220),
    "purple": (132, 44, 190),
    "pink": (246, 92, 172),
    "white": (250, 250, 250),
    "turquoise": (20, 196, 196),
}


@dataclass(frozen=True, slots=True)
class Scene:
    """What a clip shows. `size`, `x`, `y` and `seed` are the free play within one sentence.

    `size` is the thing's radius as a share of the picture's short side; `x` and `y` in -1..1 push its path
    about; `seed` lays out the scenery.
    """

    thing: str
    colour: str
    motion: str
    place: str
    time: str
    size: float = 0.175
    x: float = 0.0
    y: float = 0.0
    seed: int = 0

    @property
    def held_out(self) -> bool:
        """Whether training must never see this combination: one in sixteen, spread over every class."""
        return (
            5 * THINGS.index(self.thing)
            + 3 * COLOURS.index(self.colour)
            + 7 * MOTIONS.index(self.motion)
            + 11 * PLACES.index(self.place)
            + 13 * TIMES.index(self.time)
        ) % 16 == 0


@dataclass(frozen=True, slots=True)
class Clip:
    """`frames` is uint8 (frames, height, width, 3); `mask` float32 (frames, height, width) is the thing's
    coverage; `centres` float32 (frames, 2) is its middle as shares (x, y) of width and height.
    """

    frames: Bytes
    mask: Floats
    centres: Floats


def random_scene(rng: np.random.Generator, *, held_out: bool = False, balls: float = 0.0) -> Scene:
    """A scene drawn evenly over the classes, from the training combinations or from the held-out ones.

    A share of `balls` is added for training: it is what most first prompts ask for.
    """
    while True:
        scene = Scene(
            thing="ball" if rng.random() < balls else str(rng.choice(THINGS)),
            colour=str(rng.choice(COLOURS)),
            motion=str(rng.choice(MOTIONS)),
            place=str(rng.choice(PLACES)),
            time=str(rng.choice(TIMES)),
            size=float(rng.uniform(0.15, 0.2)),
            x=float(rng.uniform(-1, 1)),
            y=float(rng.uniform(-1, 1)),
            seed=int(rng.integers(1 << 31)),
        )
        if scene.held_out == held_out:
            return scene


def draw(
    scene: Scene, *, width: int = 160, height: int = 96, frames: int = FRAMES, fps: float = FPS, start: float = 0
) -> Clip:
    """Paint `frames` frames of the scene at `fps` from second `start`, each `width` by `height` pixels."""
    seconds = start + np.arange(frames, dtype=np.float32) / fps
    x, y, scale = path(scene, seconds)
    picture = np.repeat(scenery(scene, width, height)[None], frames, axis=0)
    mask = np.zeros((frames, height, width), np.float32)
    _stamp(picture, mask, scene, x * width, y * height, scale * scene.size * min(width, height))
    return Clip(
        frames=(picture + 0.5).clip(0, 255).astype(np.uint8),
        mask=mask,
        centres=np.stack([x, y], axis=1).astype(np.float32),
    )


# --- motion ---------------------------------------------------------------------------------------------


def path(scene: Scene, seconds: Floats) -> tuple[Floats, Floats, Floats]:
    """Middle of the thing (x, y as shares of width and height) and its relative size at each moment."""
    along = seconds / SECONDS
    x: Floats = np.full_like(seconds, 0.5 + 0.12 * scene.x)
    y: Floats = np.full_like(seconds, 0.52 + 0.06 * scene.y)
    scale = np.ones_like(seconds)
    if scene.motion in {"left", "right"}:
        sign = 1 if scene.motion == "right" else -1
        x = 0.5 + sign * 0.66 * (along - 0.5) + 0.05 * scene.x
    elif scene.motion in {"up", "down"}:
        sign = 1 if scene.motion == "down" else -1
        y = 0.5 + sign * 0.52 * (along - 0.5) + 0.02 * scene.y
    elif scene.motion == "bouncing":
        # Half a sine per two seconds: eight frames up, eight frames down.
        y = 0.74 - 0.4 * np.abs(np.sin(np.float32(np.pi / 2) * seconds)) + 0.02 * scene.y
        x = x + 0.06 * np.sign(scene.x) * (along - 0.5)
    elif scene.motion == "circling":
        turn = 2 * np.pi * along
        x = 0.5 + 0.06 * scene.x + 0.16 * np.sin(turn)
        y = 0.5 + 0.02 * scene.y - 0.24 * np.cos(turn)
    elif scene.motion == "growing":
        scale = 0.55 + 1.15 * along
    return x, y, scale


def scenery(scene: Scene, width: int, height: int) -> Floats:
    """The still picture behind the thing, float32 (height, width, 3) in 0..255."""
    return paint(scene.place, scene.time, scene.seed, width, height)


def _stamp(picture: Floats, mask: Floats, scene: Scene, x: Floats, y: Floats, radius: Floats) -> None:
    """Paint the thing into every frame of `picture`, and its coverage into `mask`, in place."""
    frames, height, width, _ = picture.shape
    shade = 0.9 if scene.time == "night" else 1.0
    layers = [(d, np.array(c or PAINT[scene.colour], np.float32) * shade) for d, c in atlas(scene.thing)]
    for i in range(frames):
        reach = radius[i] * REACH
        top, left = max(int(y[i] - reach), 0), max(int(x[i] - reach), 0)
        bottom, right = min(int(y[i] + reach) + 2, height), min(int(x[i] + reach) + 2, width)
        rows = texels((np.arange(top, bottom) + 0.5 - y[i]) / radius[i])
        cols = texels((np.arange(left, right) + 0.5 - x[i]) / radius[i])
        patch = picture[i, top:bottom, left:right]
        for depth, (distance, colour) in enumerate(layers):
            cover = np.clip(0.5 - distance[rows[:, None], cols] * radius[i], 0, 1)
            patch += (colour - patch) * cover[..., None]
            if depth == 0:
                mask[i, top:bottom, left:right] = cover
