"""ICC profiles built from numbers, for images that name their colour space without a profile.

Cameras set to Adobe RGB say so in EXIF alone: interoperability index R03 (DCF 2.0). Layout: ICC.1:2001-04.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, TypeAlias

Colorant: TypeAlias = tuple[float, float, float]  # XYZ of a primary, adapted to D50

_HEADER: Final = 128
_D50: Final[Colorant] = (0.9642, 1.0, 0.8249)
_ADOBE_RGB: Final = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))


def matrix_profile(colorants: Sequence[Colorant], gamma: float) -> bytes:
    """A display profile of three primaries and one power function."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    description = b"desc" + bytes(4) + struct.pack(">I", 1) + bytes(1 + 78 + 1)
    tags = [(b"desc", description), (b"wtpt", _xyz_tag(_D50))]
    tags += [(b"rgb"[i : i + 1] + b"XYZ", _xyz_tag(colorants[i])) for i in range(3)]
    tags += [(b"rgb"[i : i + 1] + b"TRC", curve) for i in range(3)]
    table, body, start = b"", b"", _HEADER + 4 + 12 * len(tags)
    for name, content in tags:
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content
    return _header(start + len(body)) + struct.pack(">I", len(tags)) + table + body


def _header(size: int) -> bytes:
    kind = struct.pack(">I4s4s4s4s4s", size, bytes(4), b"\x02\x10\x00\x00", b"mntr", b"RGB ", b"XYZ ")
    illuminant = struct.pack(">3i", *(round(value * 65536) for value in _D50))
    return (kind + bytes(12) + b"acsp" + bytes(28) + illuminant).ljust(_HEADER, b"\0")


def _xyz_tag(values: Colorant) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


ADOBE_RGB: Final = matrix_profile(_ADOBE_RGB, 2.19921875)
