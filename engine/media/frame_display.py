"""Decoded frames as a player shows them: with square pixels, upright, opaque, in sRGB.

A frame's own bytes are half of what it shows; the rest is what its stream says beside them: pixel aspect ratio, display
matrix, colour matrix, range, transfer and primaries. Here all of it is applied.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from engine.media.images import BACKGROUND
from engine.media.tone_mapping import FRAME_FORMAT, Brightness, ColourConverter, ColourSpace

_WIDEST_PIXEL: Final = 8  # times as wide as high, or as high as wide; a file that says more is not believed
_HD: Final = (1280, 576)  # a frame that is at least so wide, or higher, is BT.709 where its file does not say
_SAMPLE_SIDE: Final = 160  # of the small copies whose brightness is measured
_BT2020_CONSTANT: Final = 10  # constant luminance, H.273; close to the usual matrix
_BT470BG, _UNNAMED, _YCGCO = 5, 2, 8
_MATRICES: Final = {
    0: Colorspace.DEFAULT,  # RGB; there is nothing to convert
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    _BT470BG: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    _BT2020_CONSTANT: Colorspace.BT2020,
}


class Orientation(NamedTuple):
    """One of the eight ways to lay a frame: rows and columns exchanged first, then each mirrored."""

    transposed: bool = False
    mirrored: bool = False  # left and right
    flipped: bool = False  # top and bottom

    @classmethod
    def from_matrix(cls, a: int, b: int, c: int, d: int) -> Orientation:
        """The nearest to a display matrix (ISO 14496-12): a point moves to x' = ax + cy, y' = bx + dy."""
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(transposed=True, mirrored=c < 0, flipped=b < 0)
        return cls(mirrored=a < 0, flipped=d < 0)

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Pixels [H, W, C] laid this way."""
        turned = pixels.swapaxes(0, 1) if self.transposed else pixels
        return np.ascontiguousarray(turned[:: -1 if self.flipped else 1, :: -1 if self.mirrored else 1])


def read_orientation(frame: av.VideoFrame) -> Orientation:
    """How the frame is to be laid."""
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return Orientation()
    a, b, _, c, d, *_ = (int(value) for value in np.frombuffer(matrix, np.int32))
    return Orientation.from_matrix(a, b, c, d)


def colour_space(frame: av.VideoFrame) -> ColourSpace:
    """Transfer and primaries of the frame."""
    return ColourSpace(int(frame.color_trc), int(frame.color_primaries))


class FrameDisplay:
    """Renders frames of one stream as RGB with even sides of at most `side`; `aspect` is the width of a pixel by its
    height. Frames of high dynamic range are shown for a clip of `brightness`. `folder` is for temporary files.
    """

    def __init__(self, side: int, aspect: Fraction, folder: Path, brightness: Brightness | None = None) -> None:
        self._side = side
        self._aspect = aspect if 1 / _WIDEST_PIXEL <= aspect <= _WIDEST_PIXEL else Fraction(1)
        self._folder = folder
        self._brightness = brightness or Brightness()
        self._converters: dict[ColourSpace, ColourConverter] = {}

    def render(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """The frame as it is shown, [H, W, 3]."""
        width, height = self._stored_size(frame)
        return read_orientation(frame).apply(self._to_rgb(frame, width, height))

    def render_stored(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """The frame in the size in which it is stored, neither stretched nor turned, [H, W, 3]."""
        return self._to_rgb(frame, frame.width, frame.height)

    def shown_size(self, frame: av.VideoFrame) -> tuple[int, int]:
        """Width and height of what `render` returns."""
        width, height = self._stored_size(frame)
        return (height, width) if read_orientation(frame).transposed else (width, height)

    def _stored_size(self, frame: av.VideoFrame) -> tuple[int, int]:
        """The size shown, before the frame is turned: square pixels by stretching, never by dropping some."""
        width = frame.width * max(self._aspect, Fraction(1))
        height = frame.height / min(self._aspect, Fraction(1))
        scale = min(Fraction(1), self._side / max(width, height))
        return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)

    def _to_rgb(self, frame: av.VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
        space = colour_space(frame)
        if _has_alpha(frame):
            return _on_background(np.asarray(_reformat(frame, width, height, "rgba").to_ndarray(), np.uint8))
        if space.is_plain:
            return np.asarray(_reformat(frame, width, height, "rgb24").to_ndarray(), np.uint8)
        converted = self._converter(space).convert(_reformat(frame, width, height, FRAME_FORMAT))
        return np.asarray(converted.to_ndarray(format="rgb24"), np.uint8)

    def _converter(self, space: ColourSpace) -> ColourConverter:
        if space not in self._converters:
            self._converters[space] = ColourConverter(space, self._brightness, self._folder)
        return self._converters[space]


def measure_brightness(frame: av.VideoFrame) -> Brightness:
    """How bright a frame of high dynamic range is."""
    shrink = min(1.0, _SAMPLE_SIDE / max(frame.width, frame.height))
    width, height = (max(2, round(side * shrink)) for side in (frame.width, frame.height))
    signal = np.asarray(_reformat(frame, width, height, FRAME_FORMAT).to_ndarray(), np.float64) / 65535
    return Brightness.of_frame(signal, colour_space(frame))


def _reformat(frame: av.VideoFrame, width: int, height: int, form: str) -> av.VideoFrame:
    return frame.reformat(
        width,
        height,
        form,
        src_colorspace=_colour_matrix(frame),
        interpolation=Interpolation.AREA | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND,
        dst_color_range=ColorRange.JPEG,
    )


def _colour_matrix(frame: Any) -> int:
    """The matrix between YUV and RGB; where the file names none, the one that players choose."""
    if (named := _MATRICES.get(int(frame.colorspace))) is not None:
        return int(named)
    if frame.color_primaries == ColorPrimaries.BT2020 or colour_space(frame).is_hdr:
        return int(Colorspace.BT2020)
    large = frame.width >= _HD[0] or frame.height > _HD[1]
    return int(Colorspace.ITU709 if large else Colorspace.ITU601)


def _has_alpha(frame: av.VideoFrame) -> bool:
    return len(frame.format.components) in (2, 4) and any(part.is_alpha for part in frame.format.components)


def _on_background(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGBA pixels [H, W, 4] laid on BACKGROUND, [H, W, 3]."""
    alpha = pixels[..., 3:].astype(np.uint16)
    mixed = pixels[..., :3] * alpha + np.array(BACKGROUND, np.uint16) * (255 - alpha)
    return np.asarray((mixed + 127) // 255, np.uint8)
