"""Encodes a video in fragments that a player can fetch while the video grows (fMP4, for HLS).

Each fragment has its own encoder and muxer: a shared muxer writes a fragment only when the next begins, and a shared
encoder makes each depend on those before, so that a later attempt could not write the same. Timestamps are those of
the whole video, so that a player places the fragments correctly.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Self

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from engine.types import SegmentFiles

_MOVFLAGS: Final = "frag_keyframe+empty_moov+default_base_moof+delay_moov+frag_discont"
_BOX_HEADER: Final = 8


@dataclass(frozen=True, slots=True)
class Fragment:
    """`init_segment` holds the codec parameters, the same in every fragment of a video; `media_segment` the frames."""

    init_segment: bytes
    media_segment: bytes

    @classmethod
    def from_files(cls, piece: SegmentFiles) -> Self:
        """Read the files of a published segment. Raises OSError."""
        return cls(piece.init_file.read_bytes(), piece.file.read_bytes())


class FragmentEncoder:
    """Encodes frames; `flush_fragment` returns those since the last flush as a fragment.

    `encoder` adds an H.264 stream to a container. It must not reorder frames (no B-frames).
    """

    def __init__(self, encoder: Callable[[OutputContainer], VideoStream]) -> None:
        self._encoder = encoder
        self._buffer = io.BytesIO()
        self._open: tuple[OutputContainer, VideoStream] | None = None

    def encode_frame(self, frame: av.VideoFrame) -> None:
        """Append a frame; its timestamp counts from the start of the whole video."""
        container, stream = self._open = self._open or self._open_container()
        container.mux(stream.encode(frame))

    def flush_fragment(self) -> Fragment | None:
        """The frames since the last flush; None if there are none."""
        if self._open is None:
            return None
        container, stream = self._open
        container.mux(stream.encode(None))
        self.close()
        written = self._buffer.getvalue()
        frames = _find_box(written, b"moof")
        return Fragment(written[: frames.start], written[frames.start : _find_box(written, b"mfra").start])

    def close(self) -> None:
        """Discard frames that were not flushed."""
        if self._open is not None:
            self._open[0].close()
            self._open = None

    def _open_container(self) -> tuple[OutputContainer, VideoStream]:
        self._buffer = io.BytesIO()
        container = av.open(self._buffer, "w", format="mp4", options={"movflags": _MOVFLAGS})
        return container, self._encoder(container)


def _find_box(data: bytes, kind: bytes) -> range:
    """Byte range of the first top-level MP4 box of a kind; empty at the end where there is none."""
    return next((place for name, place in _top_level_boxes(data) if name == kind), range(len(data), len(data)))


def _top_level_boxes(data: bytes) -> Iterator[tuple[bytes, range]]:
    start = 0
    while start < len(data):
        size = int.from_bytes(data[start : start + 4], "big")
        yield data[start + 4 : start + _BOX_HEADER], range(start, start + size)
        start += size
