"""Re-encodes an uploaded file in a sandboxed process: `python -m engine.media.ingest video A B`.

The result is a PNG without metadata, or a silent H.264 video at `FRAME_RATE` frames a second. The format is read from
the bytes; declared limits are checked before decoding and counted again during it; the process limits its own memory,
CPU time and files first. No torch and no network.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import struct
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import av
import numpy as np
from av.video.reformatter import Interpolation
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from engine import parent_death
from engine.catalog.upload_limits import IMAGE_FORMATS, MAX_FRAME_PIXELS, MAX_FRAME_RATE, MAX_IMAGE_PIXELS
from engine.media.images import to_display_rgb
from engine.media.video_writer import write_video

Reason: TypeAlias = Literal["format", "damaged", "pixels", "seconds", "frames", "empty"]

MAX_IMAGE_SIDE: Final = 2048  # larger images are scaled down to this
MAX_VIDEO_SIDE: Final = 1280
FRAME_RATE: Final = 24  # frames a second of the videos written
TIME_TOLERANCE: Final = 0.001  # seconds by which a frame's time may be off, since files count in ticks
MAX_MEMORY: Final = 2 * 2**30  # bytes of address space, including half a gigabyte of libraries
MAX_CPU_SECONDS: Final = 120  # seconds
MAX_FILE_BYTES: Final = 2**28  # bytes of the result
MAX_OPEN_FILES: Final = 64

# Single-file containers only: no playlists, image sequences or other formats that refer to further files, and no
# protocol but `file`.
_OPTIONS: Final = {"format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm", "protocol_whitelist": "file"}


class MediaRefused(Exception):
    """A refused file: the reason, the value found and the limit."""

    def __init__(self, reason: Reason, found: float = 0, limit: float = 0) -> None:
        super().__init__(reason, found, limit)
        self.reason, self.found, self.limit = reason, found, limit


class IngestedMedia(NamedTuple):
    """Size and length of the file written; an image has 0 seconds."""

    width: int
    height: int
    seconds: float = 0.0


# --- images ---------------------------------------------------------------------------------------------


def ingest_image(source: Path, target: Path) -> IngestedMedia:
    """Re-encode an image as a PNG, upright, its sides at most MAX_IMAGE_SIDE. Raises MediaRefused."""
    try:
        with Image.open(source, formats=IMAGE_FORMATS) as image:
            drawn = _normalize_image(image)
    except UnidentifiedImageError as error:
        raise MediaRefused("format") from error
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        raise MediaRefused("damaged") from error
    clean = io.BytesIO()
    drawn.save(clean, "PNG", compress_level=1)
    target.write_bytes(clean.getvalue())
    return IngestedMedia(drawn.width, drawn.height)


def _normalize_image(image: Image.Image) -> Image.Image:
    if image.width * image.height > MAX_IMAGE_PIXELS:
        raise MediaRefused("pixels", image.width * image.height, MAX_IMAGE_PIXELS)
    return to_display_rgb(image, MAX_IMAGE_SIDE)


# --- videos ---------------------------------------------------------------------------------------------


def ingest_video(source: Path, target: Path, longest: float) -> IngestedMedia:
    """Re-encode a video of at most `longest` seconds, its sides at most MAX_VIDEO_SIDE. Raises MediaRefused."""
    try:
        with av.open(str(source), options=dict(_OPTIONS)) as container:
            if not container.streams.video:
                raise MediaRefused("empty")
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            _check_declared_limits(container, stream, longest)
            return _write_video(target, _resample(_decode_frames(container, stream, longest)))
    except av.error.InvalidDataError as error:
        raise MediaRefused("format" if error.filename else "damaged") from error
    except (OSError, ValueError) as error:  # PyAV's other errors are among these
        raise MediaRefused("damaged") from error


def _write_video(target: Path, frames: Iterator[NDArray[np.uint8]]) -> IngestedMedia:
    if (first := next(frames, None)) is None:
        raise MediaRefused("empty")
    height, width = first.shape[:2]
    count = write_video(target, chain([first], frames), width, height, FRAME_RATE)
    return IngestedMedia(width, height, count / FRAME_RATE)


def _check_declared_limits(container: Any, stream: Any, longest: float) -> None:
    """Check the limits that the file declares, before decoding."""
    context = stream.codec_context
    if (pixels := context.width * context.height) > MAX_FRAME_PIXELS:
        raise MediaRefused("pixels", pixels, MAX_FRAME_PIXELS)
    seconds = float((container.duration or 0) / av.time_base)
    if seconds > longest + 1 / FRAME_RATE:
        raise MediaRefused("seconds", seconds, longest)
    if stream.frames > MAX_FRAME_RATE * longest:
        raise MediaRefused("frames", stream.frames, MAX_FRAME_RATE * longest)


class _TimedFrame(NamedTuple):
    """An upright, scaled frame [H, W, 3] with its start and end in seconds."""

    begins: float
    ends: float
    pixels: NDArray[np.uint8]


def _decode_frames(container: Any, stream: Any, longest: float) -> Iterator[_TimedFrame]:
    """Decode frames and count them against the limits, since a file may declare wrong ones."""
    begins: float | None = None
    for number, frame in enumerate(container.decode(stream)):
        begins = frame.time if begins is None else begins
        if number >= MAX_FRAME_RATE * longest:
            raise MediaRefused("frames", number + 1, MAX_FRAME_RATE * longest)
        if (second := (frame.time or 0.0) - (begins or 0.0)) > longest:
            raise MediaRefused("seconds", second, longest)
        if frame.width * frame.height > MAX_FRAME_PIXELS:
            raise MediaRefused("pixels", frame.width * frame.height, MAX_FRAME_PIXELS)
        lasts = float((frame.duration or 0) * (frame.time_base or 0)) or 1 / FRAME_RATE
        yield _TimedFrame(second, min(second + lasts, longest), _shrink_upright(frame))


def _shrink_upright(frame: Any) -> NDArray[np.uint8]:
    scale = min(1.0, MAX_VIDEO_SIDE / max(frame.width, frame.height))
    width, height = (max(2, round(side * scale / 2) * 2) for side in (frame.width, frame.height))
    small = frame.reformat(width, height, "rgb24", interpolation=Interpolation.AREA)
    pixels = np.asarray(small.to_ndarray(), np.uint8)
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))


def _resample(shown: Iterator[_TimedFrame]) -> Iterator[NDArray[np.uint8]]:
    """Frames [H, W, 3] at 0, 1 / FRAME_RATE, 2 / FRAME_RATE … seconds; a frame is shown until the next begins."""
    count, before = 0, None
    for frame in shown:
        if before is not None and frame.pixels.shape != before.pixels.shape:
            raise MediaRefused("damaged")  # its size changes half-way
        while before is not None and count / FRAME_RATE < frame.begins - TIME_TOLERANCE:
            yield before.pixels
            count += 1
        before = frame
    while before is not None and count / FRAME_RATE < before.ends - TIME_TOLERANCE:
        yield before.pixels
        count += 1


# --- command ---------------------------------------------------------------------------------------------


def _limit_resources() -> None:
    """Limit this process to the resources that one file needs."""
    limits = {
        resource.RLIMIT_AS: MAX_MEMORY,
        resource.RLIMIT_CPU: MAX_CPU_SECONDS,
        resource.RLIMIT_FSIZE: MAX_FILE_BYTES,
        resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for what, most in limits.items():
        hard = resource.getrlimit(what)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (value, value))


def main() -> None:
    """Re-encode one file and print the outcome as a line of JSON."""
    parser = argparse.ArgumentParser("python -m engine.media.ingest", description=__doc__)
    parser.add_argument("kind", choices=("image", "video"))
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0, help="the longest video that is accepted")
    options = parser.parse_args()
    parent_death.die_with_parent()
    _limit_resources()
    readers: dict[str, Callable[[], IngestedMedia]] = {
        "image": lambda: ingest_image(options.source, options.target),
        "video": lambda: ingest_video(options.source, options.target, options.seconds),
    }
    try:
        answer = readers[options.kind]()._asdict()
    except MediaRefused as refused:
        answer = {"refused": refused.reason, "found": refused.found, "limit": refused.limit}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
