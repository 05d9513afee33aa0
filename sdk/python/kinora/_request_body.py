"""What a call's arguments become on the wire: JSON, or a form as soon as there is a file among them.

A file is a `pathlib.Path`, bytes, an open binary file, or `(name, either)`. Inside a list (a storyboard's cards) it
travels as a `data:` URL, since a form has files only at its top.
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

encode = msgspec.json.encode


class Body(NamedTuple):
    """A body: JSON bytes, or a form's fields and files."""

    content: bytes | None = None
    fields: dict[str, str | list[str]] | None = None
    files: list[tuple[str, tuple[str, bytes, str]]] | None = None


class Upload(NamedTuple):
    """A file that has been read: its bytes can be sent again."""

    name: str
    data: bytes
    kind: str


def body_of(given: Mapping[str, Any]) -> Body:
    """The arguments that were given (None: left to the server) as a body."""
    values = {name: value for name, value in given.items() if value is not None}
    files = {name: upload(value) for name, value in values.items() if is_file(value)}
    if not files:
        return Body(content=encode({name: plain(value) for name, value in values.items()}))
    fields: dict[str, str | list[str]] = {
        name: _field(plain(value)) for name, value in values.items() if name not in files
    }
    return Body(fields=fields, files=[(name, (file.name, file.data, file.kind)) for name, file in files.items()])


def _field(value: Any) -> str:
    """A form's field: a scalar as its text, anything nested as JSON."""
    return value if isinstance(value, str) else encode(value).decode()


def is_file(value: Any) -> bool:
    """Whether this is a file to send."""
    if isinstance(value, tuple):
        return len(value) == 2 and isinstance(value[0], str) and not isinstance(value[1], str)
    return isinstance(value, (bytes, bytearray, PathLike)) or hasattr(value, "read")


def upload(value: Any) -> Upload:
    """Read a file, so that it can be sent more than once. Raises OSError."""
    name, content = value if isinstance(value, tuple) else ("", value)
    if isinstance(content, PathLike):
        name, content = name or Path(fspath(content)).name, Path(fspath(content)).read_bytes()
    elif hasattr(content, "read"):
        name = name or Path(str(getattr(content, "name", ""))).name
        content = content.read()
        if isinstance(content, str):
            raise TypeError("A file to send must be opened in binary mode: open(path, 'rb').")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Upload(name or "file", bytes(content), kind)


def plain(value: Any) -> Any:
    """A value as JSON has it: files as `data:` URLs, Structs without what they leave to the server."""
    if is_file(value):
        file = upload(value)
        return {"image_url": f"data:{file.kind};base64,{b64encode(file.data).decode()}"}
    if isinstance(value, msgspec.Struct):
        return _struct(value)
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def _struct(value: msgspec.Struct) -> Any:
    """An object of the server's (a video, an upload) stands for its id; an argument's object for its fields."""
    if hasattr(value, "id") and hasattr(value, "object"):
        return value.id
    fields = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
    given = {encoded: getattr(value, name) for name, encoded in fields}
    return {name: plain(item) for name, item in given.items() if item is not None}
