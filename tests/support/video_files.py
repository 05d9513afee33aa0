"""Videos written as other people's devices write them: any codec, colours, matrix and pixel shape."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[Any]


class Coding(NamedTuple):
    """How a video is encoded. Colours that are None are left unsaid."""

    codec: str = "libx264"
    form: str = "yuv420p"
    matrix: Colorspace | None = None
    range: ColorRange = ColorRange.MPEG
    transfer: ColorTrc | None = None
    primaries: ColorPrimaries | None = None
    options: tuple[tuple[str, str], ...] = ()
    tagged: bool = True  # whether the file says its matrix


H264 = Coding()
HEVC_OPTIONS = (("x265-params", "log-level=none:crf=8"), ("preset", "ultrafast"))
HLG = Coding(
    "libx265", "yuv420p10le", Colorspace.BT2020, ColorRange.MPEG, ColorTrc.ARIB_STD_B67, ColorPrimaries.BT2020,
    HEVC_OPTIONS,
)  # fmt: skip
PQ = HLG._replace(transfer=ColorTrc.SMPTE2084)


def write_frames(
    path: Path, frames: Iterable[Pixels], coding: Coding = H264, *, times: Sequence[float] | None = None,
    aspect: Fraction | None = None,
) -> Path:  # fmt: skip
    """Write frames [H, W, 3], of uint8 or uint16 signals, at `times` in seconds or else 24 a second."""
    with av.open(str(path), "w") as container:
        stream: Any = None
        for index, pixels in enumerate(frames):
            stream = stream or _add_stream(container, coding, pixels.shape, aspect)
            frame = _video_frame(pixels, coding)
            second = index / 24 if times is None else times[index]
            frame.pts, frame.time_base = round(second * 24_000), Fraction(1, 24_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _add_stream(container: Any, coding: Coding, shape: Sequence[int], aspect: Fraction | None) -> Any:
    stream = container.add_stream(coding.codec, rate=24, options=dict(coding.options))
    stream.height, stream.width, stream.pix_fmt = shape[0], shape[1], coding.form
    context = stream.codec_context
    context.time_base = Fraction(1, 24_000)
    if aspect is not None:
        context.sample_aspect_ratio = stream.sample_aspect_ratio = aspect
    if coding.matrix is not None and coding.tagged:
        context.colorspace, context.color_range = coding.matrix, coding.range
    if coding.transfer is not None:
        context.color_trc = coding.transfer
    if coding.primaries is not None:
        context.color_primaries = coding.primaries
    return stream


def _video_frame(pixels: Pixels, coding: Coding) -> av.VideoFrame:
    form = "rgba" if pixels.shape[2] == 4 else "rgb24" if pixels.dtype == np.uint8 else "gbrp16le"
    frame = av.VideoFrame.from_ndarray(pixels, form)
    return frame.reformat(
        format=coding.form, dst_colorspace=coding.matrix or Colorspace.ITU601, dst_color_range=coding.range
    )


def mp4_with_matrix(data: bytes, a: int, b: int, c: int, d: int) -> bytes:
    """The same MP4 with its frames laid by a display matrix, as phones write it."""
    at = data.index(b"tkhd") + 4 + 40  # version 0: the matrix follows forty bytes of times, ids and volumes
    numbers = (a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    matrix = b"".join(number.to_bytes(4, "big", signed=True) for number in numbers)
    return data[:at] + matrix + data[at + 36 :]
