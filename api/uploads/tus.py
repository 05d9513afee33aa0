"""The headers of tus 1.0, the protocol for resumable uploads: headers in, headers out. Knows no upload and no user.

https://tus.io/protocols/resumable-upload
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
CONTENT_TYPE = "application/offset+octet-stream"
METADATA_LENGTH = 4096  # characters of Upload-Metadata; it is returned by every HEAD
FILENAME_LENGTH = 255
SIZE_DIGITS = 18  # of a number of bytes; more do not fit into 64 bits


class Creation(Struct, frozen=True):
    """The file a client announces: its size, `metadata` as it was sent, and the file name in it."""

    bytes: int
    metadata: str
    filename: str


def is_tus_request(headers: Mapping[str, str]) -> bool:
    """Whether a request to create an upload uses this protocol."""
    return "tus-resumable" in headers or "upload-length" in headers


def check_version(headers: Mapping[str, str]) -> None:
    """Raise UnsupportedVersion unless the client sends the version spoken here."""
    version = headers.get("tus-resumable", "")
    if version != VERSION:
        detail = f"Send `Tus-Resumable: {VERSION}`; it was {version[:20]!r}."
        raise UnsupportedVersion(detail, param="Tus-Resumable", headers={"Tus-Version": VERSION})


def check_content_type(headers: Mapping[str, str]) -> None:
    """Raise UnsupportedMediaType unless the body is bytes of the file."""
    if not has_upload_body(headers):
        raise UnsupportedMediaType(f"The bytes of an upload must be sent as {CONTENT_TYPE}.", param="Content-Type")


def has_upload_body(headers: Mapping[str, str]) -> bool:
    """Whether the body is bytes of the file."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == CONTENT_TYPE


def parse_creation(headers: Mapping[str, str]) -> Creation:
    """The file to create. Raises Malformed."""
    if "upload-defer-length" in headers:
        raise Malformed("Send the size of the file in Upload-Length; it cannot be deferred.")
    metadata = headers.get("upload-metadata", "")
    values = _parse_metadata(metadata)
    name = values.get("filename") or values.get("name") or ""
    return Creation(parse_byte_count(headers, "upload-length"), metadata, display_filename(name))


def parse_byte_count(headers: Mapping[str, str], name: str) -> int:
    """A header that holds a number of bytes. Raises Malformed."""
    text = headers.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= SIZE_DIGITS):
        title = name.title()
        raise Malformed(f"`{title}` takes a number of bytes, such as {title}: 1048576.", param=title)
    return int(text)


def parse_content_length(headers: Mapping[str, str]) -> int | None:
    """The size of the body in bytes, if the client sends it. Raises Malformed."""
    return parse_byte_count(headers, "content-length") if "content-length" in headers else None


def _parse_metadata(text: str) -> dict[str, str]:
    """Comma-separated pairs of a key and a base64 value, or keys alone."""
    if len(text) > METADATA_LENGTH:
        raise Malformed(f"`Upload-Metadata` may have {METADATA_LENGTH} characters.", param="Upload-Metadata")
    values: dict[str, str] = {}
    for pair in text.split(",") if text.strip() else ():
        key, _, value = pair.strip().partition(" ")
        if not key or key in values:
            raise Malformed("`Upload-Metadata` has a key that is empty, or one twice.", param="Upload-Metadata")
        values[key] = _decode_value(value)
    return values


def _decode_value(value: str) -> str:
    """A metadata value as text; bytes that are not UTF-8 are replaced, since only the file name is read."""
    try:
        return b64decode(value, validate=True).decode(errors="replace")
    except (Error, ValueError) as error:
        raise Malformed("`Upload-Metadata` takes values in base64.", param="Upload-Metadata") from error


def display_filename(name: str) -> str:
    """A file name fit to store and display: without folders and without characters that cannot be printed."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in last if character.isprintable())[:FILENAME_LENGTH]


def discovery_headers(max_size: int) -> dict[str, str]:
    """The response headers of an OPTIONS request."""
    return {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(max_size),
    }


def state_headers(offset: int, expires_at: datetime) -> dict[str, str]:
    """The headers of every response about an upload."""
    return {"Upload-Offset": str(offset), "Upload-Expires": format_datetime(expires_at.astimezone(UTC), usegmt=True)}
