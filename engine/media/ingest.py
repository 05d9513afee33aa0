"""Reads what somebody sent in, in a process that may do nothing else: `python -m engine.media.ingest film A B`.

Out comes a file of our own making: a PNG without metadata, or a silent H.264 film at `RATE` frames a second. The
format is read from the bytes, the limits are looked up before anything is unpacked and counted while it is, and the
process has limited its own memory, time and files before it looks. It knows no torch and no network.
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
from PIL import ExifTags, Image, UnidentifiedImageError

from engine import parent_death
from engine.catalog.upload_limits import IMAGE_FORMATS, MAX_FRAME_PIXELS, MAX_FRAME_RATE, MAX_IMAGE_PIXELS
from engine.media.video_writer import write_video

Reason: TypeAlias = Literal["format", "damaged", "pixels", "seconds", "frames", "empty"]

PICTURE_SIDE: Final = 2048  # larger ones are scaled down to this before they are kept
FILM_SIDE: Final = 1280
RATE: Final = 24  # frames a second of the films written; what a film shows at n / RATE seconds
ROUNDED: Final = 0.001  # seconds by which a frame's time may be off, since files count in ticks
MEMORY: Final = 2 * 2**30  # bytes of address space, the libraries' own half gigabyte among them
CPU: Final = 120  # seconds
FILE: Final = 2**28  # bytes that the result may have
OPEN_FILES: Final = 64

# Containers of one file each. Playlists, image sequences and whatever else a demuxer would follow elsewhere are not
# among them, and no protocol but the file's own is spoken.
_OPTIONS: Final = {"format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm", "protocol_whitelist": "file"}
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Refused(Exception):
    """A file that is not read, and why: what it has and what it may have."""

    def __init__(self, reason: Reason, found: float = 0, limit: float = 0) -> None:
        super().__init__(reason, found, limit)
        self.reason, self.found, self.limit = reason, found, limit


class Read(NamedTuple):
    """What was written. A picture has 0 seconds."""

    width: int
    height: int
    seconds: float = 0.0


# --- pictures --------------------------------------------------------------------------------------------


def picture(source: Path, target: Path) -> Read:
    """Draw a picture anew as a PNG, upright, its sides at most PICTURE_SIDE. Raises Refused."""
    try:
        with Image.open(source, formats=IMAGE_FORMATS) as image:
            drawn = _drawn(image)
    except UnidentifiedImageError as error:
        raise Refused("format") from error
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        raise Refused("damaged") from error
    clean = io.BytesIO()
    drawn.save(clean, "PNG", compress_level=1)
    target.write_bytes(clean.getvalue())
    return Read(drawn.width, drawn.height)


def _drawn(image: Image.Image) -> Image.Image:
    if image.width * image.height > MAX_IMAGE_PIXELS:
        raise Refused("pixels", image.width * image.height, MAX_IMAGE_PIXELS)
    image.draft("RGB", (PICTURE_SIDE, PICTURE_SIDE))
    drawn = image.convert("RGB")
    drawn.thumbnail((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.LANCZOS)
    turn = _TURNS.get(_orientation(image))
    return drawn if turn is None else drawn.transpose(turn)


def _orientation(image: Image.Image) -> int:
    """How the camera was held, from 1 to 8. EXIF that cannot be read says nothing."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (struct.error, TypeError, ValueError, SyntaxError):
        return 1
    return value if isinstance(value, int) else 1


# --- films -----------------------------------------------------------------------------------------------


def film(source: Path, target: Path, longest: float) -> Read:
    """Write a film of at most `longest` seconds anew, its sides at most FILM_SIDE. Raises Refused."""
    try:
        with av.open(str(source), options=dict(_OPTIONS)) as container:
            if not container.streams.video:
                raise Refused("empty")
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            _check(container, stream, longest)
            return _written(target, _sampled(_shown(container, stream, longest)))
    except av.error.InvalidDataError as error:
        raise Refused("format" if error.filename else "damaged") from error
    except (OSError, ValueError) as error:  # PyAV's other errors are among these
        raise Refused("damaged") from error


def _written(target: Path, frames: Iterator[NDArray[np.uint8]]) -> Read:
    if (first := next(frames, None)) is None:
        raise Refused("empty")
    height, width = first.shape[:2]
    count = write_video(target, chain([first], frames), width, height, RATE)
    return Read(width, height, count / RATE)


def _check(container: Any, stream: Any, longest: float) -> None:
    """What the file says of itself, before anything of it is unpacked."""
    context = stream.codec_context
    if (pixels := context.width * context.height) > MAX_FRAME_PIXELS:
        raise Refused("pixels", pixels, MAX_FRAME_PIXELS)
    seconds = float((container.duration or 0) / av.time_base)
    if seconds > longest + 1 / RATE:
        raise Refused("seconds", seconds, longest)
    if stream.frames > MAX_FRAME_RATE * longest:
        raise Refused("frames", stream.frames, MAX_FRAME_RATE * longest)


class _Frame(NamedTuple):
    """A frame, upright and small [H, W, 3], and when it is seen, in seconds."""

    begins: float
    ends: float
    pixels: NDArray[np.uint8]


def _shown(container: Any, stream: Any, longest: float) -> Iterator[_Frame]:
    """Each frame of a film, counted, since a file may lie about itself."""
    begins: float | None = None
    for number, frame in enumerate(container.decode(stream)):
        begins = frame.time if begins is None else begins
        if number >= MAX_FRAME_RATE * longest:
            raise Refused("frames", number + 1, MAX_FRAME_RATE * longest)
        if (second := (frame.time or 0.0) - (begins or 0.0)) > longest:
            raise Refused("seconds", second, longest)
        if frame.width * frame.height > MAX_FRAME_PIXELS:
            raise Refused("pixels", frame.width * frame.height, MAX_FRAME_PIXELS)
        lasts = float((frame.duration or 0) * (frame.time_base or 0)) or 1 / RATE
        yield _Frame(second, min(second + lasts, longest), _small(frame))


def _small(frame: Any) -> NDArray[np.uint8]:
    scale = min(1.0, FILM_SIDE / max(frame.width, frame.height))
    width, height = (max(2, round(side * scale / 2) * 2) for side in (frame.width, frame.height))
    small = frame.reformat(width, height, "rgb24", interpolation=Interpolation.AREA)
    pixels = np.asarray(small.to_ndarray(), np.uint8)
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))


def _sampled(shown: Iterator[_Frame]) -> Iterator[NDArray[np.uint8]]:
    """What is seen at 0, 1 / RATE, 2 / RATE … seconds, as long as the film lasts. A frame is seen until the next."""
    count, before = 0, None
    for frame in shown:
        if before is not None and frame.pixels.shape != before.pixels.shape:
            raise Refused("damaged")  # a film that changes its size half-way
        while before is not None and count / RATE < frame.begins - ROUNDED:
            yield before.pixels
            count += 1
        before = frame
    while before is not None and count / RATE < before.ends - ROUNDED:
        yield before.pixels
        count += 1


# --- command ---------------------------------------------------------------------------------------------


def _limit() -> None:
    """Give up what a reader of one file does not need."""
    limits = {
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_CPU: CPU,
        resource.RLIMIT_FSIZE: FILE,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for what, most in limits.items():
        hard = resource.getrlimit(what)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (value, value))


def main() -> None:
    """Read one file and print what came of it, as a line of JSON."""
    parser = argparse.ArgumentParser("python -m engine.media.ingest", description=__doc__)
    parser.add_argument("kind", choices=("picture", "film"))
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0, help="the longest film that is read")
    options = parser.parse_args()
    parent_death.die_with_parent()
    _limit()
    readers: dict[str, Callable[[], Read]] = {
        "picture": lambda: picture(options.source, options.target),
        "film": lambda: film(options.source, options.target, options.seconds),
    }
    try:
        answer = readers[options.kind]()._asdict()
    except Refused as refused:
        answer = {"refused": refused.reason, "found": refused.found, "limit": refused.limit}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
