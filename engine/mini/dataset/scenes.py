"""The drawn world: endless little clips of coloured things moving in one place, with the truth beside them.

Everything is painted by numpy from signed distances, so edges are anti-aliased at any size. Nothing here
knows words (captions.py) or models (training/), and nothing behind the API imports it: it makes training
clips and the yardsticks of judging/, never an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.mini.dataset.scenery import DROPS, RAIN_PERIOD, paint, rain
from engine.mini.dataset.shapes import REACH, Shade, atlas, texels

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

THINGS: Final = ("ball", "square", "star", "triangle", "ring", "bird", "car", "boat")
COLOURS: Final = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "turquoise")
MOTIONS: Final = ("left", "right", "up", "down", "bouncing", "circling", "growing", "still")
PLACES: Final = ("hills", "sea", "desert", "city", "plain", "snow")
TIMES: Final = ("day", "sunset", "night")
SIZES: Final = {"small": 0.165, "medium": 0.21, "big": 0.265}  # radius as a share of the picture's short side

FPS: Final = 8
SECONDS: Final = 5.0
FRAMES: Final = 41  # 5 s at 8 frames a second, rounded up to the 8k + 1 that the VAE takes

# Hues in the middle of what people call by the name, saturated, and never darkened by the hour.
PAINT: Final[dict[str, tuple[int, int, int]]] = {
    "red": (226, 28, 34),
    "orange": (250, 130, 16),
    "yellow": (252, 226, 30),
    "green": (28, 164, 44),
    "blue": (34, 76, 222),
    "purple": (138, 44, 200),
    "pink": (246, 76, 172),
    "white": (250, 250, 250),
    "turquoise": (20, 196, 196),
}

GROWN: Final = 2.1  # how many times its size a growing thing comes to in the end

PAIRS: Final = 0.25  # share of clips with two things
RAIN: Final = 0.25  # share of clips in which it rains
FADE: Final = 1.0  # seconds in which one time of day gives way to another
SIZED: Final = 0.3  # share of clips whose thing is small or big


@dataclass(frozen=True, slots=True)
class Scene:
    """What a clip shows. `second` is another (thing, colour) that does the same beside the first, which is
    the left or the upper one.

    The rest is free play within one sentence: `play` (0..1) within the size, `x` and `y` (-1..1) push the
    path about, `seed` lays out the scenery.
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
        """Whether training must never see this combination: one in sixteen, spread over every class."""
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


@dataclass(frozen=True, slots=True)
class Turn:
    """Up to and including `frame` the things move as `before` says, and only then as their scene does.

    With a `time` it is that time of day until then, and the scene's own comes within `FADE` seconds.
    """

    before: str
    frame: int
    time: str = ""


@dataclass(frozen=True, slots=True)
class Return:
    """From frame `leave` to frame `arrive` the things glide to where their motion has them at second `second`, and go
    on from there. It is what leads the end of a loop to its beginning, and one picture given to another.
    """

    leave: int
    arrive: int
    second: float


@dataclass(frozen=True, slots=True)
class Clip:
    """`frames` is uint8 (frames, height, width, 3); `mask` float32 (frames, height, width) is the coverage of
    the things; `centres` float32 (things, frames, 2) are their middles as shares (x, y) of width and height.
    """

    frames: Bytes
    mask: Floats
    centres: Floats


def random_scene(rng: np.random.Generator, *, held_out: bool = False, pair: bool | None = None) -> Scene:
    """A scene drawn evenly over the classes, from the training combinations or from the held-out ones.

    `pair` says whether two things are wanted; None leaves it to chance.
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


def draw(
    scene: Scene,
    *,
    width: int = 160,
    height: int = 96,
    frames: int = FRAMES,
    fps: float = FPS,
    start: float = 0,
    turn: Turn | Return | None = None,
) -> Clip:
    """Paint `frames` frames of the scene at `fps` from second `start`, each `width` by `height` pixels."""
    seconds = start + np.arange(frames, dtype=np.float32) / fps
    picture = np.repeat(scenery(scene, width, height)[None], frames, axis=0)
    if isinstance(turn, Turn) and turn.time:
        earlier = scenery(replace(scene, time=turn.time), width, height)
        picture += (earlier - picture) * (1 - _passed(turn, frames, fps))[:, None, None, None]
    mask = np.zeros((frames, height, width), np.float32)
    centres = []
    kinds = [(scene.thing, scene.colour)] + ([scene.second] if scene.second else [])
    for number, (thing, colour) in enumerate(kinds):
        x, y, scale = _way(scene, turn, number, seconds, width, height)
        radius = scale * scene.radius * min(width, height)
        _stamp(picture, mask, (thing, colour), x, y, radius, mirrored=_leftward(scene, turn, frames))
        centres.append(np.stack([x / width, y / height], axis=1))
    if scene.rain:
        _rain(picture)
    return Clip(
        frames=(picture + 0.5).clip(0, 255).astype(np.uint8),
        mask=mask,
        centres=np.array(centres, np.float32),
    )


# --- motion ---------------------------------------------------------------------------------------------


def path(scene: Scene, number: int, seconds: Floats, width: int, height: int) -> tuple[Floats, Floats, Floats]:
    """Middle of a thing (x, y in pixels) and its relative size at each moment.

    A motion never ends: what leaves the picture comes back in from the other side, what grows does so ever
    more slowly.
    """
    along = seconds / SECONDS
    side = min(width, height)
    x: Floats = np.full_like(seconds, 0.5 + 0.1 * scene.x)
    y: Floats = np.full_like(seconds, 0.52 + 0.05 * scene.y)
    scale = np.ones_like(seconds)
    if scene.motion in {"left", "right"}:
        sign = 1 if scene.motion == "right" else -1
        x = _around(0.5 + sign * 0.56 * (along - 0.5) + 0.05 * scene.x, 1.3 * scene.radius * side / width)
    elif scene.motion in {"up", "down"}:
        sign = 1 if scene.motion == "down" else -1
        y = _around(0.5 + sign * 0.45 * (along - 0.5) + 0.02 * scene.y, 1.3 * scene.radius * side / height)
    elif scene.motion == "bouncing":
        # Half a sine in two seconds: eight frames up, eight frames down.
        floor = min(0.76, 0.98 - scene.radius * side / height)
        y = floor - 0.32 * np.abs(np.sin(np.float32(np.pi / 2) * seconds))
    elif scene.motion == "circling":
        turn, reach = 2 * np.pi * along, side * (0.16 if scene.second else 0.2)
        x = x + reach / width * np.sin(turn)
        y = 0.5 + 0.02 * scene.y - reach / height * np.cos(turn)
    elif scene.motion == "growing":
        scale = (0.5 + (GROWN - 0.5) * (1 - np.exp(-seconds / 4))).astype(np.float32)
    if scene.second:
        x, y = _beside(scene, number, x, y)
    return x * width, y * height, scale


def _way(
    scene: Scene, turn: Turn | Return | None, number: int, seconds: Floats, width: int, height: int
) -> tuple[Floats, Floats, Floats]:
    match turn:
        case Turn():
            return _turned(scene, turn, number, seconds, width, height)
        case Return():
            return _returned(scene, turn, number, seconds, width, height)
        case None:
            return path(scene, number, seconds, width, height)


def _returned(
    scene: Scene, turn: Return, number: int, seconds: Floats, width: int, height: int
) -> tuple[Floats, Floats, Floats]:
    """The path of a thing that glides from one moment of its motion to another: straight, slow at both ends."""
    frames = np.arange(len(seconds), dtype=np.float32)
    along = ((frames - turn.leave) / (turn.arrive - turn.leave)).clip(0, 1)
    gone = along * along * (3 - 2 * along)
    later = turn.second + (frames - turn.arrive) * (seconds[1] - seconds[0])
    leaving = path(scene, number, np.minimum(seconds, seconds[turn.leave]), width, height)
    coming = path(scene, number, np.maximum(later, np.float32(turn.second)), width, height)
    x, y, scale = (before + gone * (behind - before) for before, behind in zip(leaving, coming, strict=True))
    return x, y, scale


def _turned(
    scene: Scene, turn: Turn, number: int, seconds: Floats, width: int, height: int
) -> tuple[Floats, Floats, Floats]:
    """The path of a thing that does something else from a frame on, without a jump in place or size.

    What moves across or rests goes on from where it is; what bounces or circles is there within a second.
    """
    first, later = seconds[: turn.frame + 1], seconds[turn.frame :] - seconds[turn.frame]
    x, y, scale = path(replace(scene, motion=turn.before), number, first, width, height)
    then_x, then_y, then_scale = path(scene, number, later, width, height)
    off_x, off_y = x[-1] - then_x[0], y[-1] - then_y[0]
    reach = 1.3 * scale[-1] * scene.radius * min(width, height)
    if scene.motion in {"bouncing", "circling"}:
        settling = np.minimum(later, 1)
        left = 1 - settling * settling * (3 - 2 * settling)
        off_x, off_y = off_x * (left if scene.motion == "circling" else 1), off_y * left
    then_x, then_y = then_x + off_x, then_y + off_y
    if scene.motion in {"left", "right"}:
        then_x = width * _around(then_x / width, reach / width)
    elif scene.motion in {"up", "down"}:
        then_y = height * _around(then_y / height, reach / height)
    grown = then_scale - then_scale[0]
    then_scale = scale[-1] + grown / (GROWN - then_scale[0]) * max(GROWN - scale[-1], 0)
    return (
        np.concatenate([x, then_x[1:]]),
        np.concatenate([y, then_y[1:]]),
        np.concatenate([scale, then_scale[1:]]),
    )


def _passed(turn: Turn, frames: int, fps: float) -> Floats:
    """How far the time of day has come to the scene's own in each frame, 0 to 1."""
    passed: Floats = ((np.arange(frames, dtype=np.float32) - turn.frame) / np.float32(FADE * fps)).clip(0, 1)
    return passed


def _leftward(scene: Scene, turn: Turn | Return | None, frames: int) -> NDArray[np.bool_]:
    """In which frames the things face left."""
    facing = np.full(frames, scene.motion == "left")
    if isinstance(turn, Turn):
        facing[: turn.frame + 1] = turn.before == "left"
    return facing


def _around(position: Floats, margin: float) -> Floats:
    """Out on one side, in on the other; `margin` is what a thing needs to be out of sight."""
    wrapped: Floats = (position + margin) % (1 + 2 * margin) - margin
    return wrapped


def _beside(scene: Scene, number: int, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Two things keep out of each other's way: the first goes above the second, or to its left."""
    side = 1 if number else -1
    if scene.motion in {"left", "right"}:
        return x, y + side * np.float32(0.255)
    return 0.5 + 0.5 * (x - 0.5) + side * np.float32(0.25), y


# --- paint ----------------------------------------------------------------------------------------------


def scenery(scene: Scene, width: int, height: int) -> Floats:
    """The still picture behind the things, float32 (height, width, 3) in 0..255, without the rain."""
    return paint(scene.place, scene.time, scene.seed, width, height, clouds=scene.rain)


def _stamp(
    picture: Floats,
    mask: Floats,
    kind: tuple[str, str],
    x: Floats,
    y: Floats,
    radius: Floats,
    *,
    mirrored: NDArray[np.bool_],
) -> None:
    """Paint a thing of a kind (thing, colour) into every frame of `picture`, and its coverage into `mask`, in place."""
    frames, height, width, _ = picture.shape
    layers = [(distance, _mixed(shade, kind[1])) for distance, shade in atlas(kind[0])]
    for i in range(frames):
        reach = radius[i] * REACH
        top, left = max(int(y[i] - reach), 0), max(int(x[i] - reach), 0)
        bottom, right = min(int(y[i] + reach) + 2, height), min(int(x[i] + reach) + 2, width)
        if top >= bottom or left >= right:
            continue
        rows = texels((np.arange(top, bottom) + 0.5 - y[i]) / radius[i])
        cols = texels((np.arange(left, right) + 0.5 - x[i]) / radius[i])
        patch = picture[i, top:bottom, left:right]
        for depth, (distance, shade) in enumerate(layers):
            facing = distance[:, ::-1] if mirrored[i] else distance
            cover = np.clip(0.5 - facing[rows[:, None], cols] * radius[i], 0, 1)
            patch += (shade - patch) * cover[..., None]
            if depth == 0:
                seen = mask[i, top:bottom, left:right]
                np.maximum(seen, cover, out=seen)


def _mixed(shade: Shade, colour: str) -> Floats:
    """What a layer is painted with: a colour of its own, or the thing's paint, darker at the rim."""
    paint = np.multiply(PAINT[colour], shade) if isinstance(shade, float) else np.array(shade)
    mixed: Floats = paint.astype(np.float32)
    return mixed


def _rain(picture: Floats) -> None:
    """Slanting streaks before everything, in place; they repeat every four frames, as the latents' rhythm wants."""
    frames, height, width, _ = picture.shape
    cover = rain(width, height)
    for i in range(frames):
        picture[i] += (np.array(DROPS, np.float32) - picture[i]) * cover[i % RAIN_PERIOD, ..., None]
