"""Decodes the images of a HEIF file with FFmpeg: tiles put together, transparency, cropping, turning."""

from __future__ import annotations

import struct
from fractions import Fraction
from functools import reduce
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.catalog.upload_limits import MAX_IMAGE_PIXELS
from engine.media.frame_display import FrameDisplay, colour_space, measure_brightness
from engine.media.heif import Grid, HeifFile, Item, Nclx
from engine.media.refusals import MediaRefused
from engine.media.tone_mapping import Brightness

_CODECS: Final = {b"hvc1": ("hevc", b"hvcC"), b"hev1": ("hevc", b"hvcC"), b"av01": ("libdav1d", b"av1C")}
_MAX_TILES: Final = 1024
_UNNAMED, _BT709, _BT601 = 2, 1, 6  # colours and matrices of H.273
_LIMITED, _FULL = 1, 2  # ranges of FFmpeg
_ROTATIONS: Final = (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
_MIRRORS: Final = (Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.FLIP_LEFT_RIGHT)


def decode_heif(file: HeifFile, folder: Path) -> Image.Image:
    """The main image, upright, with its ICC profile and transparency. `folder` is for temporary files.

    Raises ValueError, struct.error and PyAV's errors for damaged files, and MediaRefused for too large ones.
    """
    image = Image.fromarray(_decode_item(file, file.main, folder))
    if file.alpha is not None:
        alpha = Image.fromarray(_decode_item(file, file.alpha, folder)[..., 0])
        image.putalpha(alpha.resize(image.size))
    for kind, content in file.main.properties:
        image = _transform(image, kind, content)
    if (profile := file.main.icc_profile) is not None:
        image.info["icc_profile"] = profile
    return image


def _decode_item(file: HeifFile, item: Item, folder: Path) -> NDArray[np.uint8]:
    """Pixels [H, W, 3] of a coded image or a grid."""
    grid = item.grid if item.coding == b"grid" else Grid(1, 1, *item.size)
    if (pixels := grid.width * grid.height) > MAX_IMAGE_PIXELS:
        raise MediaRefused("pixels", pixels, MAX_IMAGE_PIXELS)
    tiles = file.tiles(item)
    if len(tiles) != grid.rows * grid.columns or len(tiles) > _MAX_TILES:
        raise ValueError(f"{len(tiles)} tiles make no grid of {grid.rows} × {grid.columns}.")
    frames = [_decode_tile(tile, item) for tile in tiles]
    display = FrameDisplay(MAX_IMAGE_PIXELS, Fraction(1), folder, _measure_brightness(frames))
    return _join_tiles(grid, [display.render_stored(frame) for frame in frames])


def _join_tiles(grid: Grid, tiles: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    height, width = tiles[0].shape[:2]
    if any(tile.shape != tiles[0].shape for tile in tiles):
        raise ValueError("The tiles differ in size.")
    if width * grid.columns < grid.width or height * grid.rows < grid.height:
        raise ValueError("The tiles do not fill the image.")
    rows = [np.concatenate(tiles[first : first + grid.columns], 1) for first in range(0, len(tiles), grid.columns)]
    return np.ascontiguousarray(np.concatenate(rows)[: grid.height, : grid.width])


def _measure_brightness(frames: list[av.VideoFrame]) -> Brightness:
    bright = (measure_brightness(frame) for frame in frames if colour_space(frame).is_hdr)
    return reduce(Brightness.brighter, bright, Brightness())


def _decode_tile(tile: Item, item: Item) -> av.VideoFrame:
    """A coded image, with the colours that the file gives it or else the whole item."""
    if tile.coding not in _CODECS:
        raise MediaRefused("codec", name=tile.coding.decode("ascii", "replace"))
    codec, configuration = _CODECS[tile.coding]
    width, height = tile.size
    if width * height > MAX_IMAGE_PIXELS:
        raise MediaRefused("pixels", width * height, MAX_IMAGE_PIXELS)
    decoder: Any = av.CodecContext.create(codec, "r")
    decoder.thread_count = 1
    decoder.extradata = tile.find_property(configuration)
    frames: list[av.VideoFrame] = [*decoder.decode(av.Packet(tile.data)), *decoder.decode(None)]
    if not frames:
        raise ValueError("A tile has no image.")
    _name_colours(frames[0], item.nclx or tile.nclx, profiled=item.icc_profile is not None)
    return frames[0]


def _name_colours(frame: Any, nclx: Nclx | None, *, profiled: bool) -> None:
    """Give the frame the colours of its boxes, which count more than those of its coding. An ICC profile, which is
    applied later, counts more than primaries.
    """
    if nclx is not None:
        frame.color_primaries, frame.color_trc, frame.colorspace = nclx.primaries, nclx.transfer, nclx.matrix
        frame.color_range = _FULL if nclx.full_range else _LIMITED
    if frame.colorspace == _UNNAMED:
        frame.colorspace = _BT601
    if profiled:
        frame.color_primaries, frame.color_trc = _BT709, _BT709


def _transform(image: Image.Image, kind: bytes, content: bytes) -> Image.Image:
    """The image after one of its properties: cropped, turned against the clock, or mirrored."""
    if kind == b"clap":
        return _crop(image, struct.unpack_from(">IIIIiIiI", content))
    turn = None
    if kind == b"irot":
        turn = _ROTATIONS[content[0] & 3]
    elif kind == b"imir":
        turn = _MIRRORS[content[0] & 1]
    return image if turn is None else image.transpose(turn)


def _crop(image: Image.Image, clap: tuple[int, ...]) -> Image.Image:
    """The clean aperture: width, height and the offsets of its centre, as fractions."""
    if 0 in clap[1::2]:
        raise ValueError("The clean aperture divides by zero.")
    width, height, right, down = (Fraction(clap[at], clap[at + 1]) for at in range(0, 8, 2))
    left, top = (image.width - width) / 2 + right, (image.height - height) / 2 + down
    box = (max(0, round(left)), max(0, round(top)), round(left + width), round(top + height))
    if box[0] >= min(box[2], image.width) or box[1] >= min(box[3], image.height):
        raise ValueError("The clean aperture is empty.")
    return image.crop((*box[:2], min(box[2], image.width), min(box[3], image.height)))
