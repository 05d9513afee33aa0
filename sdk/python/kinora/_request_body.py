"""Encodes a call's arguments as a request body: JSON, or a multipart form as soon as one of them is a file.

A file is a `pathlib.Path`, bytes, an open binary file, or `(name, either)`. Inside a list (a storyboard's cards) it
becomes a `data:` URL, since a form holds files only at its top level.
"""

from __future__ import annotations

import mimetypes
from base64 import b64encode
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import msgspec

File: TypeAlias = "bytes | PathLike[str] | BinaryIO | tuple[str, bytes | BinaryIO]"
"""A file to send."""

BINARY_MODE = "A file to send must be opened in binary mode: open(path, 'rb')."


class RequestBody(NamedTuple):
    """JSON bytes, or a form's fields and files (name, content, media type)."""

    content: bytes | None = None
    fields: dict[str, str | list[str]] | None = None
    files: list[tuple[str, tuple[str, bytes, str]]] | None = None


class LoadedFile(NamedTuple):
    """A file in memory, so that it can be sent more than once."""

    name: str
    content: bytes
    media_type: str


def encode_body(arguments: Mapping[str, Any]) -> RequestBody:
    """The arguments as a body; those that are None are left out. Raises OSError, TypeError."""
    values = {name: value for name, value in arguments.items() if value is not None}
    files = {name: load_file(value) for name, value in values.items() if is_file(value)}
    if not files:
        return RequestBody(content=_encode_json({name: to_json_value(value) for name, value in values.items()}))
    fields: dict[str, str | list[str]] = {
        name: _form_field(to_json_value(value)) for name, value in values.items() if name not in files
    }
    return RequestBody(
        fields=fields, files=[(name, (file.name, file.content, file.media_type)) for name, file in files.items()]
    )


_encode_json = msgspec.json.encode


def _form_field(value: Any) -> str:
    """A form's field: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else _encode_json(value).decode()


def is_file(value: Any) -> bool:
    """Whether an argument is a file to send."""
    if isinstance(value, tuple):
        return len(value) == 2 and isinstance(value[0], str) and not isinstance(value[1], str)
    return isinstance(value, (bytes, bytearray, PathLike)) or hasattr(value, "read")


def load_file(value: Any) -> LoadedFile:
    """Read a file into memory. Raises OSError, TypeError for a text file."""
    name, content = value if isinstance(value, tuple) else ("", value)
    if isinstance(content, PathLike):
        name, content = name or Path(fspath(content)).name, Path(fspath(content)).read_bytes()
    elif hasattr(content, "read"):
        name = name or Path(str(getattr(content, "name", ""))).name
        content = content.read()
        if isinstance(content, str):
            raise TypeError(BINARY_MODE)
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return LoadedFile(name or "file", bytes(content), media_type)


def to_json_value(value: Any) -> Any:
    """A value that JSON can hold: files as `data:` URLs, Structs without their None fields."""
    if is_file(value):
        file = load_file(value)
        return {"image_url": f"data:{file.media_type};base64,{b64encode(file.content).decode()}"}
    if isinstance(value, msgspec.Struct):
        return _struct_to_json(value)
    if isinstance(value, Mapping):
        return {name: to_json_value(item) for name, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [to_json_value(item) for item in value]
    return value


def _struct_to_json(value: msgspec.Struct) -> Any:
    """An API object (a video, an upload) becomes its id; an argument's Struct its fields."""
    if hasattr(value, "id") and hasattr(value, "object"):
        return value.id
    names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
    fields = {wire_name: getattr(value, name) for name, wire_name in names}
    return {name: to_json_value(item) for name, item in fields.items() if item is not None}
