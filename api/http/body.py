"""One reader for request bodies: JSON or a form, by content type, into an input Struct.

Refuses what cannot be kept: numbers that are none, keys given twice, text that PostgreSQL cannot store.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import re
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from functools import cache
from typing import Any, NoReturn, TypeVar, cast

import msgspec
from litestar import Request
from litestar.exceptions import InternalServerException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from msgspec import inspect

from api.errors import Invalid, Malformed, PayloadTooLarge, UnsupportedMediaType
from api.http import forms
from api.http.forms import Sent

T = TypeVar("T")

Choice = Callable[[Collection[str]], type[T]]
"""Which Struct a body is, by the names of its fields, where a route takes several."""

JSON = "application/json"
MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"
READ = (JSON, MULTIPART, URLENCODED)
STALLED = 20.0  # seconds without a byte after which who sends a file in parts is gone, and lets others go on
ARRIVES_WITHIN = 60.0  # seconds; a slower sender holds a connection for nothing
LARGE = 256 * 1024  # bytes from which parsing would hold the event loop for milliseconds
VALUES = 50_000  # more than any request needs; parsing millions would hold everybody up
DEPTH = 32  # how deep `metadata` may nest; deeper is nobody's data
FILE = "file"  # the field of a Struct that takes a form's file


class Whole(msgspec.Struct, frozen=True):
    """A file that came whole, for its fingerprint."""

    filename: str
    file: bytes


_PLACE = re.compile(r"(.*) - at (?:`key` in )?`\$(.*)`", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_FIELD = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)


async def read(request: Request[Any, Any, Any], kind: type[T] | Choice[T]) -> T:
    """The request's body as a Struct of this kind.

    Raises Malformed, PayloadTooLarge, UnsupportedMediaType, and Invalid with the path of the field at fault.
    """
    encoding, options = request.content_type
    if encoding not in READ or request.headers.get("content-encoding", "identity") != "identity":
        accepted = ", ".join(READ)
        raise UnsupportedMediaType(f"Send one of {accepted}, not compressed.", headers={"Accept": accepted})
    body = await _receive(request)
    if len(body) > LARGE:
        return await asyncio.to_thread(parse, body, encoding, options.get("boundary", ""), kind)
    return parse(body, encoding, options.get("boundary", ""), kind)


async def file(request: Request[Any, Any, Any]) -> Sent:
    """The one file of a form, in its field `file`. Raises Malformed, PayloadTooLarge, UnsupportedMediaType, Invalid."""
    encoding, options = request.content_type
    if encoding != MULTIPART:
        detail = f"Send a form ({MULTIPART}) with the file in `{FILE}`, or speak tus 1.0."
        raise UnsupportedMediaType(detail, headers={"Accept": MULTIPART})
    found = await asyncio.to_thread(forms.files, await _receive(request), options.get("boundary", ""))
    if strange := next((sent.field for sent in found if sent.field != FILE), None):
        raise Invalid(f"`{strange[:80]}` is no field; there is `{FILE}`, for the file.", param=strange[:80])
    if len(found) != 1:
        raise Invalid(f"Send one file in `{FILE}`.", param=FILE)
    return found[0]


async def chunks(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """The body as it comes, without all of it in memory. Raises Malformed where it ends too early, PayloadTooLarge."""
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(STALLED):
                chunk = await anext(stream, None)
        except TimeoutError as error:
            raise Malformed(f"Nothing arrived for {STALLED:.0f} seconds.") from error
        except InternalServerException as error:
            raise Malformed("The connection closed before the body had arrived.") from error
        except RequestEntityTooLarge as error:
            raise PayloadTooLarge("The body has more bytes than any upload may have.") from error
        if chunk is None:
            return
        yield chunk


async def _receive(request: Request[Any, Any, Any]) -> bytes:
    try:
        async with asyncio.timeout(ARRIVES_WITHIN):
            return await request.body()
    except TimeoutError as error:
        raise Malformed(f"The body did not arrive within {ARRIVES_WITHIN:.0f} seconds.") from error
    except InternalServerException as error:
        raise Malformed("The connection closed before the body had arrived.") from error
    except RequestEntityTooLarge as error:
        limit = request.route_handler.resolve_request_max_body_size()
        raise PayloadTooLarge(f"The body may have at most {limit:,} bytes.") from error


def parse(body: bytes, encoding: str, boundary: str, kind: type[T] | Choice[T]) -> T:
    """The body in this encoding as a Struct of this kind; raises as `read` does."""
    try:
        tree = _tree(body, encoding, boundary)
        chosen: type[T] = kind if isinstance(kind, type) else kind(tree if isinstance(tree, dict) else ())
        value: T = _converted(tree if encoding == JSON else _fit(tree, _shape(cast("Any", chosen))), chosen)
    except UnicodeEncodeError as error:
        raise Malformed("The body contains half a character (a lone surrogate).") from error
    except RecursionError as error:
        raise Malformed(f"The body nests deeper than {DEPTH} levels.") from error
    return value


def _tree(body: bytes, encoding: str, boundary: str) -> Any:
    if encoding == JSON:
        return _json(body)
    return forms.tree(forms.multipart(body, boundary) if encoding == MULTIPART else forms.urlencoded(body))


def _converted(tree: Any, kind: type[T]) -> T:
    try:
        value: T = msgspec.convert(tree, kind, strict=False, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise _invalid(error, kind) from error
    _storable(tree, ())
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """RFC 8259 leaves open which of two equal keys counts, so neither does."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise Malformed("The body gives a key twice in one object.")
    return members


def _constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not JSON.")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant)


def _json(text: bytes | str, what: str = "The body") -> Any:
    try:
        text = text.decode() if isinstance(text, bytes) else text
        if text.count(",") > VALUES:
            raise PayloadTooLarge(f"{what} may have at most {VALUES:,} values.")
        return _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise Malformed(f"{what} is not UTF-8.") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Malformed(f"{what} is not JSON: {error.msg} at {place}.") from error
    except ValueError as error:
        raise Malformed(f"{what} has a number of thousands of digits.") from error


@cache
def _shape(kind: Any) -> inspect.Type:
    return inspect.type_info(kind)


def _kinds(shape: inspect.Type) -> Iterator[inspect.Type]:
    """The alternatives of a type, without their annotations."""
    if isinstance(shape, inspect.Metadata):
        yield from _kinds(shape.type)
    elif isinstance(shape, inspect.UnionType):
        for alternative in shape.types:
            yield from _kinds(alternative)
    else:
        yield shape


def _fit(value: Any, shape: inspect.Type, name: str = "") -> Any:
    """The form's value as JSON would have it: files in their field, JSON text read where an object is due."""
    for kind in _kinds(shape):
        if isinstance(kind, inspect.StructType) and isinstance(value, dict):
            types = {field.encode_name: field.type for field in kind.fields}
            return {name: _fit(item, types.get(name, inspect.AnyType()), name) for name, item in value.items()}
        if isinstance(kind, inspect.StructType) and isinstance(value, bytes) and FILE in _fields(kind):
            return {FILE: value}
        if isinstance(kind, inspect.ListType) and isinstance(value, list):
            return [_fit(item, kind.item_type, name) for item in value]
        if isinstance(value, str) and value[:1] == _opening(kind):
            return _json(value, f"`{name}`")
    return value


def _opening(kind: inspect.Type) -> str | None:
    """How a JSON text of this type begins; None for scalars, whose text is never JSON."""
    if isinstance(kind, inspect.StructType | inspect.DictType):
        return "{"
    return "[" if isinstance(kind, inspect.ListType) else None


def _storable(value: Any, path: tuple[str, ...]) -> None:
    """Refuse what PostgreSQL's text and jsonb, or a 64-bit reader, cannot hold."""
    if len(path) > DEPTH:
        raise Malformed(f"The body nests deeper than {DEPTH} levels.")
    if isinstance(value, dict):
        for key, item in value.items():
            _storable(key, path)
            _storable(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _storable(item, (*path, str(index)))
    elif reason := _unstorable(value):
        name = ".".join(path)[:200]
        raise Invalid(f"`{name}` {reason}.", param=name)


def _unstorable(value: Any) -> str | None:
    if isinstance(value, str) and "\0" in value:
        return "contains a NUL character"
    if isinstance(value, str) and not value.isascii() and _SURROGATE.search(value):
        return "contains half a character (a lone surrogate)"
    if isinstance(value, float) and not math.isfinite(value):
        return "is a number too large"
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return "is an integer of more than 64 bits"
    return None


def _invalid(error: msgspec.ValidationError, kind: Any) -> Invalid:
    """The message of msgspec as a problem that names the field and what it takes. Never repeats the value."""
    match = _PLACE.fullmatch(str(error))
    message, place = match.groups() if match else (str(error), "")
    steps = [name or index for name, index in _STEP.findall(place)]
    shape = _find(_shape(kind), steps)
    if field := _FIELD.fullmatch(message):
        param = ".".join([*steps, field[2][:80]])
        known = ", ".join(f"`{name}`" for name in _fields(shape))
        missing = field[1] == "missing required"
        return Invalid(f"`{param}` is " + ("required." if missing else f"no field; there are {known}."), param=param)
    param = ".".join(steps)
    return Invalid(f"{f'`{param}`' if param else 'The body'}: {_expectation(message, shape)}", param=param or None)


def _find(shape: inspect.Type, steps: list[str]) -> inspect.Type:
    """The type at the end of the path; where the path leaves what is known, any type."""
    for step in steps:
        found: inspect.Type = inspect.AnyType()
        for kind in _kinds(shape):
            if isinstance(kind, inspect.StructType):
                found = next((field.type for field in kind.fields if field.encode_name == step), found)
            elif isinstance(kind, inspect.ListType):
                found = kind.item_type
        shape = found
    return shape


def _fields(shape: inspect.Type) -> list[str]:
    structs = [kind for kind in _kinds(shape) if isinstance(kind, inspect.StructType)]
    return [field.encode_name for struct in structs for field in struct.fields]


def _expectation(message: str, shape: inspect.Type) -> str:
    if message.startswith("Invalid enum value"):
        literals = [kind for kind in _kinds(shape) if isinstance(kind, inspect.LiteralType)]
        return "expected one of " + ", ".join(f"`{value}`" for kind in literals for value in kind.values) + "."
    if "matching regex" in message and (meaning := _description(shape)):
        return f"expected another form. {meaning}"
    return f"{message[0].lower()}{message[1:]}."


def _description(shape: inspect.Type) -> str:
    """The description in the type's annotation, inside an optional one too."""
    if isinstance(shape, inspect.UnionType):
        return next(filter(None, map(_description, shape.types)), "")
    schema = shape.extra_json_schema if isinstance(shape, inspect.Metadata) else None
    return str((schema or {}).get("description", ""))


def fingerprint(method: str, path: str, value: msgspec.Struct | None = None) -> bytes:
    """SHA-256 over the parsed request: the same for JSON and a form, whatever the order or the boundary."""
    plain = msgspec.to_builtins(value, builtin_types=(bytes,))
    request = [method, path, _digested(plain)]
    return hashlib.sha256(msgspec.json.encode(request, order="deterministic")).digest()


def _digested(value: Any) -> Any:
    """The value with every file replaced by its SHA-256, not written out as base 64."""
    if isinstance(value, bytes):
        return {"sha256": hashlib.sha256(value).hexdigest()}
    if isinstance(value, dict):
        return {key: _digested(item) for key, item in value.items()}
    return [_digested(item) for item in value] if isinstance(value, list) else value
