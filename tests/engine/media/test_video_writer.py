from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import PictureType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from engine.media import fragments, thumbnails, video_writer
from engine.media.video_writer import VideoWriter
from engine.mini.dataset.renderer import render_clip
from engine.mini.dataset.scenes import Scene
from engine.types import EngineError, Result


def ball(frames: int, width: int, height: int) -> Iterator[NDArray[np.uint8]]:
    """A red square that moves right over green, a frame at a time."""
    for index in range(frames):
        pixels = np.full((1, height, width, 3), (40, 160, 60), np.uint8)
        left = index * (width - 20) // max(1, frames - 1)
        pixels[:, height // 3 : height // 2, left : left + 20] = (220, 30, 30)
        yield pixels


def opened(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes()))


def filmed(folder: Path, frames: int = 40, width: int = 160, height: int = 96, fps: int = 16) -> Result:
    with VideoWriter(folder, width, height, fps, frames) as film:
        for pixels in ball(frames, width, height):
            film.write_frames(pixels)
    return film.result()


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(frames=st.integers(1, 60), fps=st.sampled_from([8, 16, 24, 25, 30]))
def test_length_and_rate_are_exact(tmp_path: Path, frames: int, fps: int) -> None:
    result = filmed(tmp_path, frames, 64, 64, fps)
    with av.open(str(result.video)) as container:
        stream = container.streams.video[0]
        assert stream.frames == frames
        assert stream.average_rate == fps
        assert stream.duration is not None
        assert stream.time_base is not None
        assert stream.duration * stream.time_base == Fraction(frames, fps)
        stamps = [frame.pts * stream.time_base for frame in container.decode(stream) if frame.pts is not None]
    assert stamps == [Fraction(index, fps) for index in range(frames)]
    assert result.seconds == frames / fps


def test_it_is_the_h264_that_phones_play(tmp_path: Path) -> None:
    with av.open(str(filmed(tmp_path).video)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.codec_context.profile, stream.codec_context.colorspace) == ("High", 1)
        assert {frame.pict_type for frame in container.decode(stream)} == {PictureType.I, PictureType.P}


def cartoon(frames: int) -> NDArray[np.uint8]:
    """A drawn clip in 1280 × 720 with the grain that a model leaves, [F, H, W, 3]."""
    drawn = render_clip(Scene("star", "red", "still", "desert", "day"), width=1280, height=720, frames=frames).frames
    grain = np.random.default_rng(0).normal(0, 1.5, drawn.shape)
    return np.asarray((drawn + grain).clip(0, 255), np.uint8)


def decoded(path: Path) -> NDArray[np.uint8]:
    with av.open(str(path)) as container:
        return np.stack([np.asarray(f.to_ndarray(format="rgb24"), np.uint8) for f in container.decode(video=0)])


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Decibels; above 40 the eye sees no difference."""
    return float(10 * np.log10(255**2 / np.square(one.astype(float) - other).mean()))


def test_a_drawn_clip_of_720p_is_small_and_looks_the_same(tmp_path: Path) -> None:
    frames = cartoon(8)
    with VideoWriter(tmp_path, 1280, 720, 8, 8) as writer:
        writer.write_frames(frames)
        writer.cut_segment()
    video = writer.result().video
    assert video.stat().st_size * 8 < 1_200_000, f"{video.stat().st_size * 8:.0f} bits per second"
    assert min(psnr(one, other) for one, other in zip(decoded(video), frames, strict=True)) > 38


def test_only_segments_begin_with_key_frames(tmp_path: Path) -> None:
    """However long they are, and whatever is cut within them."""
    noise = np.random.default_rng(1).integers(0, 256, (2, 96, 160, 3), np.uint8)
    with VideoWriter(tmp_path, 160, 96, 8, 60) as writer:
        for index in range(60):
            writer.write_frames(noise[[index // 5 % 2]])
            if index in {9, 39}:
                writer.cut_segment()
    with av.open(str(writer.result().video)) as container:
        keys = [index for index, frame in enumerate(container.decode(video=0)) if frame.key_frame]
    assert keys == [0, 10, 40]


def test_a_player_can_begin_before_the_file_is_whole(tmp_path: Path) -> None:
    data = filmed(tmp_path).video.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_colours_survive(tmp_path: Path) -> None:
    with av.open(str(filmed(tmp_path).video)) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.abs(frame[10, 100].astype(int) - (40, 160, 60)).max() < 8
    assert np.abs(frame[40, 8].astype(int) - (220, 30, 30)).max() < 12


def test_the_stills_of_a_video(tmp_path: Path) -> None:
    result = filmed(tmp_path, width=640, height=384)
    poster, thumbnail, sheet = map(opened, (result.poster, result.thumbnail, result.spritesheet))
    assert (poster.format, poster.size) == ("JPEG", (640, 384))
    assert (thumbnail.format, thumbnail.size) == ("WEBP", (320, 192))
    assert (sheet.format, sheet.size) == ("JPEG", (5 * 160, 5 * 96))


@pytest.mark.parametrize(("frames", "size"), [(1, (160, 96)), (3, (480, 96)), (7, (800, 192)), (300, (800, 480))])
def test_the_sprite_sheet_grows_to_25_frames(tmp_path: Path, frames: int, size: tuple[int, int]) -> None:
    sprites = thumbnails.SpriteSheet(frames)
    for index in range(frames):
        sprites.add_frame(index, Image.new("RGB", (160, 96), (index % 256, 0, 0)))
    assert Image.open(io.BytesIO(sprites.encode_sheet())).size == size


def test_a_poster_is_never_too_heavy() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    data = thumbnails._encode_poster(Image.fromarray(noise))
    assert len(data) <= thumbnails.POSTER_BYTES
    assert Image.open(io.BytesIO(data)).size[0] >= 480


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    with contextlib.suppress(KeyError), VideoWriter(tmp_path, 64, 64, 16, 10) as film:
        film.write_frames(next(ball(1, 64, 64)))
        film.cut_segment(b"state")
        names = sorted(path.name for path in tmp_path.iterdir())
        assert names == ["head-0000.mp4", "segment-0000.m4s", "state-0000.safetensors", "video.mp4.part"]
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_video_with_frames_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught, VideoWriter(tmp_path, 64, 64, 16, 10) as film:
        film.write_frames(next(ball(1, 64, 64)))
    assert caught.value.code == "encode_failed"
    assert list(tmp_path.iterdir()) == []


def test_a_failure_at_the_very_end_is_named(tmp_path: Path) -> None:
    film = VideoWriter(tmp_path / "film", 64, 64, 16, 1)
    film.write_frames(next(ball(1, 64, 64)))
    shutil.rmtree(tmp_path / "film")
    with pytest.raises(EngineError) as caught:
        film.__exit__(None, None, None)
    assert caught.value.code == "encode_failed"


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "video.mp4.part").write_bytes(b"half")
    (tmp_path / "poster.jpg.part").write_bytes(b"half")
    filmed(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "poster.jpg", "spritesheet.jpg", "thumbnail.webp", "video.mp4",
    ]  # fmt: skip


def test_a_full_disk_is_named() -> None:
    with pytest.raises(EngineError) as caught, video_writer._as_engine_error():
        Path("/dev/full").write_bytes(b"x")
    assert (caught.value.code, caught.value.retryable) == ("disk_full", True)


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EngineError) as caught:
        VideoWriter(tmp_path / "file" / "folder", 64, 64, 16, 1)
    assert caught.value.code == "encode_failed"


def played(*files: Path) -> list[tuple[Fraction, NDArray[np.uint8]]]:
    """Time and picture of each frame, of files put behind each other."""
    with av.open(io.BytesIO(b"".join(file.read_bytes() for file in files)), "r") as container:
        stream = container.streams.video[0]
        shown = [
            (frame.pts, np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)) for frame in container.decode(stream)
        ]
        assert stream.time_base is not None
        return [(pts * stream.time_base, pixels) for pts, pixels in shown if pts is not None]


def test_a_video_can_be_watched_segment_by_segment_while_it_grows(tmp_path: Path) -> None:
    pieces = []
    with VideoWriter(tmp_path, 160, 96, 16, 40) as film:
        for index, pixels in enumerate(ball(40, 160, 96)):
            film.write_frames(pixels)
            if index in {8, 24, 39}:
                piece = film.cut_segment()
                pieces.append((piece, played(piece.init_file, piece.file), piece.init_file.read_bytes()))
    assert [piece.index for piece, _, _ in pieces] == [0, 1, 2]
    assert [piece.frames for piece, _, _ in pieces] == [9, 25, 40]
    assert [piece.seconds_done for piece, _, _ in pieces] == [9 / 16, 25 / 16, 40 / 16]
    assert len({head for _, _, head in pieces}) == 1, "one head serves all"
    alone = [shown for _, frames, _ in pieces for shown in frames]
    assert [time for time, _ in alone] == [Fraction(index, 16) for index in range(40)]
    together = played(pieces[0][0].init_file, *(piece.file for piece, _, _ in pieces))
    whole = played(film.result().video)
    for one, other in ((alone, whole), (together, whole)):
        assert [time for time, _ in one] == [time for time, _ in other]
        assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(one, other, strict=True))


def test_a_segment_is_nothing_but_frames(tmp_path: Path) -> None:
    with VideoWriter(tmp_path, 160, 96, 16, 10) as film:
        for pixels in ball(10, 160, 96):
            film.write_frames(pixels)
        piece = film.cut_segment()
    assert [name for name, _ in fragments._top_level_boxes(piece.init_file.read_bytes())] == [b"ftyp", b"moov"]
    assert [name for name, _ in fragments._top_level_boxes(piece.file.read_bytes())][:2] == [b"moof", b"mdat"]
    assert b"mfra" not in piece.file.read_bytes()


def test_an_abandoned_video_leaves_no_segment(tmp_path: Path) -> None:
    with contextlib.suppress(KeyboardInterrupt), VideoWriter(tmp_path, 64, 64, 8, 10) as film:
        for pixels in ball(5, 64, 64):
            film.write_frames(pixels)
        film.cut_segment()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
