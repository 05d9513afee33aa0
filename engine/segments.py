"""Cuts a film's packets into fragments that a player can fetch while the film grows (fMP4, for HLS).

Every fragment comes from a muxer of its own: one muxer for all would write a fragment only when the next begins.
The times within are those of the whole film, so that a player puts them in their place.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import av
from av.video.stream import VideoStream

_FLAGS: Final = "frag_keyframe+empty_moov+default_base_moof+delay_moov+frag_discont"
_HEADER: Final = 8


@dataclass(frozen=True, slots=True)
class Fragment:
    """`head` says how the film is coded, the same in every fragment of it; `body` is the frames."""

    head: bytes
    body: bytes


class Segments:
    """Takes the packets of an encoder's `stream`; `cut` hands over what has come since the last cut.

    The first packet after a cut must be a key frame, and the encoder must hold none back.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._stream = stream
        self._begin()

    def add(self, packet: av.Packet[VideoStream]) -> None:
        """Append a copy of a packet."""
        copy = av.Packet(bytes(packet))
        copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
        copy.time_base, copy.is_keyframe = packet.time_base, packet.is_keyframe
        copy.stream = self._copied
        self._container.mux(copy)

    def cut(self) -> Fragment:
        """What was added since the last cut, and begin anew."""
        self._container.close()
        written = self._buffer.getvalue()
        self._begin()
        frames = _boxes(written, b"moof")
        return Fragment(written[: frames.start], written[frames.start : _boxes(written, b"mfra").start])

    def close(self) -> None:
        """Let go of what was not cut."""
        self._container.close()

    def _begin(self) -> None:
        self._buffer = io.BytesIO()
        self._container = av.open(self._buffer, "w", format="mp4", options={"movflags": _FLAGS})
        self._copied = self._container.add_stream_from_template(self._stream)


def _boxes(data: bytes, kind: bytes) -> range:
    """The place of the first top-level MP4 box of a kind; at the end where there is none."""
    return next((place for name, place in _all_boxes(data) if name == kind), range(len(data), len(data)))


def _all_boxes(data: bytes) -> Iterator[tuple[bytes, range]]:
    start = 0
    while start < len(data):
        size = int.from_bytes(data[start : start + 4], "big")
        yield data[start + 4 : start + _HEADER], range(start, start + size)
        start += size
