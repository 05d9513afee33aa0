"""What is sent in: read as it looks, and refused where it is too much, nothing, or not what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from engine.media import ingest
from engine.media.ingest import FRAME_RATE, MediaRefused
from engine.media.video_reader import VideoReader

STEP = 18


def film(path: Path, times: list[float], width: int = 64, height: int = 48, codec: str = "libx264") -> Path:
    """A grey frame at each of these seconds, each `STEP` brighter than the one before."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=50)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, second in enumerate(times):
            frame = av.VideoFrame.from_ndarray(
                np.full((height, width, 3), min(255, STEP * index + 20), np.uint8), "rgb24"
            )
            frame.pts, frame.time_base = round(second * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def greys(path: Path) -> list[int]:
    footage = VideoReader(FRAME_RATE)
    frames = footage.read_frames(path, 0, footage.count_frames(path) - 1)
    return [round((float(frame.mean()) - 20) / STEP) for frame in frames]


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mov", "libx264"), ("a.webm", "libvpx")])
def test_a_film_is_seen_by_the_clock_whatever_its_container(tmp_path: Path, name: str, codec: str) -> None:
    source = film(tmp_path / name, [n / 12 for n in range(12)], codec=codec)
    read = ingest.ingest_video(source, tmp_path / "out.mp4", 20)
    assert (read.width, read.height) == (64, 48)
    shown = greys(tmp_path / "out.mp4")
    assert shown[:22] == [number // 2 for number in range(22)]
    assert read.seconds == len(shown) / FRAME_RATE


def test_frames_that_come_irregularly_last_until_the_next(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mp4", [0, 0.5, 0.52, 0.54, 1.0])
    ingest.ingest_video(source, tmp_path / "out.mp4", 20)
    assert greys(tmp_path / "out.mp4")[:25] == [0] * 12 + [1] + [3] * 11 + [4]


def test_a_film_held_sideways_stands_upright(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mp4", [0, 0.1, 0.2])
    turned = _with_matrix(source.read_bytes(), (0, 1, -1, 0))
    (tmp_path / "turned.mp4").write_bytes(turned)
    read = ingest.ingest_video(tmp_path / "turned.mp4", tmp_path / "out.mp4", 20)
    assert (read.width, read.height) == (48, 64)


def _with_matrix(data: bytes, turn: tuple[int, int, int, int]) -> bytes:
    """The same MP4 with its picture turned by the track's matrix, as phones write it."""
    at = data.index(b"tkhd") + 4 + 40  # version 0: the matrix follows forty bytes of times, ids and volumes
    a, b, c, d = (number * 0x10000 for number in turn)
    matrix = b"".join(n.to_bytes(4, "big", signed=True) for n in (a, b, 0, c, d, 0, 0, 0, 0x40000000))
    return data[:at] + matrix + data[at + 36 :]


def test_a_large_film_becomes_small_with_even_sides(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mp4", [0, 0.1], width=1922, height=402)
    read = ingest.ingest_video(source, tmp_path / "out.mp4", 20)
    assert (read.width, read.height) == (1280, 268)


NOTHING = {"format", "damaged", "empty"}


def _text(path: Path) -> None:
    path.write_text("no film at all")


def _playlist(path: Path) -> None:
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/hostname\n#EXT-X-ENDLIST\n")


def _list(path: Path) -> None:
    path.write_text("ffconcat version 1.0\nfile /etc/hostname\n")


def _half(path: Path) -> None:
    whole = film(path.with_suffix(".mp4"), [0, 0.1, 0.2]).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _long(path: Path) -> None:
    film(path.with_suffix(".mp4"), [0, 1, 2, 3.5]).replace(path)


def _wide(path: Path) -> None:
    film(path.with_suffix(".mp4"), [0], width=3842, height=2160).replace(path)


def _sound(path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        stream: Any = container.add_stream("aac", rate=48_000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.sample_rate = 48_000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("write", "reasons"),
    [
        (_text, NOTHING),
        (_playlist, NOTHING),
        (_list, NOTHING),
        (_half, NOTHING),
        (_long, {"seconds"}),
        (_wide, {"pixels"}),
        (_sound, {"empty"}),
    ],
)
def test_what_is_no_film_or_too_much_is_refused(
    tmp_path: Path, write: Callable[[Path], None], reasons: set[str]
) -> None:
    write(source := tmp_path / "source")
    with pytest.raises(MediaRefused) as refused:
        ingest.ingest_video(source, tmp_path / "out.mp4", 2)
    assert refused.value.reason in reasons


def test_a_film_that_lies_about_its_length_is_counted(tmp_path: Path) -> None:
    """Matroska written as a stream says nothing of its length."""
    source = tmp_path / "a.mkv"
    with av.open(str(source), "w", options={"live": "1"}) as container:
        stream: Any = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index, np.uint8), "rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(source)) as container:
        assert not container.duration
    with pytest.raises(MediaRefused) as refused:
        ingest.ingest_video(source, tmp_path / "out.mp4", 2)
    assert refused.value.reason == "seconds"


def test_a_frame_that_claims_to_last_for_ever_ends_with_the_limit(tmp_path: Path) -> None:
    source = tmp_path / "a.mkv"
    with av.open(str(source), "w", options={"live": "1"}) as container:
        stream: Any = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")
        frame.pts = 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            packet.duration = 10_000_000
            container.mux(packet)
    assert ingest.ingest_video(source, tmp_path / "out.mp4", 2).seconds <= 2


def child(*arguments: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-I", "-m", "engine.media.ingest", *arguments],
        check=True,
        capture_output=True,
        env={},
        timeout=60,
    )
    return dict(json.loads(done.stdout))


def test_the_child_reads_with_nothing_in_its_environment(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mp4", [n / 24 for n in range(24)])
    assert child("video", str(source), str(tmp_path / "out.mp4")) == {"width": 64, "height": 48, "seconds": 1.0}
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    assert child("image", str(tmp_path / "a.png"), str(tmp_path / "out.png"))["width"] == 30
    assert child("video", str(source), str(tmp_path / "out.mp4"), "--seconds", "0.5")["refused"] == "seconds"


def test_the_child_has_little_room() -> None:
    program = (
        "from engine.media import ingest; ingest._limit_resources()\n"
        "import resource\n"
        "assert resource.getrlimit(resource.RLIMIT_AS)[0] == ingest.MAX_MEMORY\n"
        "try:\n    bytearray(ingest.MAX_MEMORY)\nexcept MemoryError:\n    print('no room')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, timeout=60)
    assert done.stdout == b"no room\n"
