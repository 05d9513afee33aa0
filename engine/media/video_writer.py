"""Writes finished frames to files: the film as MP4, whole and in pieces, and the pictures beside it.

It takes bytes that came through `engine.safety.output_gate` and never changes what they show. A file gets its name only
when it is whole: until then it ends in `.part`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

from engine.media.concat import Reel, played
from engine.media.fragments import Fragment, Segments
from engine.media.thumbnails import POSTER, PREVIEW, SPRITESHEET, THUMBNAIL, Stills
from engine.types import EngineError, PublishedSegment, Result, Segment

VIDEO: Final = "video.mp4"
HEAD: Final = "head-{:04d}.mp4"
SEGMENT: Final = "segment-{:04d}.m4s"
STATE: Final = "state-{:04d}.safetensors"
PART: Final = ".part"


class VideoWriter:
    """A film being written: `write` frames in order, then leave the `with` block to get all four files.

    `folder` is created; `frames` is how many will come; `threads` bounds the codec. Leaving by an exception removes
    what was begun. Raises EngineError `encode_failed` or `disk_full`.
    """

    def __init__(self, folder: Path, width: int, height: int, fps: int, frames: int, threads: int = 1) -> None:
        self._folder = folder
        self._size = (width, height)
        self._fps = fps
        self._frames = frames
        self._threads = threads
        self._written = 0
        self._cuts = 0
        self._stills = Stills(frames)
        self._segments = self._encoding()
        self._reel = Reel(folder / (VIDEO + PART))
        with _named():
            folder.mkdir(parents=True, exist_ok=True)
            _clear(folder)

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

    def adopt_segments(self, pieces: Sequence[PublishedSegment], lengths: Sequence[int]) -> bool:
        """Begin with what another Film of this kind was cut into, as it is. False, and nothing has happened, where a
        piece is not there, has not its length in frames, or is coded otherwise than this film.
        """
        if (stills := self._seen(pieces, lengths)) is None:
            return False
        with _named():
            for piece in pieces:
                self._reel.add(Fragment.of(piece))
        self._stills, self._written, self._cuts = stills, sum(lengths), len(pieces)
        return True

    def write_frames(self, frames: NDArray[np.uint8]) -> None:
        """Append frames [F, H, W, 3] of the film's size."""
        for pixels in frames:
            with _named():
                self._segments.add(_video_frame(pixels, self._written, self._fps))
            self._stills.see(self._written, Image.fromarray(pixels))
            self._written += 1

    def cut_segment(self, state: bytes | None = None) -> Segment:
        """What was written since the last cut, as a file that can be played before the film is whole; beside it what
        somebody needs to go on from there.
        """
        head, file = (self._folder / name.format(self._cuts) for name in (HEAD, SEGMENT))
        kept = None if state is None else self._folder / STATE.format(self._cuts)
        with _named():
            fragment = self._bound()
            for path, data in ((head, fragment.head), (file, fragment.body), (kept, state)):
                if path is not None and data is not None:
                    write_whole(path, data)
        self._cuts += 1
        return Segment(self._cuts - 1, self._written, self._written / self._fps, head, file, kept)

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

    def _encoding(self) -> Segments:
        return Segments(lambda container: _stream(container, *self._size, self._fps, self._threads))

    def _bound(self) -> Fragment:
        """What was written since the last cut, which is then in the film."""
        if (fragment := self._segments.cut()) is None:
            raise EngineError("encode_failed", f"No frame came after frame {self._written}.")
        self._reel.add(fragment)
        return fragment

    def _seen(self, pieces: Sequence[PublishedSegment], lengths: Sequence[int]) -> Stills | None:
        """The stills of what pieces show, if they could be of this film."""
        stills, number = Stills(self._frames), 0
        try:
            head = self._head()
            for piece, length in zip(pieces, lengths, strict=True):
                fragment, first = Fragment.of(piece), number
                for number, pixels in enumerate(played(fragment), first + 1):
                    stills.see(number - 1, Image.fromarray(pixels))
                if fragment.head != head or number - first != length:
                    return None
        except (OSError, ValueError, IndexError):  # PyAV's errors are among these; a file may hold no pictures
            return None
        return stills

    def _head(self) -> bytes:
        """How this film is coded, as a fragment says it."""
        width, height = self._size
        trial = self._encoding()
        trial.add(_video_frame(np.zeros((height, width, 3), np.uint8), 0, self._fps))
        fragment = trial.cut()
        return b"" if fragment is None else fragment.head

    def _close(self) -> None:
        if self._written != self._frames:
            raise EngineError("encode_failed", f"{self._written} frames came of {self._frames}.")
        with _named():
            if (rest := self._segments.cut()) is not None:
                self._reel.add(rest)
            self._reel.close()
            pictures = self._stills.files()
            for name, data in pictures.items():
                (self._folder / (name + PART)).write_bytes(data)
            for name in (*pictures, VIDEO):
                (self._folder / (name + PART)).replace(self._folder / name)

    def _abandon(self) -> None:
        # What cannot be closed properly, on a full disk for one, is removed all the same.
        for opened in (self._segments, self._reel):
            with suppress(OSError):
                opened.close()
        _clear(self._folder)


def write_whole(path: Path, data: bytes) -> None:
    """A file beside a film, which gets its name when it is whole. Raises EngineError as a Film does."""
    with _named():
        path.with_suffix(PART).write_bytes(data)
        path.with_suffix(PART).replace(path)


def write_video(path: Path, frames: Iterable[NDArray[np.uint8]], width: int, height: int, fps: int) -> int:
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


def _stream(container: av.container.OutputContainer, width: int, height: int, fps: int, threads: int) -> VideoStream:
    """H.264 that every phone plays. Without B-frames the first picture is at 0 and none is reordered; without a look
    ahead every frame comes out as soon as it went in.
    """
    options = {"crf": "18", "preset": "veryfast", "profile": "high", "bf": "0", "tune": "zerolatency"}
    stream = container.add_stream("libx264", rate=fps, options=options)
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


def _clear(folder: Path) -> None:
    """Remove unfinished files, a killed process's among them."""
    for pattern in ("*" + PART, *(name.format(0).replace("0000", "*") for name in (HEAD, SEGMENT, STATE, PREVIEW))):
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
