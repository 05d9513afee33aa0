from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.media.video_reader import VideoReader
from engine.media.video_writer import VideoWriter
from engine.types import EngineError


def film(folder: Path, frames: int, fps: int) -> Path:
    """Frames of one grey each, 4 brighter from one to the next."""
    with VideoWriter(folder, 64, 64, fps, frames) as made:
        for index in range(frames):
            made.write_frames(np.full((1, 64, 64, 3), 4 * index, np.uint8))
    return made.result().video


def greys(footage: VideoReader, path: Path, first: int, last: int) -> list[int]:
    return [round(float(frame.mean()) / 4) for frame in footage.read_frames(path, first, last)]


@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 39), (17, 25), (39, 39)])
def test_frames_are_found_by_their_number(tmp_path: Path, first: int, last: int) -> None:
    path = film(tmp_path, 40, 8)
    assert VideoReader(8).count_frames(path) == 40
    assert greys(VideoReader(8), path, first, last) == list(range(first, last + 1))


def test_beyond_its_ends_a_video_stands_still(tmp_path: Path) -> None:
    path = film(tmp_path, 10, 8)
    assert greys(VideoReader(8), path, -2, 1) == [0, 0, 0, 1]
    assert greys(VideoReader(8), path, 8, 12) == [8, 9, 9, 9, 9]
    assert greys(VideoReader(8), path, 30, 31) == [9, 9]


def test_another_rate_is_read_by_the_clock(tmp_path: Path) -> None:
    path = film(tmp_path, 48, 24)
    assert VideoReader(8).count_frames(path) == 16
    assert greys(VideoReader(8), path, 0, 4) == [0, 3, 6, 9, 12]
    slow = film(tmp_path / "slow", 10, 8)
    assert greys(VideoReader(24), slow, 0, 6) == [0, 0, 0, 1, 1, 1, 2]


@pytest.mark.parametrize("content", [b"", b"no film at all"])
def test_an_invalid_video_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.mp4"
    path.write_bytes(content)
    for look in (lambda: VideoReader(8).read_frames(path, 0, 1), lambda: VideoReader(8).count_frames(path)):
        with pytest.raises(EngineError, match=r"odd\.mp4") as caught:
            look()
        assert caught.value.code == "bad_condition"
