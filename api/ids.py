"""Names for things: `<kind>_<26 characters>`, sortable by the time they were made (ULID, Crockford base 32)."""

from __future__ import annotations

import os
import re
import time

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in ALPHABET for b in ALPHABET]
_SHAPE = re.compile(r"[a-z]+_[0-9A-HJKMNP-TV-Z]{26}")


_last = 0


def new(kind: str) -> str:
    """A fresh id: 48 bits of milliseconds, then 80 random bits; behind all that this process made before.

    Of two in one millisecond, or after the clock was set back, the later one is the earlier and a random step. What
    follows from the order of ids (which of two packs is spent first) is then the order in which things were done.
    """
    global _last  # noqa: PLW0603 - the process's one sequence; ids of other processes have only the time in common
    drawn = int.from_bytes(os.urandom(15))
    _last = max((time.time_ns() // 1_000_000) << 80 | drawn >> 40, _last + 1 + (drawn & 0xFFFFFFFFFF))
    return f"{kind}_{_base32(_last)}"


def _base32(number: int) -> str:
    return "".join(_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10))


def valid(text: str, kind: str) -> bool:
    """Whether the text can be an id of this kind, so that nonsense never reaches the database."""
    return text.startswith(f"{kind}_") and _SHAPE.fullmatch(text) is not None
