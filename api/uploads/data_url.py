"""Reads `data:` URLs (RFC 2397) and base64 as encoders in the wild write them. Knows no field and no kind of media."""

from __future__ import annotations

import base64
import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

SCHEME = "data:"
_SCHEME = re.compile(r"\s*data:", re.IGNORECASE)
_ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_WHITESPACE = re.compile(rb"[ \t\r\n\f]+")
_BASE64 = re.compile(r";\s*base64\s*\Z", re.IGNORECASE)
_ALPHABET = bytes.maketrans(b"-_", b"+/")


class DataURL(NamedTuple):
    """What a `data:` URL holds. The media type is empty where the URL names none."""

    media_type: str
    content: bytes


def is_address(text: str) -> bool:
    """Whether the text is a URL of any scheme, and so not an id."""
    return _ADDRESS.match(text) is not None


def decode_data_url(url: str) -> DataURL | None:
    """The content of a `data:` URL, in base64 or percent-encoded; None for another address. Raises ValueError."""
    match = _SCHEME.match(url)
    head, comma, body = url[match.end() :].partition(",") if match else ("", "", "")
    if not comma:
        return None
    content = unquote_to_bytes(body)
    media_type = head.partition(";")[0].strip().lower()
    return DataURL(media_type, decode_base64(content) if _BASE64.search(head) else content)


def decode_base64(text: bytes) -> bytes:
    """Base64 of either alphabet, with or without padding, broken into lines or not. Raises ValueError."""
    digits = _WHITESPACE.sub(b"", text).translate(_ALPHABET).rstrip(b"=")
    return base64.b64decode(digits + b"=" * (-len(digits) % 4), validate=True)
