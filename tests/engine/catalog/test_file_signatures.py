from __future__ import annotations

import pytest

from engine.catalog.file_signatures import detect_format


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    brands = b"".join(compatible)
    return (16 + len(brands)).to_bytes(4, "big") + b"ftyp" + major + bytes(4) + brands + b"\0\0\0\x08free"


@pytest.mark.parametrize(
    ("beginning", "name"),
    [
        (ftyp(b"isom", b"iso2", b"avc1", b"mp41"), "MP4"),
        (ftyp(b"mp42", b"mif1"), "MP4"),
        (ftyp(b"3gp5"), "MP4"),
        (ftyp(b"qt  "), "MOV"),
        (b"\0\0\0\x08wide\0\0\x10\0mdat", "MOV"),
        (ftyp(b"heic", b"mif1", b"heic"), "HEIC"),
        (ftyp(b"mif1", b"mif1", b"heic"), "HEIC"),
        (ftyp(b"mif1", b"avif", b"mif1"), "AVIF"),
        (ftyp(b"avis", b"msf1"), "AVIF"),
        (ftyp(b"mif1", b"jpeg"), "HEIF"),
        (ftyp(b"crx "), "CR3"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WEBP"),
        (b"RIFF\0\0\0\0AVI LIST", "AVI"),
        (b"\x1a\x45\xdf\xa3", "Matroska"),
        ((b"G" + bytes(187)) * 3, "MPEG-TS"),
        ((bytes(4) + b"G" + bytes(187)) * 3, "MPEG-TS"),
        (b"\n  <svg xmlns=", "SVG"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<svg>', "SVG"),
        (b"<!DOCTYPE html><title>404", "HTML page"),
        (b"", ""),
        (b"G", ""),
        (b"ftyp", ""),
        (b"\0\0\0\x08ftyp", "MP4"),
        (b"Good morning, this begins as a transport stream does", ""),
        (b"RIFF", ""),
    ],
)
def test_a_format_is_named_by_its_first_bytes(beginning: bytes, name: str) -> None:
    assert detect_format(beginning) == name
