"""Videos as they are sent in: read by the clock, and refused where they are too much, nothing, or not what they say."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from numpy.typing import NDArray
from PIL import Image

from engine.media.refusals import MediaRefused
from engine.media.video_ingest import FRAME_RATE, ingest_video
from engine.media.video_reader import VideoReader
from tests.support.video_files import Coding, write_frames

STEP = 18


def greys(count: int, width: int = 64, height: int = 48) -> Iterator[NDArray[np.uint8]]:
    """Frames of one grey each, each `STEP` brighter than the one before."""
    for index in range(count):
        yield np.full((height, width, 3), min(255, STEP * index + 20), np.uint8)


def grey_video(path: Path, times: list[float], codec: str = "libx264") -> Path:
    return write_frames(path, greys(len(times)), Coding(codec), times=times)


def read_greys(path: Path) -> list[int]:
    """The number of the grey in each frame."""
    reader = VideoReader(FRAME_RATE)
    frames = reader.read_frames(path, 0, reader.count_frames(path) - 1)
    return [round((float(frame.mean()) - 20) / STEP) for frame in frames]


def refusal(source: Path, longest: float = 2) -> MediaRefused:
    with pytest.raises(MediaRefused) as refused:
        ingest_video(source, source.with_name("out.mp4"), longest)
    return refused.value


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mov", "libx264"), ("a.webm", "libvpx")])
def test_a_video_is_read_by_the_clock_whatever_its_container(tmp_path: Path, name: str, codec: str) -> None:
    source = grey_video(tmp_path / name, [n / 12 for n in range(12)], codec)
    ingested = ingest_video(source, tmp_path / "out.mp4", 20)
    assert (ingested.width, ingested.height) == (64, 48)
    shown = read_greys(tmp_path / "out.mp4")
    assert shown[:22] == [number // 2 for number in range(22)]
    assert ingested.seconds == len(shown) / FRAME_RATE


def test_frames_that_come_irregularly_last_until_the_next(tmp_path: Path) -> None:
    source = grey_video(tmp_path / "a.mp4", [0, 0.5, 0.52, 0.54, 1.0])
    ingest_video(source, tmp_path / "out.mp4", 20)
    assert read_greys(tmp_path / "out.mp4")[:25] == [0] * 12 + [1] + [3] * 11 + [4]


def test_a_large_video_becomes_small_with_even_sides(tmp_path: Path) -> None:
    source = write_frames(tmp_path / "a.mp4", greys(2, 1922, 402))
    ingested = ingest_video(source, tmp_path / "out.mp4", 20)
    assert (ingested.width, ingested.height) == (1280, 268)


def test_what_an_editor_trimmed_away_does_not_count(tmp_path: Path) -> None:
    """Phones trim with an edit list and leave the frames in the file."""
    data = bytearray(grey_video(tmp_path / "a.mp4", [n / 4 for n in range(12)]).read_bytes())
    entry = data.index(b"elst") + 4 + 4 + 4  # after the version and the count; 24,000 ticks a second in the media
    start = struct.unpack_from(">i", data, entry + 4)[0]
    struct.pack_into(">Ii", data, entry, 1000, start + 24_000)  # one second, from the first on
    (tmp_path / "trimmed.mp4").write_bytes(data)
    assert ingest_video(tmp_path / "trimmed.mp4", tmp_path / "out.mp4", 2).seconds == 1
    assert read_greys(tmp_path / "out.mp4") == [4] * 6 + [5] * 6 + [6] * 6 + [7] * 6


def test_interlaced_frames_lose_their_combs(tmp_path: Path) -> None:
    """A bar that moves between the two fields of each frame."""

    def fields(index: int) -> NDArray[np.uint8]:
        frame = np.zeros((96, 128, 3), np.uint8)
        for field in (0, 1):
            left = 8 * index + 4 * field
            frame[field::2, left : left + 32] = 255
        return frame

    coding = Coding(options=(("x264-params", "tff=1"), ("flags", "+ildct"), ("crf", "5")))
    source = write_frames(tmp_path / "a.mp4", [fields(index) for index in range(8)], coding)
    ingest_video(source, tmp_path / "out.mp4", 20)
    shown = VideoReader(24).read_frames(tmp_path / "out.mp4", 2, 5).astype(int)
    combs = np.abs(shown[:, 20:70:2] - shown[:, 21:71:2]).max(axis=-1) > 128
    assert np.abs(fields(4).astype(int)[20:70:2] - fields(4)[21:71:2]).max() > 128, "the source is combed"
    assert combs.mean() < 0.005


# --- sound and covers -------------------------------------------------------------------------------------


def add_sound(container: Any, seconds: float) -> tuple[Any, list[Any]]:
    """A silent stream, and its frames."""
    stream = container.add_stream("aac", rate=48_000, layout="mono")
    frames = []
    for number in range(round(seconds * 48_000 / 1024)):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts = 48_000, number * 1024
        frames.append(frame)
    return stream, frames


def mux(container: Any, *streams: tuple[Any, list[Any]]) -> None:
    for stream, frames in streams:
        for frame in [*frames, None]:
            container.mux(stream.encode(frame))


def video_stream(container: Any, count: int) -> tuple[Any, list[Any]]:
    stream = container.add_stream("libx264", rate=10)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    frames = [av.VideoFrame.from_ndarray(pixels, "rgb24") for pixels in greys(count)]
    for number, frame in enumerate(frames):
        frame.pts = number
    return stream, frames


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_sound_that_is_longer_than_the_video_stream_does_not_count(tmp_path: Path, name: str) -> None:
    with av.open(str(tmp_path / name), "w") as container:
        mux(container, video_stream(container, 10), add_sound(container, 5))
    assert ingest_video(tmp_path / name, tmp_path / "out.mp4", 2).seconds == 1


def cover() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "PNG")
    return file.getvalue()


def add_cover(container: Any) -> Any:
    stream = container.add_stream("png", rate=1)
    stream.width, stream.height, stream.pix_fmt = 64, 64, "rgb24"
    stream.disposition = Disposition.attached_pic
    return stream


@pytest.mark.parametrize("name", ["a.mp4", "a.m4a"])
def test_the_cover_of_a_song_is_no_video(tmp_path: Path, name: str) -> None:
    with av.open(str(tmp_path / name), "w", format="mp4") as container:
        sound, art = add_sound(container, 1), add_cover(container)
        packet = av.Packet(cover())
        packet.stream, packet.pts, packet.dts = art, 0, 0
        container.mux(packet)
        mux(container, sound)
    found = refusal(tmp_path / name)
    assert (found.reason, found.name) == ("empty", "cover")


def test_a_cover_before_the_video_stream_is_passed_over(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        art = add_cover(container)
        packet = av.Packet(cover())
        packet.stream, packet.pts, packet.dts = art, 0, 0
        video = video_stream(container, 10)
        container.mux(packet)
        mux(container, video)
    ingested = ingest_video(tmp_path / "a.mp4", tmp_path / "out.mp4", 2)
    assert (ingested.width, ingested.height, ingested.seconds) == (64, 48, 1)


# --- refused ----------------------------------------------------------------------------------------------


def _text(path: Path) -> None:
    path.write_text("no video at all")


def _playlist(path: Path) -> None:
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/hostname\n#EXT-X-ENDLIST\n")


def _list(path: Path) -> None:
    path.write_text("ffconcat version 1.0\nfile /etc/hostname\n")


def _half(path: Path) -> None:
    whole = grey_video(path.with_suffix(".mp4"), [0, 0.1, 0.2]).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _long(path: Path) -> None:
    grey_video(path.with_suffix(".mp4"), [0, 1, 2, 3.5]).replace(path)


def _wide(path: Path) -> None:
    write_frames(path.with_suffix(".mp4"), greys(1, 3842, 2160)).replace(path)


def _sound(path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        mux(container, add_sound(container, 0.1))


@pytest.mark.parametrize(
    ("write", "reason", "name"),
    [
        (_text, "format", ""),
        (_playlist, "format", "HLS playlist"),
        (_list, "format", ""),
        (_half, "damaged", ""),
        (_long, "seconds", ""),
        (_wide, "pixels", ""),
        (_sound, "empty", ""),
    ],
)
def test_what_is_no_video_or_too_much_is_refused(
    tmp_path: Path, write: Callable[[Path], None], reason: str, name: str
) -> None:
    write(tmp_path / "source")
    found = refusal(tmp_path / "source")
    assert (found.reason, found.name) == (reason, name)


@pytest.mark.parametrize(
    ("form", "codec", "pixels", "name"),
    [
        ("avi", "mpeg4", "yuv420p", "AVI"),
        ("mpegts", "libx264", "yuv420p", "MPEG-TS"),
        ("gif", "gif", "rgb8", "GIF"),
        ("flv", "libx264", "yuv420p", "FLV"),
        ("mpeg", "mpeg2video", "yuv420p", "MPEG-PS"),
        ("asf", "mpeg4", "yuv420p", "WMV"),
        ("ogg", "libvpx", "yuv420p", "Ogg"),
    ],
)
def test_other_formats_are_refused_by_name(tmp_path: Path, form: str, codec: str, pixels: str, name: str) -> None:
    with av.open(str(tmp_path / "a"), "w", format=form) as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        for number, grey in enumerate(greys(3)):
            frame = av.VideoFrame.from_ndarray(grey, "rgb24").reformat(format=pixels)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    found = refusal(tmp_path / "a")
    assert (found.reason, found.name) == ("format", name)


def test_a_codec_that_nobody_knows_is_no_damage(tmp_path: Path) -> None:
    data = grey_video(tmp_path / "a.mp4", [0, 0.1]).read_bytes()
    (tmp_path / "odd.mp4").write_bytes(data.replace(b"avc1\0\0\0\0", b"XYZ1\0\0\0\0"))
    assert refusal(tmp_path / "odd.mp4").reason == "codec"


def test_a_webm_that_changes_its_size_says_so(tmp_path: Path) -> None:
    """As browsers record a shared window that is resized."""
    with av.open(str(tmp_path / "a.webm"), "w") as container:
        stream: Any = container.add_stream("libvpx", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number, size in enumerate([(64, 48), (96, 72)]):
            encoder: Any = av.CodecContext.create("libvpx", "w")
            encoder.width, encoder.height = size
            encoder.pix_fmt, encoder.framerate, encoder.time_base = "yuv420p", 10, Fraction(1, 10)
            for index, grey in enumerate(greys(5, *size)):
                frame = av.VideoFrame.from_ndarray(grey, "rgb24")
                frame.pts = 5 * number + index
                for packet in [*encoder.encode(frame), *(encoder.encode(None) if index == 4 else ())]:
                    packet.stream = stream
                    container.mux(packet)
    found = refusal(tmp_path / "a.webm")
    assert (found.reason, found.name, found.found) == ("resized", "64x48 to 96x72", 0.5)


def test_a_video_that_lies_about_its_length_is_counted(tmp_path: Path) -> None:
    """Matroska written as a stream says nothing of its length."""
    with av.open(str(tmp_path / "a.mkv"), "w", options={"live": "1"}) as container:
        mux(container, video_stream(container, 50))
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert not container.duration
    assert refusal(tmp_path / "a.mkv").reason == "seconds"


def test_a_frame_that_claims_to_last_for_ever_ends_with_the_limit(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w", options={"live": "1"}) as container:
        stream, [frame] = video_stream(container, 1)
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            packet.duration = 10_000_000
            container.mux(packet)
    assert ingest_video(tmp_path / "a.mkv", tmp_path / "out.mp4", 2).seconds <= 2
