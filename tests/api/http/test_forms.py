"""Parts of a multipart body: files and text as browsers and other clients write them."""

import pytest

from api.errors import Invalid, Malformed
from api.http.body import MULTIPART, parse_body
from api.schemas.video_requests import ImageReference, VideoCreate


def test_a_browser_that_chose_no_file_sends_an_empty_one() -> None:
    part = '--B\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'
    form = part.format("prompt", "", "x") + part.format("input_reference", '; filename=""', "") + "--B--\r\n"
    assert parse_body(form.encode(), MULTIPART, "B", VideoCreate) == VideoCreate(prompt="x")


def read_parts(*parts: bytes) -> VideoCreate:
    body = b"".join(b"--B\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts) + b"--B--\r\n"
    return parse_body(body, MULTIPART, "B", VideoCreate)


def test_parts_are_read_as_their_field_needs_them() -> None:
    """A browser names every `Blob`, other clients name no file, and some state the encoding of a text."""
    blob = b'name="metadata"; filename="blob"\r\nContent-Type: application/json\r\n\r\n{"shot": "1"}'
    prompt = b'name="prompt"; filename="prompt.txt"\r\nContent-Type: text/plain\r\n\r\na red ball'
    bare = b'name="input_reference"\r\n\r\n\x89PNG'
    assert read_parts(blob, prompt, bare) == VideoCreate(
        prompt="a red ball", metadata={"shot": "1"}, input_reference=ImageReference(file=b"\x89PNG")
    )
    latin = b'name="prompt"\r\nContent-Type: text/plain; charset=ISO-8859-1\r\n\r\nun \xe9t\xe9'
    assert read_parts(latin).prompt == "un été"
    reference = b'name="input_reference"; filename="blob"\r\nContent-Type: application/json\r\n\r\n{"file_id": "u"}'
    assert read_parts(prompt, reference).input_reference == ImageReference(file_id="u")


def test_a_file_in_a_field_for_text_is_named() -> None:
    with pytest.raises(Invalid, match="`prompt` takes text in UTF-8, not a file"):
        read_parts(b'name="prompt"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG')
    with pytest.raises(Malformed):
        read_parts(b'name="prompt"\r\nContent-Type: text/plain; charset=klingon\r\n\r\nx')
