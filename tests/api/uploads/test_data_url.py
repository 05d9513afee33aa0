"""`data:` URLs and base64 as encoders in the wild write them."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import quote

import pytest

from api.uploads.data_url import DataURL, decode_base64, decode_data_url, is_address

CONTENT = bytes(range(256)) + b"!"  # not a multiple of three, so that there is padding
TEXT = base64.b64encode(CONTENT).decode()
WRAPPED = base64.encodebytes(CONTENT).decode()
SAFE = base64.urlsafe_b64encode(CONTENT).decode()


@pytest.mark.parametrize(
    "text",
    [TEXT, WRAPPED, WRAPPED.replace("\n", "\r\n  "), SAFE, TEXT.rstrip("="), SAFE.rstrip("="), f" {TEXT}\t"],
    ids=["plain", "wrapped", "indented", "url-safe", "unpadded", "both", "spaces"],
)
def test_base64_is_read_however_it_is_written(text: str) -> None:
    assert decode_base64(text.encode()) == CONTENT
    assert decode_data_url(f"data:image/png;base64,{text}") == DataURL("image/png", CONTENT)


@pytest.mark.parametrize("text", ["?", "a", "abcde", "ab=c", "a b!", "é"])
def test_what_is_no_base64_is_an_error(text: str) -> None:
    with pytest.raises(binascii.Error):
        decode_base64(text.encode())


@pytest.mark.parametrize(
    ("url", "media_type"),
    [
        (f"data:image/png,{quote(CONTENT)}", "image/png"),
        (f"DATA:Image/PNG;BASE64,{TEXT}", "image/png"),
        (f"data:image/png;charset=utf-8; base64 ,{TEXT}", "image/png"),
        (f"data:image/png;base64,{quote(TEXT, safe='')}", "image/png"),
        (f"data:;base64,{TEXT}", ""),
        (f"\n data:image/png;base64,{TEXT}\n", "image/png"),
    ],
)
def test_a_data_url_is_read_however_it_is_written(url: str, media_type: str) -> None:
    assert decode_data_url(url) == DataURL(media_type, CONTENT)


@pytest.mark.parametrize("url", ["https://example.org/a.png,b", "data:image/png;base64", "upload_1", "", "blob:x,y"])
def test_another_address_is_none(url: str) -> None:
    assert decode_data_url(url) is None


def test_an_id_is_no_address() -> None:
    assert [is_address(text) for text in ("upload_01", "video_01", "data:x", "HTTPS://x", "file:///x")] == [
        False,
        False,
        True,
        True,
        True,
    ]
