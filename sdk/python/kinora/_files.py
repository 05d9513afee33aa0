"""The files that a user may pass, in every form that OpenAI's client takes too, and what is sent of each."""

from __future__ import annotations

import io
import mimetypes
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias

FileContent: TypeAlias = "bytes | PathLike[str] | IO[bytes]"
File: TypeAlias = (
    "FileContent | tuple[str | None, FileContent] | tuple[str | None, FileContent, str | None] "
    "| tuple[str | None, FileContent, str | None, Mapping[str, str]]"
)
"""A file to send: a `pathlib.Path`, bytes, an open binary file, or `(name, one of them[, media type[, headers]])`."""

BINARY_MODE = "A file to send must be opened in binary mode: open(path, 'rb')."
UNKNOWN_TYPE = "application/octet-stream"


class FileParts(NamedTuple):
    """A file as it was passed: its content unread, and its name and media type where they are known."""

    name: str
    content: Any
    media_type: str
    headers: Mapping[str, str]


class LoadedFile(NamedTuple):
    """A file in memory, so that it can be sent more than once."""

    name: str
    content: bytes
    media_type: str
    headers: Mapping[str, str]


def is_file(value: Any) -> bool:
    """Whether an argument is a file to send."""
    if isinstance(value, tuple):
        return 2 <= len(value) <= 4 and (value[0] is None or isinstance(value[0], str)) and is_file(value[1])
    return isinstance(value, (bytes, bytearray, memoryview, PathLike)) or hasattr(value, "read")


def split_file(value: Any) -> FileParts:
    """Name, content and media type of a file. Raises TypeError for what is none, with what to pass instead."""
    if isinstance(value, str):
        raise TypeError(f"A file is a pathlib.Path, bytes or an open binary file; pass pathlib.Path({value!r}).")
    if not is_file(value):
        raise TypeError(f"A file is a pathlib.Path, bytes or an open binary file, not {type(value).__name__}.")
    asked, content, media_type, headers = (*(value if isinstance(value, tuple) else (None, value)), None, None)[:4]
    if isinstance(content, io.TextIOBase):
        raise TypeError(BINARY_MODE)
    name = asked or _own_name(content)
    return FileParts(
        name or "file", content, media_type or mimetypes.guess_type(name)[0] or UNKNOWN_TYPE, headers or {}
    )


def _own_name(content: Any) -> str:
    if isinstance(content, PathLike):
        return Path(fspath(content)).name
    name = getattr(content, "name", "")
    return Path(name).name if isinstance(name, str) else ""  # of an open descriptor it is a number


def load_file(value: Any) -> LoadedFile:
    """Read a file into memory. Raises OSError, TypeError for a text file."""
    name, content, media_type, headers = split_file(value)
    if isinstance(content, PathLike):
        content = Path(fspath(content)).read_bytes()
    elif hasattr(content, "read"):
        content = content.read()
        if isinstance(content, str):
            raise TypeError(BINARY_MODE)
    return LoadedFile(name, bytes(content), media_type, headers)
