"""Decoders of response bodies. What cannot be decoded is an UnreadableAnswer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from kinora._errors import UnreadableAnswer

T = TypeVar("T")

NOT_KINORA = (
    "The response cannot be read. Is base_url the address of a Kinora server, and does its version match this package?"
)


def json_decoder(result_type: type[T]) -> Callable[[bytes], T]:
    """A decoder of JSON as this type. Cached, since building one costs more than using it."""
    decoder = _JSON_DECODERS.get(result_type)
    if decoder is None:
        decoder = _JSON_DECODERS[result_type] = _with_readable_errors(msgspec.json.Decoder(result_type).decode)
    return decoder


_JSON_DECODERS: dict[Any, Callable[[bytes], Any]] = {}


def _with_readable_errors(decode: Callable[[bytes], T]) -> Callable[[bytes], T]:
    def decode_body(body: bytes) -> T:
        try:
            return decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnreadableAnswer(f"{NOT_KINORA} ({error})") from error

    return decode_body


decode_text = _with_readable_errors(bytes.decode)


def decode_bytes(body: bytes) -> bytes:
    """The body as it is."""
    return body


def decode_nothing(_: bytes) -> None:
    """Ignore the body of a response that has no content."""
