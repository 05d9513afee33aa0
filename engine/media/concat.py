"""Concatenates fragments into one MP4 file, and decodes their frames.

Packets are remuxed: the published segments and the file hold the same frames, and nothing is encoded twice.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from engine.media.fragments import Fragment


class FragmentConcatenator:
    """Writes one MP4 file with its index in front (faststart), so that playback can begin early. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: Any = None  # the container and its video stream

    def append(self, fragment: Fragment) -> None:
        """Append a fragment; all of a video have the same init segment."""
        with av.open(io.BytesIO(fragment.init_segment + fragment.media_segment), "r") as source:
            [stream] = source.streams.video
            if self._open is None:
                container = av.open(str(self._path), "w", format="mp4", options={"movflags": "+faststart"})
                self._open = container, container.add_stream_from_template(stream)
            container, own = self._open
            for packet in source.demux(stream):
                if packet.dts is not None:  # the last packet only flushes
                    packet.stream = own
                    container.mux(packet)

    def close(self) -> None:
        """Finish the file."""
        if self._open is not None:
            self._open[0].close()
            self._open = None


def decode_fragment(fragment: Fragment) -> Iterator[NDArray[np.uint8]]:
    """A fragment's frames [H, W, 3]. Raises OSError or ValueError if it cannot be decoded."""
    with av.open(io.BytesIO(fragment.init_segment + fragment.media_segment), "r") as container:
        for frame in container.decode(video=0):
            shown = frame.reformat(format="rgb24", src_colorspace=Colorspace.ITU709, src_color_range=ColorRange.MPEG)
            yield np.asarray(shown.to_ndarray(), np.uint8)
