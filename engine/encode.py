"""Writes finished frames to files: the film as MP4, a poster, a thumbnail and a sprite sheet.

It takes bytes that came through `engine.finish` and never changes what they show. A file gets its name only
when it is whole: until then it ends in `.part`.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

from engine.segments import Segments
from engine.types import EngineError, Result, Segment

VIDEO: Final = "video.mp4"
POSTER: Final = "poster.jpg"
THUMBNAIL: Final = "thumbnail.webp"
SPRITESHEET: Final = "spritesheet.jpg"
HEAD: Final = "head.mp4"
SEGMENT: Final = "segment-{:04d}.m4s"
PART: Final = ".part"

POSTER_BYTES: Final = 300_000
_POSTER_QUALITIES: Final = (92, 85, 78, 70, 60, 50, 40)
_THUMBNAIL_SIDE: Final = 320
_SPRITE_SIDE: Final = 160
_SPRITES: Final = 25
_SPRITE_COLUMNS: Final = 5


class Film:
    """A film being written: `write` frames in order, then leave the `with` block to get all four files.

    `folder` is created; `frames` is how many will come; `threads` bounds the codec. Leaving by an exception removes
    what was begun. Raises EngineError `encode_failed` or `disk_full`.
    """

    def __init__(self, folder: Path, width: int, height: int, fps: int, frames: int, threads: int = 1) -> None:
        self._folder = folder
        self._size = (width, height)
        self._fps = fps
        self._frames = frames
        self._written = 0
        self._cuts = 0
        self._fresh = True
        self._sprites = _Sprites(frames)
        self._poster: Image.Image | None = None
        with _named():
            folder.mkdir(parents=True, exist_ok=True)
            _clear(folder)
            self._container = av.open(
                str(folder / (VIDEO + PART)), "w", format="mp4", options={"movflags": "+faststart"}
            )
            self._stream = _stream(self._container, width, height, fps, threads)
            self._container.start_encoding()
            self._segments = Segments(self._stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as unless_closed:
            unless_closed.callback(self._abandon)
            if error is None:
                self._close()
                unless_closed.pop_all()

    def write(self, frames: NDArray[np.uint8]) -> None:
        """Append frames [F, H, W, 3] of the film's size."""
        for pixels in frames:
            frame = _video_frame(pixels, self._written, self._fps)
            if self._fresh:
                frame.pict_type, self._fresh = PictureType.I, False
            with _named():
                for packet in self._stream.encode(frame):
                    self._segments.add(packet)
                    self._container.mux(packet)
            image = Image.fromarray(pixels)
            self._sprites.see(self._written, image)
            if self._written == self._frames // 2:
                self._poster = image
            self._written += 1

    def cut(self) -> Segment:
        """What was written since the last cut, as a file that can be played before the film is whole."""
        head, file = self._folder / HEAD, self._folder / SEGMENT.format(self._cuts)
        with _named():
            fragment = self._segments.cut()
            for path, data in ((head, fragment.head), (file, fragment.body)):
                path.with_suffix(PART).write_bytes(data)
                path.with_suffix(PART).replace(path)
        self._fresh, self._cuts = True, self._cuts + 1
        return Segment(self._cuts - 1, self._written, self._written / self._fps, head, file)

    def result(self) -> Result:
        """The files, once the block was left without an error."""
        return Result(
            video=self._folder / VIDEO,
            poster=self._folder / POSTER,
            thumbnail=self._folder / THUMBNAIL,
            spritesheet=self._folder / SPRITESHEET,
            width=self._size[0],
            height=self._size[1],
            frames=self._frames,
            fps=self._fps,
            seconds=self._frames / self._fps,
        )

    def _close(self) -> None:
        if self._poster is None or self._written != self._frames:
            raise EngineError("encode_failed", f"{self._written} frames came of {self._frames}.")
        with _named():
            self._segments.close()
            self._container.mux(self._stream.encode(None))
            self._container.close()
            for name, data in (
                (POSTER, _poster(self._poster)),
                (THUMBNAIL, _thumbnail(self._poster)),
                (SPRITESHEET, self._sprites.sheet()),
            ):
                (self._folder / (name + PART)).write_bytes(data)
            for name in (POSTER, THUMBNAIL, SPRITESHEET, VIDEO):
                (self._folder / (name + PART)).replace(self._folder / name)

    def _abandon(self) -> None:
        # What cannot be closed properly, on a full disk for one, is removed all the same.
        for container in (self._segments, self._container):
            with suppress(OSError):
                container.close()
        _clear(self._folder)


def write_film(path: Path, frames: Iterable[NDArray[np.uint8]], width: int, height: int, fps: int) -> int:
    """Frames [H, W, 3] with even sides as a film and nothing else; how many there were."""
    count = 0
    with av.open(str(path), "w", format="mp4") as container:
        stream = _stream(container, width, height, fps, threads=1)
        for count, pixels in enumerate(frames, 1):
            with _named():
                container.mux(stream.encode(_video_frame(pixels, count - 1, fps)))
        with _named():
            container.mux(stream.encode(None))
    return count


class _Sprites:
    """Small copies of evenly spaced frames, the first and the last among them; memory does not grow with length."""

    def __init__(self, frames: int) -> None:
        count = min(_SPRITES, frames)
        self._wanted = {round(index * (frames - 1) / max(1, count - 1)) for index in range(count)}
        self._images: list[Image.Image] = []

    def see(self, index: int, image: Image.Image) -> None:
        if index in self._wanted:
            self._images.append(_shrunk(image, _SPRITE_SIDE))

    def sheet(self) -> bytes:
        width, height = self._images[0].size
        columns = min(_SPRITE_COLUMNS, len(self._images))
        rows = -(-len(self._images) // columns)
        sheet = Image.new("RGB", (columns * width, rows * height))
        for index, image in enumerate(self._images):
            sheet.paste(image, (index % columns * width, index // columns * height))
        return _encoded(sheet, "JPEG", quality=80)


def _stream(container: av.container.OutputContainer, width: int, height: int, fps: int, threads: int) -> VideoStream:
    """H.264 that every phone plays. Without B-frames the first picture is at 0 and none is reordered; without a look
    ahead every frame comes out as soon as it went in, so that a film can be cut anywhere.
    """
    options = {"crf": "18", "preset": "veryfast", "profile": "high", "bf": "0", "tune": "zerolatency"}
    stream = container.add_stream("libx264", rate=fps, options=options | {"forced-idr": "1"})
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.time_base = Fraction(1, fps)
    context.thread_count = threads
    context.gop_size = 2 * fps
    context.color_range = ColorRange.MPEG
    context.colorspace = Colorspace.ITU709
    context.color_primaries = ColorPrimaries.BT709
    context.color_trc = ColorTrc.BT709
    return stream


def _video_frame(pixels: NDArray[np.uint8], index: int, fps: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
    )
    frame.pts, frame.duration, frame.time_base = index, 1, Fraction(1, fps)
    return frame


def _poster(image: Image.Image) -> bytes:
    """The best JPEG within POSTER_BYTES: less quality first, then half the size."""
    for quality in _POSTER_QUALITIES:
        if len(data := _encoded(image, "JPEG", quality=quality, progressive=True)) <= POSTER_BYTES:
            return data
    return _poster(image.reduce(2))


def _thumbnail(image: Image.Image) -> bytes:
    return _encoded(_shrunk(image, _THUMBNAIL_SIDE), "WEBP", quality=80)


def _shrunk(image: Image.Image, side: int) -> Image.Image:
    copy = image.copy()
    copy.thumbnail((side, side), Image.Resampling.LANCZOS)
    return copy


def _encoded(image: Image.Image, form: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _clear(folder: Path) -> None:
    """Remove unfinished files, a killed process's among them."""
    for pattern in ("*" + PART, HEAD, SEGMENT.format(0).replace("0000", "*")):
        for path in folder.glob(pattern):
            path.unlink()


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except OSError as error:  # PyAV's errors are among these
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise EngineError("disk_full", f"There is no room for the film: {os.strerror(error.errno)}.") from error
        raise EngineError("encode_failed", f"The film could not be written: {error}") from error
