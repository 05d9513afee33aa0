"""Orientation, pixel shape, matrix, range and transparency: a video is shown as a player shows it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from engine.media.video_ingest import ingest_video
from engine.media.video_reader import VideoReader
from tests.engine.media.test_images import corners, quadrants
from tests.support.video_files import Coding, mp4_with_matrix, write_frames


def shown(source: Path, folder: Path) -> Any:
    """The first frame of the ingested video."""
    ingest_video(source, folder / "out.mp4", 20)
    return VideoReader(24).read_frames(folder / "out.mp4", 0, 0)[0]


# x' = ax + cy, y' = bx + dy (ISO 14496-12): the quadrants that are seen, row by row, for each matrix (a, b, c, d).
MATRICES = {
    (1, 0, 0, 1): "RG/B.",
    (-1, 0, 0, 1): "GR/.B",
    (-1, 0, 0, -1): ".B/GR",
    (1, 0, 0, -1): "B./RG",
    (0, 1, 1, 0): "RB/G.",
    (0, 1, -1, 0): "BR/.G",
    (0, -1, -1, 0): ".G/BR",
    (0, -1, 1, 0): "G./RB",
}


@pytest.mark.parametrize(("matrix", "seen"), MATRICES.items(), ids=str)
def test_every_display_matrix_is_followed(tmp_path: Path, matrix: tuple[int, int, int, int], seen: str) -> None:
    plain = write_frames(tmp_path / "a.mp4", [np.asarray(quadrants())] * 3)
    (tmp_path / "laid.mp4").write_bytes(mp4_with_matrix(plain.read_bytes(), *matrix))
    pixels = shown(tmp_path / "laid.mp4", tmp_path)
    assert pixels.shape[:2] == ((32, 64) if matrix[0] else (64, 32))
    assert corners(pixels) == seen


@pytest.mark.parametrize(
    ("width", "height", "aspect", "size"),
    [
        (320, 360, Fraction(2), (640, 360)),
        (640, 180, Fraction(1, 2), (640, 360)),
        (1440, 1080, Fraction(4, 3), (1280, 720)),
        (720, 576, Fraction(16, 15), (768, 576)),
        (64, 48, Fraction(1000), (64, 48)),
    ],
)
def test_pixels_become_square(tmp_path: Path, width: int, height: int, aspect: Fraction, size: tuple[int, int]) -> None:
    source = write_frames(tmp_path / "a.mp4", [np.asarray(quadrants().resize((width, height)))] * 2, aspect=aspect)
    pixels = shown(source, tmp_path)
    assert (pixels.shape[1], pixels.shape[0]) == size
    assert corners(pixels) == "RG/B."


def test_pixels_become_square_before_the_frame_is_turned(tmp_path: Path) -> None:
    plain = write_frames(tmp_path / "a.mp4", [np.asarray(quadrants())] * 3, aspect=Fraction(2))
    (tmp_path / "laid.mp4").write_bytes(mp4_with_matrix(plain.read_bytes(), 0, 1, -1, 0))
    pixels = shown(tmp_path / "laid.mp4", tmp_path)
    assert (pixels.shape[:2], corners(pixels)) == ((128, 32), "BR/.G")


COLOURS = [(250, 250, 250), (250, 0, 0), (0, 250, 0), (0, 0, 250), (128, 128, 128), (10, 10, 10), (200, 120, 90)]
FINE = (("crf", "5"),)


@pytest.mark.parametrize(
    ("name", "coding", "height"),
    [
        ("a.mp4", Coding(matrix=Colorspace.ITU709, options=FINE), 64),
        ("a.mp4", Coding(matrix=Colorspace.ITU601, options=FINE), 64),
        ("a.mp4", Coding(matrix=Colorspace.ITU601, options=FINE, tagged=False), 64),
        ("a.mp4", Coding(matrix=Colorspace.ITU709, options=FINE, tagged=False), 720),
        ("a.mp4", Coding("libx264", "yuvj420p", Colorspace.ITU709, ColorRange.JPEG, options=FINE), 64),
        ("a.mp4", Coding("libx264", "yuv422p10le", Colorspace.ITU709, options=FINE), 64),
        ("a.mov", Coding("mjpeg", "yuvj422p", Colorspace.ITU601, ColorRange.JPEG), 64),
        ("a.mkv", Coding("libx264rgb", "rgb24", options=FINE), 64),
        ("a.webm", Coding("libvpx-vp9", "yuv420p", Colorspace.ITU709, options=FINE), 64),
    ],
    ids=["709", "601", "small, unsaid", "large, unsaid", "full range", "ten bits", "MJPEG", "RGB", "VP9"],
)
def test_matrix_and_range_are_the_file_s_own(tmp_path: Path, name: str, coding: Coding, height: int) -> None:
    bars = np.repeat(np.array(COLOURS, np.uint8), 32, axis=0)
    frame = np.broadcast_to(bars[None], (height, len(bars), 3)).copy()
    pixels = shown(write_frames(tmp_path / name, [frame] * 3, coding), tmp_path)
    for bar, wanted in enumerate(COLOURS):
        assert np.abs(np.subtract(pixels[height // 2, 32 * bar + 16], wanted)).max() <= 6, (bar, wanted)


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    frame = np.zeros((64, 128, 4), np.uint8)
    frame[:, :64] = (250, 0, 0, 255)
    frame[:, 64:96] = (0, 0, 0, 128)
    source = write_frames(tmp_path / "a.mov", [frame] * 2, Coding("qtrle", "argb"))
    pixels = shown(source, tmp_path)
    assert np.abs(np.subtract(pixels[32, [16, 80, 112]], [(250, 0, 0), (127,) * 3, (255,) * 3])).max() <= 6


@pytest.mark.parametrize("size", [(65, 33), (1281, 721), (3, 5)])
def test_odd_sides_become_even(tmp_path: Path, size: tuple[int, int]) -> None:
    frame = np.asarray(quadrants().resize(size))
    source = write_frames(tmp_path / "a.mov", [frame] * 2, Coding("qtrle", "rgb24"))
    pixels = shown(source, tmp_path)
    assert (pixels.shape[0] % 2, pixels.shape[1] % 2) == (0, 0)
    assert corners(pixels) == "RG/B."
