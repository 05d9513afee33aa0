"""Writes finished frames to files: the video as MP4, whole and in segments, and the images beside it.

It takes bytes that passed `engine.safety.output_gate` and does not change them. A file gets its name only when it is
complete; until then it ends in `.part`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

from engine.media.concat import FragmentConcatenator, decode_fragment
from engine.media.fragments import Fragment, FragmentEncoder
from engine.media.thumbnails import POSTER, PREVIEW, SPRITESHEET, THUMBNAIL, StillCollector
from engine.types import EngineError, Result, Segment, SegmentFiles

VIDEO: Final = "video.mp4"
HEAD: Final = "head-{:04d}.mp4"
SEGMENT: Final = "segment-{:04d}.m4s"
STATE: Final = "state-{:04d}.safetensors"
PART: Final = ".part"
_CRF_BY_SIDE: Final = ((480, 18), (720, 22))  # the shorter side of the frame, and x264's quality up to it
_LARGE_CRF: Final = 23
_LONGEST_GOP: Final = 30.0  # seconds; longer than any segment


class _Coding(NamedTuple):
    """Quality (x264's crf; lower is better) and most seconds from a key frame to the next."""

    crf: int
    gop_seconds: float


_SOURCE: Final = _Coding(18, 2.0)  # of videos that clips are made from: read again, and from anywhere


class VideoWriter:
    """Writes one video: pass frames in order to `write_frames`, then leave the `with` block to get all four files.

    `folder` is created; `frames` is the number that will come; `threads` bounds the codec. Leaving by an exception
    removes partial files. Raises EngineError `encode_failed` or `disk_full`.
    """

    def __init__(self, folder: Path, width: int, height: int, fps: int, frames: int, threads: int = 1) -> None:
        self._folder = folder
        self._size = (width, height)
        self._fps = fps
        self._frames = frames
        self._threads = threads
        self._written = 0
        self._cuts = 0
        self._stills = StillCollector(frames)
        self._encoder = self._new_encoder()
        self._concatenator = FragmentConcatenator(folder / (VIDEO + PART))
        with _as_engine_error():
            folder.mkdir(parents=True, exist_ok=True)
            _remove_partial_files(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as unless_closed:
            unless_closed.callback(self._discard_files)
            if error is None:
                self._finish_files()
                unless_closed.pop_all()

    def adopt_segments(self, segments: Sequence[SegmentFiles], lengths: Sequence[int]) -> bool:
        """Begin with published segments of the same video, of these `lengths` in frames. Returns False and changes
        nothing where one is missing, has another length, or differs in its codec parameters.
        """
        if (stills := self._collect_stills(segments, lengths)) is None:
            return False
        with _as_engine_error():
            for segment in segments:
                self._concatenator.append(Fragment.from_files(segment))
        self._stills, self._written, self._cuts = stills, sum(lengths), len(segments)
        return True

    def write_frames(self, frames: NDArray[np.uint8]) -> None:
        """Append frames [F, H, W, 3] of the video's size."""
        for pixels in frames:
            with _as_engine_error():
                self._encoder.encode_frame(_video_frame(pixels, self._written, self._fps))
            self._stills.add_frame(self._written, Image.fromarray(pixels))
            self._written += 1

    def cut_segment(self, state: bytes | None = None) -> Segment:
        """The frames since the last cut as a segment that plays before the video is complete, with `state`, the resume
        state after it, in a file beside it.
        """
        head, file = (self._folder / name.format(self._cuts) for name in (HEAD, SEGMENT))
        kept = None if state is None else self._folder / STATE.format(self._cuts)
        with _as_engine_error():
            fragment = self._append_fragment()
            for path, data in ((head, fragment.init_segment), (file, fragment.media_segment), (kept, state)):
                if path is not None and data is not None:
                    write_whole(path, data)
        self._cuts += 1
        return Segment(self._cuts - 1, self._written, self._written / self._fps, head, file, kept)

    def result(self) -> Result:
        """The files; complete once the `with` block has ended without an error."""
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

    def _new_encoder(self) -> FragmentEncoder:
        coding = _clip_coding(*self._size)
        return FragmentEncoder(
            lambda container: _add_h264_stream(container, self._size, self._fps, self._threads, coding)
        )

    def _append_fragment(self) -> Fragment:
        """Flush the frames since the last cut as a fragment, and append it to the video."""
        if (fragment := self._encoder.flush_fragment()) is None:
            raise EngineError("encode_failed", f"No frame came after frame {self._written}.")
        self._concatenator.append(fragment)
        return fragment

    def _collect_stills(self, segments: Sequence[SegmentFiles], lengths: Sequence[int]) -> StillCollector | None:
        """Stills of published segments; None if they are not segments of this video."""
        stills, number = StillCollector(self._frames), 0
        try:
            head = self._expected_init_segment()
            for segment, length in zip(segments, lengths, strict=True):
                fragment, first = Fragment.from_files(segment), number
                for number, pixels in enumerate(decode_fragment(fragment), first + 1):
                    stills.add_frame(number - 1, Image.fromarray(pixels))
                if fragment.init_segment != head or number - first != length:
                    return None
        except (OSError, ValueError, IndexError):  # includes PyAV's errors; IndexError: no video stream
            return None
        return stills

    def _expected_init_segment(self) -> bytes:
        """The init segment that a fragment of this video has."""
        width, height = self._size
        trial = self._new_encoder()
        trial.encode_frame(_video_frame(np.zeros((height, width, 3), np.uint8), 0, self._fps))
        fragment = trial.flush_fragment()
        return b"" if fragment is None else fragment.init_segment

    def _finish_files(self) -> None:
        if self._written != self._frames:
            raise EngineError("encode_failed", f"{self._written} frames came of {self._frames}.")
        with _as_engine_error():
            if (rest := self._encoder.flush_fragment()) is not None:
                self._concatenator.append(rest)
            self._concatenator.close()
            images = self._stills.encode_files()
            for name, data in images.items():
                (self._folder / (name + PART)).write_bytes(data)
            for name in (*images, VIDEO):
                (self._folder / (name + PART)).replace(self._folder / name)

    def _discard_files(self) -> None:
        # Files are removed even if closing them fails, as on a full disk.
        for opened in (self._encoder, self._concatenator):
            with suppress(OSError):
                opened.close()
        _remove_partial_files(self._folder)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that gets its name only when it is complete. Raises EngineError as VideoWriter does."""
    with _as_engine_error():
        path.with_suffix(PART).write_bytes(data)
        path.with_suffix(PART).replace(path)


def write_video(path: Path, frames: Iterable[NDArray[np.uint8]], width: int, height: int, fps: int) -> int:
    """Write frames [H, W, 3] with even sides as a video without images beside it; returns their number."""
    count = 0
    with av.open(str(path), "w", format="mp4") as container:
        stream = _add_h264_stream(container, (width, height), fps, threads=1, coding=_SOURCE)
        for count, pixels in enumerate(frames, 1):
            with _as_engine_error():
                container.mux(stream.encode(_video_frame(pixels, count - 1, fps)))
        with _as_engine_error():
            container.mux(stream.encode(None))
    return count


def _clip_coding(width: int, height: int) -> _Coding:
    """What a clip is watched in: the larger its frames, the less their smallest detail is seen. Each segment begins
    with a key frame of its own encoder, and needs no other.
    """
    side = min(width, height)
    return _Coding(next((crf for most, crf in _CRF_BY_SIDE if side <= most), _LARGE_CRF), _LONGEST_GOP)


def _add_h264_stream(
    container: av.container.OutputContainer, size: tuple[int, int], fps: int, threads: int, coding: _Coding
) -> VideoStream:
    """H.264 that every phone plays. Without B-frames the first frame is at 0 and none is reordered."""
    options = {"crf": str(coding.crf), "preset": "veryfast", "profile": "high", "bf": "0", "x264-params": "scenecut=0"}
    stream = container.add_stream("libx264", rate=fps, options=options)
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.time_base = Fraction(1, fps)
    context.thread_count = threads
    context.gop_size = round(coding.gop_seconds * fps)
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


def _remove_partial_files(folder: Path) -> None:
    """Remove unfinished files, including those of a killed process."""
    for pattern in ("*" + PART, *(name.format(0).replace("0000", "*") for name in (HEAD, SEGMENT, STATE, PREVIEW))):
        for path in folder.glob(pattern):
            path.unlink()


@contextmanager
def _as_engine_error() -> Iterator[None]:
    try:
        yield
    except OSError as error:  # includes PyAV's errors
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise EngineError("disk_full", f"There is no room for the video: {os.strerror(error.errno)}.") from error
        raise EngineError("encode_failed", f"The video could not be written: {error}") from error
