"""Encodes a film in fragments that a player can fetch while the film grows (fMP4, for HLS).

Every fragment comes from an encoder and a muxer of its own: one muxer for all would write a fragment only when the
next begins, and one encoder for all would make each depend on those before, so that nobody could go on from them and
write the same. The times within are those of the whole film, so that a player puts them in their place.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Self

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from engine.types import PublishedSegment

_FLAGS: Final = "frag_keyframe+empty_moov+default_base_moof+delay_moov+frag_discont"
_HEADER: Final = 8


@dataclass(frozen=True, slots=True)
class Fragment:
    """`head` says how the film is coded, the same in every fragment of it; `body` is the frames."""

    head: bytes
    body: bytes

    @classmethod
    def of(cls, piece: PublishedSegment) -> Self:
        """From its files. Raises OSError."""
        return cls(piece.init_file.read_bytes(), piece.file.read_bytes())


class Segments:
    """Takes frames; `cut` hands over what has come since the last cut.

    `encoder` adds an H.264 stream to a container. It must hold back no frame of a film that is not closed.
    """

    def __init__(self, encoder: Callable[[OutputContainer], VideoStream]) -> None:
        self._encoder = encoder
        self._buffer = io.BytesIO()
        self._open: tuple[OutputContainer, VideoStream] | None = None

    def add(self, frame: av.VideoFrame) -> None:
        """Append a frame, which knows its time in the whole film."""
        container, stream = self._open = self._open or self._begun()
        container.mux(stream.encode(frame))

    def cut(self) -> Fragment | None:
        """What was added since the last cut, if anything."""
        if self._open is None:
            return None
        container, stream = self._open
        container.mux(stream.encode(None))
        self.close()
        written = self._buffer.getvalue()
        frames = _boxes(written, b"moof")
        return Fragment(written[: frames.start], written[frames.start : _boxes(written, b"mfra").start])

    def close(self) -> None:
        """Let go of what was not cut."""
        if self._open is not None:
            self._open[0].close()
            self._open = None

    def _begun(self) -> tuple[OutputContainer, VideoStream]:
        self._buffer = io.BytesIO()
        container = av.open(self._buffer, "w", format="mp4", options={"movflags": _FLAGS})
        return container, self._encoder(container)


def _boxes(data: bytes, kind: bytes) -> range:
    """The place of the first top-level MP4 box of a kind; at the end where there is none."""
    return next((place for name, place in _all_boxes(data) if name == kind), range(len(data), len(data)))


def _all_boxes(data: bytes) -> Iterator[tuple[bytes, range]]:
    start = 0
    while start < len(data):
        size = int.from_bytes(data[start : start + 4], "big")
        yield data[start + 4 : start + _HEADER], range(start, start + size)
        start += size
