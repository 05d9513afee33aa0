"""Ids: `<kind>_<26 characters>`, sortable by time of creation (ULID, Crockford base 32)."""

from __future__ import annotations

import os
import re
import time
from typing import Final

# The kinds of objects that callers see.
API_KEY: Final = "key"
CHECKOUT: Final = "checkout"
LEDGER_ENTRY: Final = "entry"
PRESET: Final = "preset"
REQUEST: Final = "request"
SESSION: Final = "session"
UPLOAD: Final = "upload"
USER: Final = "user"
VIDEO: Final = "video"

# The kinds that stay inside.
LOT: Final = "lot"
WAKEUP: Final = "wake"
WORKER: Final = "worker"

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in ALPHABET for b in ALPHABET]
_SHAPE = re.compile(r"[a-z]+_[0-9A-HJKMNP-TV-Z]{26}")


_last = 0


def new_id(kind: str) -> str:
    """A new id: 48 bits of milliseconds, then 80 random bits; greater than every id this process has made.

    Within one millisecond, or after the clock was set back, an id is the previous one plus a random step. Whatever
    depends on the order of ids (which of two packs is spent first) thus follows the order of creation.
    """
    global _last  # noqa: PLW0603 - one sequence for the process; ids of different processes share only the clock
    random = int.from_bytes(os.urandom(15))
    _last = max((time.time_ns() // 1_000_000) << 80 | random >> 40, _last + 1 + (random & 0xFFFFFFFFFF))
    return f"{kind}_{_encode_base32(_last)}"


def _encode_base32(number: int) -> str:
    return "".join(_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10))


def is_valid_id(text: str, kind: str) -> bool:
    """Whether the text has the form of an id of this kind. Checked before a query is sent."""
    return text.startswith(f"{kind}_") and _SHAPE.fullmatch(text) is not None
