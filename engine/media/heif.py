"""HEIF images (ISO 23008-12), as iPhones and cameras take them: the boxes that describe them, and their tiles decoded.

A file holds items: coded images, grids that put them together, and images beside the main one, such as transparency.
Properties of an item say how it is decoded, coloured, cropped and turned. FFmpeg decodes; what stands in the boxes is
applied here. Damaged files raise ValueError or struct.error, those in unknown codings MediaRefused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from engine.media.refusals import MediaRefused

_IDAT: Final = 1  # construction method of items whose bytes are in the `idat` box
_ALPHA: Final = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_CONTAINERS: Final = {b"meta": 4, b"iprp": 0, b"ipco": 0}  # boxes that hold boxes, and bytes before those


class Nclx(NamedTuple):
    """Colours by numbers of H.273."""

    primaries: int
    transfer: int
    matrix: int
    full_range: bool


class Grid(NamedTuple):
    """Rows and columns of tiles, and the size of what they make."""

    rows: int
    columns: int
    width: int
    height: int


@dataclass(slots=True)
class Item:
    """An image of the file: how it is coded, its bytes, its properties in order, and the items it is made from."""

    coding: bytes = b""
    data: bytes = b""
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    tiles: list[int] = field(default_factory=list)

    def find_property(self, kind: bytes) -> bytes | None:
        """The first property of a kind."""
        return next((content for name, content in self.properties if name == kind), None)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height before the item is cropped or turned. Raises ValueError."""
        if (extents := self.find_property(b"ispe")) is None:
            raise ValueError("The image has no size.")
        width, height = struct.unpack_from(">II", extents, 4)
        return width, height

    @property
    def nclx(self) -> Nclx | None:
        """The colours that the item names by numbers."""
        for name, content in self.properties:
            if name == b"colr" and content[:4] == b"nclx":
                primaries, transfer, matrix, full = struct.unpack_from(">HHHB", content, 4)
                return Nclx(primaries, transfer, matrix, bool(full & 0x80))
        return None

    @property
    def icc_profile(self) -> bytes | None:
        """The ICC profile of the item."""
        profiles = (c[4:] for name, c in self.properties if name == b"colr" and c[:4] in (b"prof", b"rICC"))
        return next(profiles, None)

    @property
    def grid(self) -> Grid:
        """The layout of a grid's tiles."""
        flags, rows, columns = struct.unpack_from(">xBBB", self.data)
        width, height = struct.unpack_from(">II" if flags & 1 else ">HH", self.data, 4)
        return Grid(rows + 1, columns + 1, width, height)


class HeifFile:
    """The items of a file; `main` is the image that is shown, `alpha` its transparency."""

    def __init__(self, content: bytes) -> None:
        boxes = list(_walk_boxes(content))
        self.items = _read_items(content, boxes)
        main = next((_read_number(box, 4, 2 if box[0] == 0 else 4) for kind, box in boxes if kind == b"pitm"), None)
        if main is None:
            raise MediaRefused("codec")  # a sequence without a still
        self.main = self._find(main)
        self.alpha = next((item for item in self._beside(boxes, main) if _is_alpha(item)), None)

    def tiles(self, item: Item) -> list[Item]:
        """The coded images that an item is made from, row by row."""
        return [self._find(tile) for tile in item.tiles] if item.coding == b"grid" else [item]

    def _find(self, number: int) -> Item:
        if number not in self.items:
            raise ValueError(f"There is no item {number}.")
        return self.items[number]

    def _beside(self, boxes: list[tuple[bytes, bytes]], main: int) -> Iterator[Item]:
        """Auxiliary images of the main one."""
        for kind, source, targets in _read_references(boxes):
            if kind == b"auxl" and main in targets:
                yield self._find(source)


def _is_alpha(item: Item) -> bool:
    return (item.find_property(b"auxC") or b"")[4:].split(b"\0")[0] in _ALPHA


def _walk_boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of the boxes, depth first."""
    start = 0
    while start + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, start)
        header = 8
        if size == 1:
            size, header = struct.unpack_from(">Q", content, start + 8)[0], 16
        end = len(content) if size == 0 else start + size
        if size and size < header:
            raise ValueError("A box is shorter than its header.")
        inner = content[start + header : end]
        yield kind, inner
        if kind in _CONTAINERS:
            yield from _walk_boxes(inner[_CONTAINERS[kind] :])
        start = end


def _read_items(content: bytes, boxes: list[tuple[bytes, bytes]]) -> dict[int, Item]:
    """The items by their numbers. What is said of a number that no item has is passed over."""
    items = {number: Item(coding) for kind, box in boxes if kind == b"iinf" for number, coding in _read_codings(box)}
    unknown = Item()
    shared = list(_walk_boxes(next((box for kind, box in boxes if kind == b"ipco"), b"")))
    stored = b"".join(box for kind, box in boxes if kind == b"idat")
    for number, indices in _read_associations(boxes):
        items.get(number, unknown).properties = [shared[at - 1] for at in indices if 0 < at <= len(shared)]
    for number, data in _read_locations(boxes, content, stored):
        items.get(number, unknown).data = data
    for kind, source, targets in _read_references(boxes):
        if kind == b"dimg":
            items.get(source, unknown).tiles = targets
    return items


def _read_codings(box: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and coding of each item."""
    for kind, entry in _walk_boxes(box[6 if box[0] == 0 else 8 :]):
        if kind == b"infe" and entry[0] >= 2:
            width = 2 if entry[0] == 2 else 4
            yield _read_number(entry, 4, width), entry[4 + width + 2 : 4 + width + 6]


def _read_references(boxes: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, int, list[int]]]:
    """Kind, source and targets of each reference between items."""
    for name, box in boxes:
        if name != b"iref":
            continue
        width = 2 if box[0] == 0 else 4
        for kind, entry in _walk_boxes(box[4:]):
            count = _read_number(entry, width, 2)
            targets = [_read_number(entry, width + 2 + width * index, width) for index in range(count)]
            yield kind, _read_number(entry, 0, width), targets


def _read_associations(boxes: list[tuple[bytes, bytes]]) -> Iterator[tuple[int, list[int]]]:
    """Number of each item, and the indices of its properties in order."""
    for kind, box in boxes:
        if kind != b"ipma":
            continue
        reader, wide = _Reader(box, 8), box[3] & 1
        for _ in range(_read_number(box, 4, 4)):
            number, count = reader.number(2 if box[0] == 0 else 4), reader.number(1)
            yield number, [reader.number(2) & 0x7FFF if wide else reader.number(1) & 0x7F for _ in range(count)]


def _read_locations(boxes: list[tuple[bytes, bytes]], content: bytes, stored: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each item."""
    for kind, box in boxes:
        if kind == b"iloc":
            reader, wide = _Reader(box, 6), 4 if box[0] == 2 else 2
            for _ in range(reader.number(wide)):
                number = reader.number(wide)
                method = reader.number(2) & 15 if box[0] else 0
                reader.number(2)  # data reference index: always this file
                yield number, _read_extents(reader, box, stored if method == _IDAT else content)


def _read_extents(reader: _Reader, box: bytes, source: bytes) -> bytes:
    """The bytes of one item of an `iloc` box."""
    offset_width, length_width, base_width, index_width = (
        _read_number(box, 4, 2) >> shift & 15 for shift in (12, 8, 4, 0)
    )
    base, parts = reader.number(base_width), []
    for _ in range(reader.number(2)):
        reader.number(index_width if box[0] else 0)
        start, length = base + reader.number(offset_width), reader.number(length_width)
        parts.append(source[start : start + length if length else None])
    return b"".join(parts)


class _Reader:
    """Reads numbers one after another. Raises ValueError beyond the end."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._at = start

    def number(self, width: int) -> int:
        """The next unsigned number of so many bytes."""
        self._at += width
        return _read_number(self._data, self._at - width, width)


def _read_number(data: bytes, start: int, width: int) -> int:
    if start + width > len(data):
        raise ValueError("A box ends early.")
    return int.from_bytes(data[start : start + width], "big")
