"""Encodes a call's arguments as a request body: JSON, or a multipart form as soon as one of them is a file.

Only where the server takes a file is one sent. Inside a list (a storyboard's cards) it becomes a `data:` URL, since a
form holds files only at its top level.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from kinora._files import LoadedFile, is_file, load_file


class RequestBody(NamedTuple):
    """JSON bytes, or a form's fields and files."""

    content: bytes | None = None
    fields: dict[str, str | list[str]] | None = None
    files: list[tuple[str, LoadedFile]] | None = None


def encode_body(arguments: Mapping[str, Any], file_members: Mapping[str, str]) -> RequestBody:
    """The arguments as a body; those that are None are left out. Raises OSError, TypeError.

    `file_members` names the fields that may be files, as in `first_frame` and `storyboard.upload`, and the member of
    each that takes a `data:` URL; "" where the field itself takes base64.
    """
    values = {name: value for name, value in arguments.items() if value is not None}
    files = {name: load_file(value) for name, value in values.items() if name in file_members and is_file(value)}
    encoder = _ValueEncoder(file_members)
    rest = {name: encoder.to_json_value(value, name) for name, value in values.items() if name not in files}
    if not files:
        return RequestBody(content=msgspec.json.encode(rest))
    fields: dict[str, str | list[str]] = {name: _form_field(value) for name, value in rest.items()}
    return RequestBody(fields=fields, files=list(files.items()))


def _form_field(value: Any) -> str:
    """A form's field: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


class _ValueEncoder:
    """Makes values that JSON can hold of arguments of which those named by `file_members` may be files."""

    def __init__(self, file_members: Mapping[str, str]) -> None:
        self._file_members = file_members

    def to_json_value(self, value: Any, path: str) -> Any:
        """Files as `data:` URLs, Structs without their None fields. Raises TypeError for a file that is not taken."""
        if path in self._file_members and is_file(value):
            return _file_to_json(load_file(value), self._file_members[path])
        if isinstance(value, msgspec.Struct):
            return self._struct_to_json(value, path)
        if isinstance(value, Mapping):
            return {
                name: self.to_json_value(item, f"{path}.{name}") for name, item in value.items() if item is not None
            }
        if isinstance(value, (list, tuple)):
            return [self.to_json_value(item, path) for item in value]
        if is_file(value):
            raise TypeError(self._no_file_here(value, path))
        return value

    def _struct_to_json(self, value: msgspec.Struct, path: str) -> Any:
        """An API object (a video, an upload) becomes its id; an argument's Struct its fields."""
        if hasattr(value, "id") and hasattr(value, "object"):
            return value.id
        names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
        fields = {wire_name: getattr(value, name) for name, wire_name in names}
        return self.to_json_value(fields, path)

    def _no_file_here(self, value: Any, path: str) -> str:
        places = ", ".join(self._file_members) or "no field"
        return (
            f"`{path}` takes no file, and this is one ({type(value).__name__}); files are taken by {places}. "
            "To send the name of a file, pass str(path)."
        )


def _file_to_json(file: LoadedFile, member: str) -> Any:
    content = b64encode(file.content).decode()
    return {member: f"data:{file.media_type};base64,{content}"} if member else content
