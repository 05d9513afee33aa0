from __future__ import annotations

import io
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine.__main__ import main
from engine.media.video_writer import Film
from engine.planning import operations
from engine.planning.operations import Clip
from engine.runtime import preview
from engine.runtime.engine import Engine
from engine.safety.output_gate import finish
from engine.safety.rules import MADE
from engine.safety.watermark import HEIGHT, LEAST, LIGHT, MARGIN, SHADE, WIDTH, Mark, mark
from engine.types import EngineConfig, EngineError, Event, Piece, Preview, Request, Resume, Segment, Take
from tests.support import frame_rules

Pixels = NDArray[np.uint8]
SIZES = [(192, 320), (256, 256), (320, 192), (640, 384), (854, 480), (1280, 720), (1920, 1080)]
ALIKE = 0.75
UNLIKE = 0.3
GROUNDS = ["white", "black", "grey", "noise", "blue"]


def ground(name: str, width: int, height: int, frames: int = 1) -> NDArray[np.float32]:
    """Frames of one colour, or of noise that differs from pixel to pixel and from frame to frame."""
    shape = (frames, height, width, 3)
    if name == "noise":
        return np.random.default_rng(0).random(shape, dtype=np.float32)
    colours = {"white": (1, 1, 1), "black": (0, 0, 0), "grey": (0.5, 0.5, 0.5), "blue": (0.1, 0.5, 0.9)}
    return np.broadcast_to(np.array(colours[name], np.float32), shape).copy()


def both(name: str, width: int, height: int, frames: int = 1) -> tuple[Pixels, Pixels]:
    """The same frames without the mark and with it."""
    made = ground(name, width, height, frames)
    return finish([made]), finish([made], marked=True)


def floats(frames: Pixels) -> NDArray[np.float32]:
    """Bytes as they go into the gate again."""
    return (frames / 255).astype(np.float32)


def box(where: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of what is true; the ends are one behind."""
    rows, columns = (np.flatnonzero(where.any(axis=axis)) for axis in (1, 0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


# --- what it looks like ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_it_lies_within_the_margin_of_the_lower_right_corner(width: int, height: int) -> None:
    plain, marked = both("black", width, height)
    top, bottom, left, right = box((plain != marked).any(axis=(0, 3)))
    short = min(width, height)
    tall = max(LEAST, HEIGHT * short)
    assert bottom == height - round(MARGIN * short)
    assert abs(width - round(MARGIN * short) - right) <= 1
    assert abs(bottom - top - tall) <= 1
    assert abs(right - left - WIDTH * tall) <= WIDTH / 2 + 1
    assert right - left < width / 2


@pytest.mark.parametrize("short", [480, 720, 1080])
def test_it_is_small(short: int) -> None:
    plain, marked = both("black", short * 16 // 9, short)
    top, bottom, left, right = box((plain != marked).any(axis=(0, 3)))
    assert 0.035 <= (bottom - top) / short <= 0.045
    assert (right - left) * (bottom - top) < 0.006 * plain[0, :, :, 0].size


@pytest.mark.parametrize("name", GROUNDS)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_nothing_around_it_changes(name: str, width: int, height: int) -> None:
    plain, marked = both(name, width, height, 2)
    top, bottom, left, right = box((plain != marked).any(axis=(0, 3)))
    size, margin = max(LEAST, round(HEIGHT * min(width, height))), round(MARGIN * min(width, height))
    shade = 0.5 * size + 1
    assert height - margin - size - shade <= top < bottom <= min(height, height - margin + shade)
    assert width - margin - WIDTH * size - shade <= left < right <= min(width, width - margin + shade)


def light(frames: Pixels) -> NDArray[np.float64]:
    """Relative luminance (WCAG 2, with the plain power for the curve)."""
    return np.asarray((frames / 255.0) ** 2.2 @ np.array([0.2126, 0.7152, 0.0722]), np.float64)


def parts(frames: Pixels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of the mark in frames: the luminance of its strokes, and of what touches them."""
    made = mark(frames.shape[2], frames.shape[1])
    height, width, _ = made.least.shape
    corner = light(frames[:, made.top : made.top + height, made.left : made.left + width])
    strokes = made.least[:, :, 0] > 0.9 * LIGHT
    shade = (made.least[:, :, 0] == 0) & (made.most[:, :, 0] < SHADE + 40)
    return corner[:, strokes], corner[:, shade]


@pytest.mark.parametrize("name", GROUNDS)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_it_can_be_read_on_any_ground(name: str, width: int, height: int) -> None:
    strokes, shade = parts(both(name, width, height)[1])
    assert (strokes.mean() + 0.05) / (shade.mean() + 0.05) > 3, "as WCAG asks of graphics"
    assert strokes.min() > np.percentile(shade, 99)


def filmed(frames: Pixels, folder: Path) -> Pixels:
    """Frames as they come out of a film."""
    count, height, width, _ = frames.shape
    with Film(folder, width, height, 8, count) as film:
        film.write(frames)
    return pixels(film.result().video)


def pixels(path: Path) -> Pixels:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]).astype(np.uint8)


@pytest.mark.parametrize("name", GROUNDS)
@pytest.mark.parametrize(("width", "height"), [(192, 320), (320, 192), (854, 480), (1280, 720)])
def test_it_can_be_read_in_a_film(name: str, width: int, height: int, tmp_path: Path) -> None:
    strokes, shade = parts(filmed(both(name, width, height, 3)[1], tmp_path))
    assert (strokes.mean() + 0.05) / (shade.mean() + 0.05) > 3
    assert np.ptp(strokes.mean(axis=1)) < 0.02, "it does not flicker"


def test_it_is_the_same_in_every_frame_and_in_every_process() -> None:
    _, marked = both("grey", 320, 192, 5)
    assert (marked == marked[0]).all()
    first, again = mark(320, 192), mark.__wrapped__(320, 192)
    assert first is mark(320, 192), "it is drawn once for a size"
    assert (first.top, first.left) == (again.top, again.left)
    assert np.array_equal(first.least, again.least)
    assert np.array_equal(first.most, again.most)


def test_its_shade_darkens_a_colour_and_does_not_turn_it() -> None:
    plain, marked = both("blue", 640, 384)
    made = mark(640, 384)
    darker = (marked < plain).all(axis=3) & (np.pad(made.least[:, :, 0], _around(made, 640, 384)) == 0)
    shares = marked[darker] / marked[darker].max(axis=1, keepdims=True)
    assert darker.sum() > 100
    assert np.abs(shares - plain[0, 0, 0] / plain[0, 0, 0].max()).max() < 0.02


def _around(made: Mark, width: int, height: int) -> list[tuple[int, int]]:
    rows, columns, _ = made.least.shape
    return [(made.top, height - made.top - rows), (made.left, width - made.left - columns)]


@pytest.mark.parametrize(("width", "height"), [(64, 64), (64, 1920), (320, 11), (11, 320), (8, 8), (1, 1)])
def test_a_frame_that_has_no_room_gets_a_smaller_one(width: int, height: int) -> None:
    plain, marked = both("black", width, height)
    assert plain.shape == marked.shape
    made = mark(width, height)
    rows, columns, _ = made.least.shape
    assert made.least.any()
    assert (made.top + rows <= height, made.left + columns <= width) == (True, True)


# --- what is marked already -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", GROUNDS)
def test_marking_what_is_marked_changes_nothing(name: str) -> None:
    _, once = both(name, 640, 384, 2)
    assert np.array_equal(finish([floats(once)], marked=True), once)


@pytest.mark.parametrize("name", GROUNDS)
def test_a_film_from_a_film_from_a_film_looks_as_the_first(name: str, tmp_path: Path) -> None:
    first = shown = filmed(both(name, 320, 192, 3)[1], tmp_path / "0")
    for number in range(1, 4):
        shown = filmed(finish([floats(shown)], marked=True), tmp_path / str(number))
    for before, after in zip(parts(first), parts(shown), strict=True):
        assert abs(before.mean() - after.mean()) < 0.03


# --- the gate -------------------------------------------------------------------------------------------


def test_who_is_not_marked_loses_no_pixel() -> None:
    made = ground("noise", 320, 192, 2)
    plain = (made * 255 + 0.5).astype(np.uint8)
    assert np.array_equal(finish([made]), plain)
    assert np.array_equal(finish([made], marked=False), plain)


def test_rules_judge_frames_without_it() -> None:
    with pytest.raises(EngineError) as caught:
        finish([ground("black", 320, 192, 9)], MADE, marked=True)
    assert caught.value.code == "bad_frames"


# --- what leaves the engine -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engine(config: EngineConfig) -> Engine:
    return Engine(config)


@pytest.fixture
def request_() -> Request:
    return Request("kinora-mini", "a red ball", width=320, height=192, seconds=6, seed=7, steps=4, marked=True)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at every window whatever it costs."""
    monkeypatch.setattr(preview, "LEFT", 0.0)
    monkeypatch.setattr(preview, "SHARE", 9.0)


def run(engine: Engine, request: Request, folder: Path, resume: Resume | None = None) -> list[Event]:
    return list(engine.run(request, folder, lambda: False, resume))


def likeness(picture: Pixels, width: int, height: int) -> float:
    """How far the corner of a picture [H, W, 3], a frame of this size made smaller, goes with the mark: 1 as it is."""
    canvas = np.zeros((height, width), np.uint8)
    made = mark(width, height)
    rows, columns, _ = made.least.shape
    corner = slice(made.top, made.top + rows), slice(made.left, made.left + columns)
    canvas[corner] = made.least[:, :, 0]
    scale = picture.shape[1] / width
    small = np.asarray(Image.fromarray(canvas).resize(picture.shape[1::-1], Image.Resampling.LANCZOS), float)
    there = tuple(slice(round(side.start * scale), round(side.stop * scale)) for side in corner)
    return float(np.corrcoef(small[there].ravel(), picture.mean(axis=2)[there].ravel())[0, 1])


def opened(data: Path | bytes) -> Pixels:
    with Image.open(io.BytesIO(data) if isinstance(data, bytes) else data) as image:
        return np.asarray(image.convert("RGB"))


def products(events: list[Event], folder: Path) -> dict[str, list[Pixels]]:
    """Every picture that a request for 320x192 gave, by where it was found."""
    looks = [opened(event.file) for event in events if isinstance(event, Preview)]
    segments = [event for event in events if isinstance(event, Segment)]
    sheet = opened(folder / "spritesheet.jpg")
    sprites = [sheet[y : y + 96, x : x + 160] for y in range(0, len(sheet), 96) for x in range(0, sheet.shape[1], 160)]
    return {
        "previews": looks,
        "segments": [frame for each in segments for frame in _piece(each, folder)],
        "film": list(pixels(folder / "video.mp4")),
        "poster": [opened(folder / "poster.jpg")],
        "thumbnail": [opened(folder / "thumbnail.webp")],
        "sprites": [sprite for sprite in sprites if sprite.max() > 40],
    }


def _piece(segment: Segment, folder: Path) -> Pixels:
    joined = folder / "joined.mp4"
    joined.write_bytes(segment.head.read_bytes() + segment.file.read_bytes())
    return pixels(joined)


@pytest.mark.usefixtures("eager")
def test_all_that_a_marked_request_shows_carries_it(engine: Engine, request_: Request, tmp_path: Path) -> None:
    marked = products(run(engine, request_, tmp_path / "marked"), tmp_path / "marked")
    plain = products(run(engine, replace(request_, marked=False), tmp_path / "plain"), tmp_path / "plain")
    assert [len(pictures) for pictures in marked.values()] == [len(pictures) for pictures in plain.values()]
    assert len(marked["film"]) == len(marked["segments"]) == 48
    assert len(marked["sprites"]) == 25
    assert marked["previews"]
    for where in marked:
        assert min(likeness(picture, 320, 192) for picture in marked[where]) > ALIKE, where
        assert max(likeness(picture, 320, 192) for picture in plain[where]) < UNLIKE, where
    assert np.array_equal(np.stack(marked["film"])[:, :100], np.stack(marked["segments"])[:, :100])


@pytest.mark.usefixtures("eager")
def test_a_preview_has_a_mark_of_its_own_size(engine: Engine, request_: Request, tmp_path: Path) -> None:
    events = run(engine, replace(request_, width=640, height=384, seconds=1), tmp_path)
    looks = [opened(event.file) for event in events if isinstance(event, Preview)]
    assert min(likeness(look, *look.shape[1::-1]) for look in looks) > ALIKE


def test_a_still_carries_it(engine: Engine, request_: Request, tmp_path: Path) -> None:
    run(engine, replace(request_, seconds=0), tmp_path)
    [frame] = pixels(tmp_path / "video.mp4")
    assert min(likeness(picture, 320, 192) for picture in (frame, opened(tmp_path / "poster.jpg"))) > ALIKE


@pytest.mark.usefixtures("eager")
def test_each_picture_is_marked_once(
    engine: Engine, request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    draw = Mark.draw

    def counted(self: Mark, frames: Pixels) -> None:
        drawn.append(len(frames))
        draw(self, frames)

    monkeypatch.setattr(Mark, "draw", counted)
    events = run(engine, request_, tmp_path)
    assert sum(drawn) == 48 + sum(isinstance(event, Preview) for event in events)
    assert run(engine, replace(request_, marked=False), tmp_path)
    assert sum(drawn) == 48 + sum(isinstance(event, Preview) for event in events)


def test_what_is_kept_of_a_film_and_what_is_made_beside_it_are_marked(
    engine: Engine, request_: Request, tmp_path: Path
) -> None:
    run(engine, replace(request_, seconds=2), tmp_path / "first")
    film = tmp_path / "first" / "video.mp4"
    run(engine, operations.extend(request_, Clip(film, 16), 2, "forward"), tmp_path / "longer")
    before, after = pixels(film), pixels(tmp_path / "longer" / "video.mp4")
    assert min(likeness(frame, 320, 192) for frame in after) > ALIKE
    (strokes, shade), (more_strokes, more_shade) = parts(before), parts(after)
    assert abs(strokes.mean() - more_strokes.mean()) < 0.03
    assert abs(shade.mean() - more_shade.mean()) < 0.03


def test_an_attempt_that_goes_on_marks_as_the_one_before(engine: Engine, request_: Request, tmp_path: Path) -> None:
    events = run(engine, request_, tmp_path / "whole")
    first = next(event for event in events if isinstance(event, Segment))
    (tmp_path / "kept").mkdir()
    assert first.state
    head, file, state = (Path(shutil.copy(one, tmp_path / "kept")) for one in (first.head, first.file, first.state))
    resume = Resume((Piece(head, file),), state)
    again = run(engine, request_, tmp_path / "again", resume)
    assert next(event.index for event in again if isinstance(event, Segment)) == 1
    assert np.array_equal(pixels(tmp_path / "whole" / "video.mp4"), pixels(tmp_path / "again" / "video.mp4"))
    other = run(engine, replace(request_, marked=False), tmp_path / "other", resume)
    assert next(event.index for event in other if isinstance(event, Segment)) == 0, "half a film is never marked"


def test_an_operator_s_rule_never_sees_it(config: EngineConfig, request_: Request, tmp_path: Path) -> None:
    frame_rules.SEEN.clear()
    with Film(tmp_path / "source", 320, 192, 8, 8) as film:
        film.write(np.full((8, 192, 320, 3), 90, np.uint8))
    request = replace(request_, seconds=1, takes=(Take(film.result().video, 0, 8, 0),))
    run(Engine(replace(config, frame_rules="tests.support.frame_rules:watch")), request, tmp_path / "made")
    [seen] = frame_rules.SEEN
    frame_rules.SEEN.clear()
    assert np.ptp(seen) < 6
    assert likeness(pixels(tmp_path / "made" / "video.mp4")[0], 320, 192) > ALIKE


def test_the_command_draws_it_when_asked(weights: Path, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)  # the command takes over Ctrl-C
    words = ["--model", str(weights), "--size", "320x192", "--seconds", "0", "--steps", "1", "--seed", "7"]
    for name, more in (("plain", []), ("marked", ["--marked"])):
        assert main(["a red ball", str(tmp_path / f"{name}.mp4"), *words, "--device", "cpu", *more]) == 0
    signal.signal(signal.SIGINT, before)
    plain, marked = (pixels(tmp_path / f"{name}.mp4")[0] for name in ("plain", "marked"))
    assert likeness(marked, 320, 192) > ALIKE
    assert abs(likeness(plain, 320, 192)) < UNLIKE
