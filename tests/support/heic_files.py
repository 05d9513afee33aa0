"""HEIC images as phones write them: HEVC tiles in a grid, turned and coloured by properties (ISO 23008-12)."""

from __future__ import annotations

import re
import struct
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[Any]
_PARAMETER_SETS = (32, 33, 34)  # NAL units of HEVC
ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"


class Shown(NamedTuple):
    """What the boxes say of an image beside its size."""

    turns: int = 0  # quarters against the clock
    mirror: int | None = None  # 0 exchanges top and bottom, 1 left and right
    profile: bytes = b""
    nclx: tuple[int, int, int] | None = None  # primaries, transfer, matrix
    crop: tuple[int, int] | None = None  # width and height of the clean aperture, centred


PLAIN = Shown()


def box(kind: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    return struct.pack(">I4s", 8 + len(data), kind) + data


def encode_heic(pixels: Pixels, tile: int | None = None, shown: Shown = PLAIN, alpha: Pixels | None = None) -> bytes:
    """Pixels [H, W, 3] as tiles of so many pixels a side, or else in one, with transparency [H, W] beside them."""
    height, width = pixels.shape[:2]
    rows, columns = (-(-side // tile) if tile else 1 for side in (height, width))
    padded = _pad(pixels, rows * tile - height, columns * tile - width) if tile else pixels
    parts = [
        part for row in np.split(padded, rows) for part in np.split(row, columns, axis=1)
    ]  # fmt: skip
    coded = [_encode_hevc(part, shown) for part in parts]
    if alpha is not None:
        coded.append(_encode_hevc(np.repeat(alpha[..., None], 3, axis=2), PLAIN))
    return _write_file(
        coded, parts[0].shape, (width, height), (rows, columns) if tile else None, shown, alpha is not None
    )


def _pad(pixels: Pixels, below: int, right: int) -> Pixels:
    return np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge")


def _encode_hevc(pixels: Pixels, shown: Shown) -> tuple[bytes, bytes]:
    """The configuration and the sample of one intra frame."""
    deep = pixels.dtype != np.uint8
    encoder: Any = av.CodecContext.create("libx265", "w")
    encoder.options = {"x265-params": "log-level=none:crf=4:annexb=1"}
    encoder.height, encoder.width = pixels.shape[:2]
    encoder.pix_fmt, encoder.time_base = "yuv444p10le" if deep else "yuv444p", Fraction(1)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "gbrp16le" if deep else "rgb24")
    matrix = Colorspace.BT2020 if shown.nclx and shown.nclx[2] == 9 else Colorspace.ITU601
    planes = frame.reformat(format=encoder.pix_fmt, dst_colorspace=matrix, dst_color_range=ColorRange.MPEG)
    planes.pts = 0
    stream = b"".join(bytes(packet) for packet in [*encoder.encode(planes), *encoder.encode(None)])
    units = [unit for unit in re.split(rb"\x00\x00+\x01", stream) if unit]
    headers = [unit for unit in units if unit[0] >> 1 in _PARAMETER_SETS]
    arrays = b"".join(struct.pack(">BHH", unit[0] >> 1, 1, len(unit)) + unit for unit in headers)
    configuration = b"\1" + bytes(20) + b"\3" + bytes([len(headers)]) + arrays  # units behind lengths of four bytes
    return configuration, b"".join(struct.pack(">I", len(unit)) + unit for unit in units if unit not in headers)


def _write_file(
    coded: list[tuple[bytes, bytes]],
    tile: Any,
    size: tuple[int, int],
    grid: tuple[int, int] | None,
    shown: Shown,
    transparent: bool,  # noqa: FBT001
) -> bytes:
    """Items 1 … n are coded; with a grid, item 100 is made of them and is shown, else item 1. The last is the alpha."""
    main, images = (100 if grid else 1), range(1, len(coded) + (0 if transparent else 1))
    properties = [box(b"ispe", bytes(4), struct.pack(">II", tile[1], tile[0]))]
    properties += [box(b"ispe", bytes(4), struct.pack(">II", *size))]
    properties += [box(b"hvcC", configuration) for configuration, _ in coded]
    first = len(properties) + 1
    properties += _shown_properties(shown)
    of_main = list(range(first, len(properties) + 1))
    associations = {number: [1, 2 + number] for number in images}
    associations[main] = ([2] if grid else associations[1]) + of_main
    if transparent:
        properties.append(box(b"auxC", bytes(4), ALPHA))
        associations[len(coded)] = [2, 2 + len(coded), len(properties)]
    meta_parts = [
        box(b"hdlr", bytes(8), b"pict", bytes(13)),
        box(b"pitm", bytes(4), struct.pack(">H", main)),
        _item_codings(len(coded), grid),
        _item_references(main, list(images), len(coded) if transparent else 0, grid),
        box(b"iprp", box(b"ipco", *properties), _associations(associations)),
        box(b"idat", struct.pack(">BBBBHH", 0, 0, grid[0] - 1, grid[1] - 1, *size) if grid else b""),
    ]
    head = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    samples = [sample for _, sample in coded]
    length = len(box(b"meta", bytes(4), *meta_parts, _locations(samples, 0, grid)))
    meta = box(b"meta", bytes(4), *meta_parts, _locations(samples, len(head) + length + 8, grid))
    return head + meta + box(b"mdat", *samples)


def _shown_properties(shown: Shown) -> list[bytes]:
    found = []
    if shown.profile:
        found.append(box(b"colr", b"prof", shown.profile))
    if shown.nclx:
        found.append(box(b"colr", b"nclx", struct.pack(">HHHB", *shown.nclx, 0)))
    if shown.crop:
        found.append(box(b"clap", struct.pack(">8I", shown.crop[0], 1, shown.crop[1], 1, 0, 1, 0, 1)))
    if shown.turns:
        found.append(box(b"irot", bytes([shown.turns])))
    if shown.mirror is not None:
        found.append(box(b"imir", bytes([shown.mirror])))
    return found


def _item_codings(count: int, grid: Any) -> bytes:
    entries = [(number, b"hvc1") for number in range(1, count + 1)] + ([(100, b"grid")] if grid else [])
    items = [box(b"infe", b"\2\0\0\0", struct.pack(">HH4s", number, 0, coding), b"\0") for number, coding in entries]
    return box(b"iinf", bytes(4), struct.pack(">H", len(items)), *items)


def _item_references(main: int, tiles: list[int], alpha: int, grid: Any) -> bytes:
    found = []
    if grid:
        found.append(box(b"dimg", struct.pack(f">HH{len(tiles)}H", main, len(tiles), *tiles)))
    if alpha:
        found.append(box(b"auxl", struct.pack(">HHH", alpha, 1, main)))
    return box(b"iref", bytes(4), *found)


def _associations(properties: dict[int, list[int]]) -> bytes:
    entries = [struct.pack(">HB", number, len(found)) + bytes(found) for number, found in sorted(properties.items())]
    return box(b"ipma", bytes(4), struct.pack(">I", len(entries)), *entries)


def _locations(samples: list[bytes], start: int, grid: Any) -> bytes:
    entries, at = [], start
    for number, sample in enumerate(samples, 1):
        entries.append(struct.pack(">HHHHII", number, 0, 0, 1, at, len(sample)))
        at += len(sample)
    if grid:
        entries.append(struct.pack(">HHHHII", 100, 1, 0, 1, 0, 8))
    return box(b"iloc", b"\1\0\0\0", b"\x44\0", struct.pack(">H", len(entries)), *entries)
