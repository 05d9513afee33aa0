from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.media.video_writer import VideoWriter
from engine.safety.output_gate import finish_frames
from engine.safety.rules import GENERATED_RULES
from engine.safety.watermark import HEIGHT, MARGIN, MIN_HEIGHT, WIDTH, Watermark, make_watermark
from engine.types import EngineError
from tests.support.videos import read_frames
from tests.support.watermarks import Pixels, mark_luminance

SIZES = [(192, 320), (256, 256), (320, 192), (640, 384), (854, 480), (1280, 720), (1920, 1080)]
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
    return finish_frames([made]), finish_frames([made], marked=True)


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
    tall = max(MIN_HEIGHT, HEIGHT * short)
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
    size, margin = max(MIN_HEIGHT, round(HEIGHT * min(width, height))), round(MARGIN * min(width, height))
    shade = 0.5 * size + 1
    assert height - margin - size - shade <= top < bottom <= min(height, height - margin + shade)
    assert width - margin - WIDTH * size - shade <= left < right <= min(width, width - margin + shade)


@pytest.mark.parametrize("name", GROUNDS)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_it_can_be_read_on_any_ground(name: str, width: int, height: int) -> None:
    strokes, shade = mark_luminance(both(name, width, height)[1])
    assert (strokes.mean() + 0.05) / (shade.mean() + 0.05) > 3, "as WCAG asks of graphics"
    assert strokes.min() > np.percentile(shade, 99)


def filmed(frames: Pixels, folder: Path) -> Pixels:
    """Frames as they come out of a film."""
    count, height, width, _ = frames.shape
    with VideoWriter(folder, width, height, 8, count) as film:
        film.write_frames(frames)
    return read_frames(film.result().video)


@pytest.mark.parametrize("name", GROUNDS)
@pytest.mark.parametrize(("width", "height"), [(192, 320), (320, 192), (854, 480), (1280, 720)])
def test_the_watermark_can_be_read_in_a_video(name: str, width: int, height: int, tmp_path: Path) -> None:
    strokes, shade = mark_luminance(filmed(both(name, width, height, 3)[1], tmp_path))
    assert (strokes.mean() + 0.05) / (shade.mean() + 0.05) > 3
    assert np.ptp(strokes.mean(axis=1)) < 0.02, "it does not flicker"


def test_it_is_the_same_in_every_frame_and_in_every_process() -> None:
    _, marked = both("grey", 320, 192, 5)
    assert (marked == marked[0]).all()
    first, again = make_watermark(320, 192), make_watermark.__wrapped__(320, 192)
    assert first is make_watermark(320, 192), "it is drawn once for a size"
    assert (first.top, first.left) == (again.top, again.left)
    assert np.array_equal(first.min_brightness, again.min_brightness)
    assert np.array_equal(first.max_brightness, again.max_brightness)


def test_its_shade_darkens_a_colour_and_does_not_turn_it() -> None:
    plain, marked = both("blue", 640, 384)
    made = make_watermark(640, 384)
    darker = (marked < plain).all(axis=3) & (np.pad(made.min_brightness[:, :, 0], _around(made, 640, 384)) == 0)
    shares = marked[darker] / marked[darker].max(axis=1, keepdims=True)
    assert darker.sum() > 100
    assert np.abs(shares - plain[0, 0, 0] / plain[0, 0, 0].max()).max() < 0.02


def _around(made: Watermark, width: int, height: int) -> list[tuple[int, int]]:
    rows, columns, _ = made.min_brightness.shape
    return [(made.top, height - made.top - rows), (made.left, width - made.left - columns)]


@pytest.mark.parametrize(("width", "height"), [(64, 64), (64, 1920), (320, 11), (11, 320), (8, 8), (1, 1)])
def test_a_frame_that_has_no_room_gets_a_smaller_one(width: int, height: int) -> None:
    plain, marked = both("black", width, height)
    assert plain.shape == marked.shape
    made = make_watermark(width, height)
    rows, columns, _ = made.min_brightness.shape
    assert made.min_brightness.any()
    assert (made.top + rows <= height, made.left + columns <= width) == (True, True)


# --- what is marked already -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", GROUNDS)
def test_marking_what_is_marked_changes_nothing(name: str) -> None:
    _, once = both(name, 640, 384, 2)
    assert np.array_equal(finish_frames([floats(once)], marked=True), once)


@pytest.mark.parametrize("name", GROUNDS)
def test_a_video_from_a_watermarked_video_looks_as_the_first(name: str, tmp_path: Path) -> None:
    first = shown = filmed(both(name, 320, 192, 3)[1], tmp_path / "0")
    for number in range(1, 4):
        shown = filmed(finish_frames([floats(shown)], marked=True), tmp_path / str(number))
    for before, after in zip(mark_luminance(first), mark_luminance(shown), strict=True):
        assert abs(before.mean() - after.mean()) < 0.03


# --- the gate -------------------------------------------------------------------------------------------


def test_who_is_not_marked_loses_no_pixel() -> None:
    made = ground("noise", 320, 192, 2)
    plain = (made * 255 + 0.5).astype(np.uint8)
    assert np.array_equal(finish_frames([made]), plain)
    assert np.array_equal(finish_frames([made], marked=False), plain)


def test_rules_judge_frames_without_it() -> None:
    with pytest.raises(EngineError) as caught:
        finish_frames([ground("black", 320, 192, 9)], GENERATED_RULES, marked=True)
    assert caught.value.code == "bad_frames"
