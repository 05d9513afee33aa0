"""Names for things: `<kind>_<26 characters>`, sortable by the time they were made (ULID, Crockford base 32)."""

from __future__ import annotations

import os
import re
import time

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in ALPHABET for b in ALPHABET]
_SHAPE = re.compile(r"[a-z]+_[0-9A-HJKMNP-TV-Z]{26}")


def new(kind: str) -> str:
    """A fresh id: 48 bits of milliseconds, then 80 random bits."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    return f"{kind}_{_base32(number)}"


def _base32(number: int) -> str:
    return "".join(_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10))


def valid(text: str, kind: str) -> bool:
    """Whether the text can be an id of this kind, so that nonsense never reaches the database."""
    return text.startswith(f"{kind}_") and _SHAPE.fullmatch(text) is not None
