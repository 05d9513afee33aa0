"""Re-encodes an uploaded video as silent H.264 at FRAME_RATE. Runs in the sandbox of engine/media/ingest.py.

Frames are shown as a player would show them, at the time at which it would. Declared limits are checked before decoding
and counted again during it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import reduce
from itertools import chain, repeat
from math import ceil
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import av
import numpy as np
from av.filter import Graph
from av.stream import Disposition
from numpy.typing import NDArray

from engine.catalog.file_signatures import SIGNATURE_BYTES, detect_format
from engine.catalog.upload_limits import MAX_FRAME_PIXELS, MAX_FRAME_RATE
from engine.media.frame_display import FrameDisplay, colour_space, measure_brightness
from engine.media.refusals import MediaRefused
from engine.media.tone_mapping import Brightness
from engine.media.video_writer import write_video

MAX_VIDEO_SIDE: Final = 1280
FRAME_RATE: Final = 24  # frames a second of the videos written
TIME_TOLERANCE: Final = 0.001  # seconds by which a frame's time may be off, since files count in ticks
_CONTAINERS: Final = ("MP4", "MOV", "Matroska", "")  # "": named by no signature, but perhaps readable
_SAMPLED: Final = 12  # of so many frames one is measured where key frames are rare

# Single-file containers only: no playlists, image sequences or other formats that refer to further files, and no
# protocol but `file`.
_OPTIONS: Final = {"format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm", "protocol_whitelist": "file"}


class IngestedVideo(NamedTuple):
    """Size and length of the video written."""

    width: int
    height: int
    seconds: float


def ingest_video(source: Path, target: Path, longest: float) -> IngestedVideo:
    """Re-encode a video of at most `longest` seconds, its sides at most MAX_VIDEO_SIDE. Raises MediaRefused."""
    with source.open("rb") as file:
        name = detect_format(file.read(SIGNATURE_BYTES))
    if name not in _CONTAINERS:
        raise MediaRefused("format", name=name)
    try:
        with av.open(str(source), options=dict(_OPTIONS)) as container:
            stream = _choose_stream(container)
            _check_declared_limits(container, stream, longest)
            return _write_video(source, target, stream, _decode_frames(container, stream, longest), longest)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaRefused("damaged" if name else "format") from error


def _choose_stream(container: Any) -> Any:
    """The video stream that a player shows: no cover image, and the default among several."""
    videos = [each for each in container.streams.video if not each.disposition & Disposition.attached_pic]
    if not container.streams:
        raise MediaRefused("damaged")  # the part that describes them is missing, as where a download broke off
    if not videos:
        raise MediaRefused("empty", name="cover" if container.streams.video else "")
    chosen = next((each for each in videos if each.disposition & Disposition.default), videos[0])
    if chosen.codec_context is None:
        raise MediaRefused("codec")
    chosen.codec_context.thread_count = 1
    return chosen


def _check_declared_limits(container: Any, stream: Any, longest: float) -> None:
    """Check the limits that the file declares, before decoding."""
    context = stream.codec_context
    if (pixels := context.width * context.height) > MAX_FRAME_PIXELS:
        raise MediaRefused("pixels", pixels, MAX_FRAME_PIXELS)
    if (seconds := _declared_seconds(container, stream)) > longest + 1 / FRAME_RATE:
        raise MediaRefused("seconds", seconds, longest)


def _declared_seconds(container: Any, stream: Any) -> float:
    """The length of the video stream, or 0.0 where the file does not say: Matroska tells that of the longest stream."""
    if "mov" in container.format.name:
        return float((stream.duration or 0) * stream.time_base)
    return float((container.duration or 0) / av.time_base) if len(container.streams) == 1 else 0.0


def _write_video(
    source: Path, target: Path, stream: Any, frames: Iterator[av.VideoFrame], longest: float
) -> IngestedVideo:
    if (first := next(frames, None)) is None:
        raise MediaRefused("empty")
    brightness = _measure_clip(source, stream) if colour_space(first).is_hdr else None
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    display = FrameDisplay(MAX_VIDEO_SIDE, aspect, target.parent, brightness)
    width, height = display.shown_size(first)
    shown = _resample(_time_frames(chain([first], frames)), display, longest)
    count = write_video(target, shown, width, height, FRAME_RATE)
    return IngestedVideo(width, height, count / FRAME_RATE)


def _measure_clip(source: Path, stream: Any) -> Brightness:
    """How bright the clip is, by its key frames; by more of its frames where those are more than two seconds apart."""
    samples = [measure_brightness(frame) for frame in _sample_frames(source, stream.index, "NONKEY")]
    if 2 * len(samples) < float((stream.duration or 0) * stream.time_base):
        every = enumerate(_sample_frames(source, stream.index, "DEFAULT"))
        samples += [measure_brightness(frame) for number, frame in every if number % _SAMPLED == 0]
    return reduce(Brightness.brighter, samples, Brightness())


def _sample_frames(source: Path, index: int, skipped: Literal["NONKEY", "DEFAULT"]) -> Iterator[av.VideoFrame]:
    """Frames of a stream but those that are `skipped`."""
    with av.open(str(source), options=dict(_OPTIONS)) as container:
        stream: Any = container.streams[index]
        stream.codec_context.thread_count = 1
        stream.codec_context.skip_frame = skipped
        yield from container.decode(stream)


def _decode_frames(container: Any, stream: Any, longest: float) -> Iterator[av.VideoFrame]:
    """Decode frames and count them against the limits, since a file may declare wrong ones."""
    return _deinterlace(_check_frames(container.decode(stream), longest))


def _check_frames(frames: Iterator[av.VideoFrame], longest: float) -> Iterator[av.VideoFrame]:
    begins, size = 0.0, (0, 0)
    for number, frame in enumerate(frames):
        if number == 0:
            begins, size = frame.time or 0.0, (frame.width, frame.height)
        if number >= MAX_FRAME_RATE * longest:
            raise MediaRefused("frames", number + 1, MAX_FRAME_RATE * longest)
        if (second := (frame.time or 0.0) - begins) > longest:
            raise MediaRefused("seconds", second, longest)
        if frame.width * frame.height > MAX_FRAME_PIXELS:
            raise MediaRefused("pixels", frame.width * frame.height, MAX_FRAME_PIXELS)
        if (frame.width, frame.height) != size:
            raise MediaRefused("resized", second, name=f"{size[0]}x{size[1]} to {frame.width}x{frame.height}")
        yield frame


def _deinterlace(frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Frames without combs; those that are not interlaced pass as they are."""
    graph: Graph | None = None
    for frame in frames:
        if graph is None and not frame.interlaced_frame:
            yield frame
            continue
        graph = graph or _deinterlacing_graph(frame)
        graph.vpush(frame)
        yield from _pull_frames(graph)
    if graph is not None:
        graph.vpush(None)
        yield from _pull_frames(graph)


def _deinterlacing_graph(frame: av.VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    filtered = graph.add("bwdif", mode="send_frame", deint="interlaced")
    graph.link_nodes(source, filtered, graph.add("buffersink")).configure()
    return graph


def _pull_frames(graph: Graph) -> Iterator[av.VideoFrame]:
    """The frames that the graph has ready."""
    while True:
        try:
            yield graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return


class _TimedFrame(NamedTuple):
    """A frame with its start and end, in seconds from the first."""

    begins: float
    ends: float
    frame: av.VideoFrame


def _time_frames(frames: Iterator[av.VideoFrame]) -> Iterator[_TimedFrame]:
    first: float | None = None
    for frame in frames:
        time = frame.time or 0.0
        first = time if first is None else first
        lasts = float((frame.duration or 0) * (frame.time_base or 0)) or 1 / FRAME_RATE
        yield _TimedFrame(time - first, time - first + lasts, frame)


def _resample(timed: Iterator[_TimedFrame], display: FrameDisplay, longest: float) -> Iterator[NDArray[np.uint8]]:
    """Frames [H, W, 3] at 0, 1 / FRAME_RATE, 2 / FRAME_RATE … seconds; a frame is shown until the next begins."""
    count, before = 0, None
    for frame in timed:
        if before is not None:
            due = _frames_due(count, frame.begins)
            yield from repeat(display.render(before.frame), due) if due else ()
            count += due
        before = frame
    if before is not None and (due := _frames_due(count, min(before.ends, longest))):
        yield from repeat(display.render(before.frame), due)


def _frames_due(count: int, second: float) -> int:
    """How many frames begin before this second, beyond the first `count`."""
    return max(0, ceil((second - TIME_TOLERANCE) * FRAME_RATE) - count)
