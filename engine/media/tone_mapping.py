"""From high dynamic range and wide gamuts to what every screen shows: sRGB values with BT.709 primaries.

PQ and HLG (BT.2100) carry absolute or relative light of up to thousands of nits. One white level holds for a whole
clip, so that its brightness does not breathe: reference white (BT.2408), or less where the clip is nowhere as bright.
What is brighter is compressed. The arithmetic is done once, for a table that libavfilter then looks colours up in.
"""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple, Self, TypeAlias

import av
import numpy as np
from av.filter import Graph
from av.video.reformatter import ColorPrimaries, ColorTrc
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

FRAME_FORMAT: Final = "gbrp16le"  # of the frames that are converted
REFERENCE_WHITE: Final = 203.0  # nits of diffuse white in high dynamic range
SCREEN_WHITE: Final = 100.0  # nits of the white of a standard screen
_SCREEN_GAMMA: Final = 2.4  # of screens for BT.709 (BT.1886)
_HLG_PEAK: Final = 1000.0  # nits of the nominal HLG display
_PQ_PEAK: Final = 10_000.0
_KNEE: Final = 0.75  # of white; below it nothing is compressed
_ANY_CLOCK: Final = Fraction(1, 1000)  # frames are looked up one by one, whatever their time
_TABLE: Final = 49  # points along each side of the table
_PART: Final = 99.0  # percentile of a frame's pixels that counts as its brightest
_LUMA: Final = np.array((0.2126, 0.7152, 0.0722))
_BT2020_TO_BT709: Final = ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187))
_P3_TO_BT709: Final = ((1.2249, -0.2249, 0.0), (-0.0420, 1.0420, 0.0), (-0.0197, -0.0786, 1.0983))
_BT709: Final = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_TO_BT709: Final = {
    int(ColorPrimaries.BT2020): _BT2020_TO_BT709,
    int(ColorPrimaries.SMPTE431): _P3_TO_BT709,
    int(ColorPrimaries.SMPTE432): _P3_TO_BT709,
}


class ColourSpace(NamedTuple):
    """Transfer and primaries of a frame, as numbers of H.273."""

    transfer: int
    primaries: int

    @property
    def is_hdr(self) -> bool:
        """Whether the transfer is PQ or HLG."""
        return self.transfer in (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)

    @property
    def is_plain(self) -> bool:
        """Whether frames can be shown as they are."""
        return not self.is_hdr and self.primaries not in _TO_BT709

    def to_light(self, signal: Floats) -> Floats:
        """Signal values [..., 3] in 0..1 as light with BT.709 primaries: nits in HDR, otherwise 1.0 is white."""
        unnamed = self.is_hdr and self.primaries == ColorPrimaries.UNSPECIFIED
        matrix = _BT2020_TO_BT709 if unnamed else _TO_BT709.get(self.primaries, _BT709)
        return np.asarray(self._decode_transfer(signal) @ np.array(matrix).T)

    def _decode_transfer(self, signal: Floats) -> Floats:
        if self.transfer == ColorTrc.SMPTE2084:
            return _pq_light(signal)
        if self.transfer == ColorTrc.ARIB_STD_B67:
            return _hlg_light(signal)
        return _srgb_light(signal) if self.transfer == ColorTrc.IEC61966_2_1 else np.asarray(signal**_SCREEN_GAMMA)

    def encode(self, light: Floats) -> Floats:
        """What the screen is given for light in 0..1: standard dynamic range keeps the curve it came with."""
        if self.is_hdr or self.transfer == ColorTrc.IEC61966_2_1:
            return _srgb_signal(light)
        return np.asarray(light ** (1 / _SCREEN_GAMMA))


class Brightness(NamedTuple):
    """How bright a clip is, in nits: its whitest luminance and its brightest primary."""

    luminance: float = 0.0
    primary: float = 0.0

    @classmethod
    def of_frame(cls, signal: Floats, space: ColourSpace) -> Self:
        """The brightness of a frame's signals [H, W, 3], without the last hundredth: glints, and ringing at edges."""
        light = space.to_light(signal)
        return cls(*(float(np.percentile(values, _PART)) for values in (light @ _LUMA, light.max(axis=-1))))

    def brighter(self, other: Self) -> Self:
        """The brighter of both, in each."""
        return type(self)(max(self.luminance, other.luminance), max(self.primary, other.primary))

    @property
    def white(self) -> float:
        """The light that becomes white on the screen, in nits."""
        return min(max(self.luminance, SCREEN_WHITE), REFERENCE_WHITE)


class ColourConverter:
    """Converts frames of one colour space to sRGB, for a clip of this brightness; it keeps a table in `folder` while
    it is set up.
    """

    def __init__(self, space: ColourSpace, brightness: Brightness, folder: Path) -> None:
        self._table = _display_table(space, brightness)
        self._folder = folder
        self._graph: Graph | None = None
        self._shape = (0, 0)

    def convert(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A frame of FRAME_FORMAT as one of the same format in sRGB."""
        if self._graph is None or self._shape != (frame.width, frame.height):
            self._graph, self._shape = self._build_graph(frame), (frame.width, frame.height)
        self._graph.vpush(frame)
        return self._graph.vpull()

    def _build_graph(self, frame: av.VideoFrame) -> Graph:
        graph = Graph()
        with tempfile.NamedTemporaryFile("w", suffix=".cube", dir=self._folder) as cube:
            cube.write(f"LUT_3D_SIZE {_TABLE}\n")
            np.savetxt(cube, self._table, fmt="%.5f")
            cube.flush()
            source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=_ANY_CLOCK)
            graph.link_nodes(source, graph.add("lut3d", file=cube.name), graph.add("buffersink")).configure()
        return graph


def _display_table(space: ColourSpace, brightness: Brightness) -> Floats:
    """Values [_TABLE ** 3, 3] for the screen, of a grid of signals; red changes fastest."""
    steps = np.linspace(0.0, 1.0, _TABLE)
    blue, green, red = (axis.ravel() for axis in np.meshgrid(steps, steps, steps, indexing="ij"))
    light = space.to_light(np.stack([red, green, blue], axis=1))
    if space.is_hdr:
        light = _compress_highlights(light / brightness.white, brightness.primary / brightness.white)
    return space.encode(light.clip(0.0, 1.0))


def _compress_highlights(light: Floats, peak: float) -> Floats:
    """Light [..., 3] in units of white so that `peak` becomes 1.0; hue is kept, and so is all below _KNEE."""
    brightest = light.max(axis=-1, keepdims=True).clip(1e-6)
    if peak <= 1.0:
        return np.asarray(light / brightest.clip(1.0))
    room = (peak - _KNEE) / (1.0 - _KNEE)
    part = ((brightest - _KNEE) / (peak - _KNEE)).clip(0.0, 1.0)
    bent = _KNEE + (1.0 - _KNEE) * part * room / (1.0 + part * (room - 1.0))
    return np.asarray(light * np.where(brightest > _KNEE, bent / brightest, 1.0))


def _pq_light(signal: Floats) -> Floats:
    """Nits of PQ signals (SMPTE ST 2084)."""
    root = signal.clip(0.0, 1.0) ** (1 / 78.84375)
    return np.asarray(
        _PQ_PEAK * ((root - 0.8359375).clip(0.0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
    )


def _hlg_light(signal: Floats) -> Floats:
    """Nits of HLG signals on the nominal display (BT.2100). Its gamma is applied to each primary, as most converters
    do; to luminance, colours made by those would come back paler.
    """
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    return np.asarray(_HLG_PEAK * scene.clip(0.0, 1.0) ** 1.2)


def _srgb_light(signal: Floats) -> Floats:
    return np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)


def _srgb_signal(light: Floats) -> Floats:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
