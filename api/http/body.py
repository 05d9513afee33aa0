"""Decodes request bodies, JSON or a form by content type, into the Struct of the request.

Rejects values that cannot be stored: NaN and Infinity, duplicate keys, text that PostgreSQL cannot hold.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from typing import Any, NoReturn, TypeVar, cast

import msgspec
from litestar import Request
from litestar.exceptions import InternalServerException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from msgspec import inspect

from api.errors import Invalid, Malformed, PayloadTooLarge, UnsupportedMediaType
from api.http import forms
from api.http.forms import FilePart
from api.http.nested_fields import RepeatedField, nest_fields, numbered_elements
from api.http.validation_errors import field_names, invalid_field, type_info, union_members
from api.uploads.data_url import decode_base64

T = TypeVar("T")

StructSelector = Callable[[Collection[str]], type[T]]
"""Selects the Struct of a body by the names of its fields, for a route that accepts several."""

JSON = "application/json"
MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"
SUPPORTED = (JSON, MULTIPART, URLENCODED)
STALL_TIMEOUT = 60.0  # seconds without a byte; a slow phone may take as long as it needs, as long as it sends
THREAD_THRESHOLD = 256 * 1024  # bytes; parsing a larger body would block the event loop for milliseconds
MAX_VALUES = 50_000  # more than any request needs; parsing millions would block other requests
MAX_DEPTH = 32  # of nested objects and lists
FILE = "file"  # the field for the bytes of a file


_SURROGATE = re.compile("[\ud800-\udfff]")


async def read_body(request: Request[Any, Any, Any], kind: type[T] | StructSelector[T]) -> T:
    """Decode the body of the request as `kind`.

    Raises Malformed, PayloadTooLarge, UnsupportedMediaType, and Invalid with the path of the invalid field.
    """
    encoding, options = request.content_type
    if encoding not in SUPPORTED or request.headers.get("content-encoding", "identity") != "identity":
        accepted = ", ".join(SUPPORTED)
        raise UnsupportedMediaType(f"Send one of {accepted}, not compressed.", headers={"Accept": accepted})
    body = await _receive_body(request)
    if len(body) > THREAD_THRESHOLD:
        return await asyncio.to_thread(parse_body, body, encoding, options.get("boundary", ""), kind)
    return parse_body(body, encoding, options.get("boundary", ""), kind)


async def read_file(request: Request[Any, Any, Any]) -> FilePart:
    """Read the file in a form's field `file`. Raises Malformed, PayloadTooLarge, UnsupportedMediaType, Invalid."""
    encoding, options = request.content_type
    if encoding != MULTIPART:
        detail = f"Send a form ({MULTIPART}) with the file in `{FILE}`, or use tus 1.0."
        raise UnsupportedMediaType(detail, headers={"Accept": MULTIPART})
    parts = await asyncio.to_thread(forms.parse_files, await _receive_body(request), options.get("boundary", ""))
    if unknown := next((part.field for part in parts if part.field != FILE), None):
        raise Invalid(f"`{unknown[:80]}` is not a known field; send the file in `{FILE}`.", param=unknown[:80])
    if len(parts) != 1:
        raise Invalid(f"Send one file in `{FILE}`.", param=FILE)
    return parts[0]


async def stream_chunks(request: Request[Any, Any, Any], stall_timeout: float) -> AsyncIterator[bytes]:
    """Stream the body. Raises Malformed if it ends early or nothing arrives for so many seconds, PayloadTooLarge."""
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(stall_timeout):
                chunk = await anext(stream, None)
        except TimeoutError as error:
            raise Malformed(f"Nothing arrived for {stall_timeout:.0f} seconds.") from error
        except InternalServerException as error:
            raise Malformed("The connection closed before the body had arrived.") from error
        except RequestEntityTooLarge as error:
            limit = request.route_handler.resolve_request_max_body_size()
            raise PayloadTooLarge(f"The body may have at most {limit:,} bytes.") from error
        if chunk is None:
            return
        yield chunk


async def _receive_body(request: Request[Any, Any, Any]) -> bytes:
    """The whole body. Raises what `stream_chunks` raises."""
    return b"".join([chunk async for chunk in stream_chunks(request, STALL_TIMEOUT)])


def parse_body(body: bytes, encoding: str, boundary: str, kind: type[T] | StructSelector[T]) -> T:
    """Decode a body in this encoding as `kind`. Raises what `read` raises."""
    try:
        tree = _parse_tree(body, encoding, boundary)
        chosen: type[T] = kind if isinstance(kind, type) else kind(tree if isinstance(tree, dict) else ())
        shape = type_info(cast("Any", chosen))
        value: T = _convert_tree(_decode_files(tree if encoding == JSON else _fit_form(tree, shape), shape), chosen)
    except UnicodeEncodeError as error:
        raise Malformed("The body contains half a character (a lone surrogate).") from error
    except RecursionError as error:
        raise Malformed(f"The body nests deeper than {MAX_DEPTH} levels.") from error
    return value


def _parse_tree(body: bytes, encoding: str, boundary: str) -> Any:
    if encoding == JSON:
        return _parse_json(body)
    return nest_fields(forms.parse_multipart(body, boundary) if encoding == MULTIPART else forms.parse_urlencoded(body))


def _convert_tree(tree: Any, kind: type[T]) -> T:
    try:
        value: T = msgspec.convert(tree, kind, strict=False, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise invalid_field(error, kind) from error
    _check_storable(tree, ())
    return value


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """RFC 8259 leaves open which of two equal keys applies, so both are rejected."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise Malformed("The body gives a key twice in one object.")
    return members


def _reject_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not JSON.")


_DECODER = json.JSONDecoder(object_pairs_hook=_reject_duplicate_keys, parse_constant=_reject_constant)


def _parse_json(text: bytes | str, what: str = "The body") -> Any:
    try:
        text = text.decode() if isinstance(text, bytes) else text
        if text.count(",") > MAX_VALUES:
            raise PayloadTooLarge(f"{what} may have at most {MAX_VALUES:,} values.")
        return _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise Malformed(f"{what} is not UTF-8.") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Malformed(f"{what} is not JSON: {error.msg} at {place}.") from error
    except ValueError as error:
        raise Malformed(f"{what} has a number of thousands of digits.") from error


def _fit_form(value: Any, shape: inspect.Type, name: str = "") -> Any:
    """Give a value of a form the shape it has in JSON: files go into their field, JSON text is decoded."""
    kinds = list(union_members(shape))
    if isinstance(value, bytes) and not _takes_file(kinds):
        value = _file_text(value, name)
    for kind in kinds:
        if isinstance(kind, inspect.StructType) and isinstance(value, dict):
            types = {field.encode_name: field.type for field in kind.fields}
            return {name: _fit_form(item, types.get(name, inspect.AnyType()), name) for name, item in value.items()}
        if isinstance(kind, inspect.StructType) and isinstance(value, bytes) and FILE in field_names(kind):
            return {FILE: value}
        if isinstance(value, str) and value[:1] == _json_opening(kind):
            return _parse_json(value, f"`{name}`")
        if isinstance(kind, inspect.ListType) and (items := _list_items(value, kinds)) is not None:
            return [_fit_form(item, kind.item_type, name) for item in items]
    _reject_repetitions(value)
    return value


def _list_items(value: Any, kinds: list[inspect.Type]) -> list[Any] | None:
    """The elements of a list in a form; None if it is none. httpx sends a list of one as a plain value."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return numbered_elements(value)
    is_text = value == "" or any(isinstance(kind, inspect.StrType) for kind in kinds)
    return None if is_text else [value]


def _reject_repetitions(value: Any) -> None:
    """Raise Malformed where a field that is no list comes several times."""
    if isinstance(value, RepeatedField):
        raise Malformed(f"The form names `{value.name}` twice, but it is no list.")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _reject_repetitions(item)


def _takes_file(kinds: Iterable[inspect.Type]) -> bool:
    """Whether a part that came as a file may stay one; what the field is, is not known for an unknown name."""
    return any(
        isinstance(kind, inspect.AnyType | inspect.BytesType)
        or (isinstance(kind, inspect.StructType) and FILE in field_names(kind))
        or (isinstance(kind, inspect.ListType) and _takes_file(union_members(kind.item_type)))
        for kind in kinds
    )


def _file_text(content: bytes, name: str) -> str:
    """The text of a part that came as a file, for a field that takes none. Raises Invalid."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"`{name}` takes text in UTF-8, not a file.", param=name) from error


def _decode_files(value: Any, shape: inspect.Type, path: str = "") -> Any:
    """Decode the base64 of files here, because a stricter decoder refuses line breaks and missing padding."""
    for kind in union_members(shape):
        if isinstance(kind, inspect.ListType) and isinstance(value, list):
            return [_decode_files(item, kind.item_type, path) for item in value]
        if isinstance(kind, inspect.StructType) and isinstance(value, dict):
            types = {field.encode_name: field.type for field in kind.fields}
            return {
                name: _decode_files(item, types.get(name, inspect.AnyType()), f"{path}.{name}".lstrip("."))
                for name, item in value.items()
            }
        if isinstance(kind, inspect.BytesType) and isinstance(value, str):
            return _decode_file(value, path)
    return value


def _decode_file(text: str, path: str) -> bytes:
    try:
        return decode_base64(text.encode())
    except ValueError as error:
        raise Invalid(f"`{path}` is not valid base64.", param=path) from error


def _json_opening(kind: inspect.Type) -> str | None:
    """First character of JSON text of this type; None for scalars, which are never sent as JSON text."""
    if isinstance(kind, inspect.StructType | inspect.DictType):
        return "{"
    return "[" if isinstance(kind, inspect.ListType) else None


def _check_storable(value: Any, path: tuple[str, ...]) -> None:
    """Reject values that PostgreSQL's text and jsonb or a 64-bit reader cannot hold."""
    if len(path) > MAX_DEPTH:
        raise Malformed(f"The body nests deeper than {MAX_DEPTH} levels.")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_storable(key, path)
            _check_storable(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_storable(item, (*path, str(index)))
    elif reason := _storage_error(value):
        name = ".".join(path)[:200]
        raise Invalid(f"`{name}` {reason}.", param=name)


def _storage_error(value: Any) -> str | None:
    if isinstance(value, str) and "\0" in value:
        return "contains a NUL character"
    if isinstance(value, str) and not value.isascii() and _SURROGATE.search(value):
        return "contains half a character (a lone surrogate)"
    if isinstance(value, float) and not math.isfinite(value):
        return "is a number too large"
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return "is an integer of more than 64 bits"
    return None
