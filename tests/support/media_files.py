"""Media files made in memory, as users send them."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
from PIL import Image


def encode_video(seconds: float = 2, width: int = 90, height: int = 160) -> bytes:
    """An MP4 as phones record it: H.264 at 30 frames a second."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(round(seconds * 30)):
            frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), index % 256, np.uint8), "rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def encode_noise_png() -> bytes:
    """A PNG of 2000 × 1600 pixels that no compression makes small; its checksums tell whether it is whole."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(7).integers(0, 256, (1600, 2000, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()
