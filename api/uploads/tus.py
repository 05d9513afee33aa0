"""The words of tus 1.0, the protocol for uploads that go on where they broke off. Headers in, headers out.

Knows no upload and no user. https://tus.io/protocols/resumable-upload
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime

from msgspec import Struct

from api.errors import Malformed, UnsupportedMediaType, UnsupportedVersion

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,termination"
CONTENT = "application/offset+octet-stream"
METADATA = 4096  # characters of Upload-Metadata; it comes back with every HEAD
FILENAME = 255  # characters of a name that are kept
DIGITS = 18  # of a number of bytes; more do not fit into 64 bits


class Creation(Struct, frozen=True):
    """What a client says of a file before it sends any of it: `metadata` as it came, and the name found in it."""

    bytes: int
    metadata: str
    filename: str


def spoken(headers: Mapping[str, str]) -> bool:
    """Whether a request to create is one of this protocol."""
    return "tus-resumable" in headers or "upload-length" in headers


def check_version(headers: Mapping[str, str]) -> None:
    """Raises UnsupportedVersion."""
    version = headers.get("tus-resumable", "")
    if version != VERSION:
        detail = f"Send `Tus-Resumable: {VERSION}`; it was {version[:20]!r}."
        raise UnsupportedVersion(detail, param="Tus-Resumable", headers={"Tus-Version": VERSION})


def check_content(headers: Mapping[str, str]) -> None:
    """Raises UnsupportedMediaType."""
    if not carries(headers):
        raise UnsupportedMediaType(f"The bytes of an upload come as {CONTENT}.", param="Content-Type")


def carries(headers: Mapping[str, str]) -> bool:
    """Whether the body is bytes of the file."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == CONTENT


def creation(headers: Mapping[str, str]) -> Creation:
    """What is to be created. Raises Malformed."""
    if "upload-defer-length" in headers:
        raise Malformed("Say with Upload-Length how long the file is; it cannot be told later here.")
    metadata = headers.get("upload-metadata", "")
    said = _metadata(metadata)
    name = said.get("filename") or said.get("name") or ""
    return Creation(number(headers, "upload-length"), metadata, shown(name))


def number(headers: Mapping[str, str], name: str) -> int:
    """A header that is a number of bytes. Raises Malformed."""
    text = headers.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS):
        title = name.title()
        raise Malformed(f"`{title}` takes a number of bytes, such as {title}: 1048576.", param=title)
    return int(text)


def length(headers: Mapping[str, str]) -> int | None:
    """How many bytes the body has, if the client says so. Raises Malformed."""
    return number(headers, "content-length") if "content-length" in headers else None


def _metadata(text: str) -> dict[str, str]:
    """Pairs of a key and a value in base 64, or of a key alone, with commas between them."""
    if len(text) > METADATA:
        raise Malformed(f"`Upload-Metadata` may have {METADATA} characters.", param="Upload-Metadata")
    said: dict[str, str] = {}
    for pair in text.split(",") if text.strip() else ():
        key, _, value = pair.strip().partition(" ")
        if not key or key in said:
            raise Malformed("`Upload-Metadata` has a key that is empty, or one twice.", param="Upload-Metadata")
        said[key] = _decoded(value)
    return said


def _decoded(value: str) -> str:
    """A value as text; one that is bytes of another kind is nothing we read."""
    try:
        return b64decode(value, validate=True).decode(errors="replace")
    except (Error, ValueError) as error:
        raise Malformed("`Upload-Metadata` takes values in base 64.", param="Upload-Metadata") from error


def shown(name: str) -> str:
    """A file's name as it can be kept and shown: without folders, and only what can be printed."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in last if character.isprintable())[:FILENAME]


def discovery(most: int) -> dict[str, str]:
    """What an OPTIONS request is told."""
    return {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(most),
    }


def state(offset: int, expires: datetime) -> dict[str, str]:
    """What every answer about an upload says."""
    return {"Upload-Offset": str(offset), "Upload-Expires": format_datetime(expires.astimezone(UTC), usegmt=True)}
