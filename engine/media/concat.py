"""Puts a film's fragments behind each other in one MP4 file, and looks at their frames again.

Packets are copied as they are: what was published and what is in the file are the same, and nothing is encoded twice.
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


class Reel:
    """One MP4 file with its index in front, so that a player can begin before it has all. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: Any = None  # the container, and its stream behind it

    def add(self, fragment: Fragment) -> None:
        """Append a fragment; all of a film have the same head."""
        with av.open(io.BytesIO(fragment.head + fragment.body), "r") as source:
            [stream] = source.streams.video
            if self._open is None:
                container = av.open(str(self._path), "w", format="mp4", options={"movflags": "+faststart"})
                self._open = container, container.add_stream_from_template(stream)
            container, own = self._open
            for packet in source.demux(stream):
                if packet.dts is not None:  # the last one only says that there are no more
                    packet.stream = own
                    container.mux(packet)

    def close(self) -> None:
        """Finish the file, or let go of it."""
        if self._open is not None:
            self._open[0].close()
            self._open = None


def played(fragment: Fragment) -> Iterator[NDArray[np.uint8]]:
    """A fragment's frames [H, W, 3]. Raises OSError or ValueError where it is none."""
    with av.open(io.BytesIO(fragment.head + fragment.body), "r") as container:
        for frame in container.decode(video=0):
            shown = frame.reformat(format="rgb24", src_colorspace=Colorspace.ITU709, src_color_range=ColorRange.MPEG)
            yield np.asarray(shown.to_ndarray(), np.uint8)
