"""Fingerprints of requests, by which repetitions are recognised."""

from urllib.parse import urlencode

from msgspec import Struct

from api.http.body import JSON, URLENCODED, parse_body
from api.http.idempotency import request_fingerprint
from api.schemas.video_requests import ImageReference, VideoCreate
from api.schemas.videos import Lora


def _parse_json(text: str) -> VideoCreate:
    return parse_body(text.encode(), JSON, "", VideoCreate)


def _parse_form(fields: list[tuple[str, str]]) -> VideoCreate:
    return parse_body(urlencode(fields).encode(), URLENCODED, "", VideoCreate)


def test_a_fingerprint_sees_the_request_and_not_its_encoding() -> None:
    written = request_fingerprint(
        "POST", "/v1/videos", _parse_json('{"n": 1, "prompt": "x", "metadata": {"a": "1", "b": "2"}}')
    )
    form = [("metadata[b]", "2"), ("metadata[a]", "1"), ("prompt", "x")]
    assert written == request_fingerprint("POST", "/v1/videos", _parse_form(form))
    assert written != request_fingerprint("POST", "/v1/videos", _parse_form([*form, ("n", "2")]))
    assert written != request_fingerprint("POST", "/v1/videos/estimate", _parse_form(form))
    assert len(written) == 32


def test_a_fingerprint_outlives_a_field_that_a_request_gains() -> None:
    """A client that tries again across an update sends what it sent before."""

    class Earlier(Struct):
        prompt: str
        seconds: int

    earlier = request_fingerprint("POST", "/v1/videos", Earlier("x", 8))
    assert earlier == request_fingerprint("POST", "/v1/videos", VideoCreate(prompt="x", seconds=8))
    assert earlier != request_fingerprint(
        "POST", "/v1/videos", VideoCreate(prompt="x", seconds=8, loras=[Lora(name="ink")])
    )


def test_a_fingerprint_sees_the_bytes_of_a_file() -> None:
    prints = {
        request_fingerprint("POST", "/v1/videos", VideoCreate(prompt="x", input_reference=ImageReference(file=content)))
        for content in (b"a", b"b", b"a")
    }
    assert len(prints) == 2
