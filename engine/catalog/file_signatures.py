"""Names the format of a file by its first bytes: those that are accepted, and those that people send besides.

A name is for routing and for error messages; whether the file is whole and sound is found by decoding it.
"""

from __future__ import annotations

from typing import Final

SIGNATURE_BYTES: Final = 512
"""Bytes from the start of a file that tell its format."""

STILL_FORMATS: Final = frozenset(
    {"PNG", "JPEG", "WEBP", "AVIF", "HEIC", "HEIF", "GIF", "BMP", "TIFF", "ICO", "JPEG 2000", "JPEG XL", "Photoshop"}
    | {"CR3", "SVG", "PDF"}
)
"""What people mean as an image, whether it is accepted or not."""

_TS_PACKETS: Final = ((0, 188), (4, 192))  # where the sync byte stands, and the size of a packet
_SIGNATURES: Final = (
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"GIF8", "GIF"),
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (0, b"\0\0\1\0", "ICO"),
    (0, b"8BPS", "Photoshop"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska"),
    (0, b"FLV", "FLV"),
    (0, b"OggS", "Ogg"),
    (0, b"\0\0\1\xba", "MPEG-PS"),
    (0, b"\0\0\1\xb3", "MPEG video"),
    (0, b"\0\0\0\1\x67", "raw H.264"),
    (0, b"\0\0\0\1\x40", "raw H.265"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMV"),
    (0, b".RMF", "RealMedia"),
    (0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01", "MXF"),
    (0, b"YUV4MPEG2", "YUV4MPEG"),
    (0, b"ID3", "MP3"),
    (0, b"fLaC", "FLAC"),
    (0, b"#EXTM3U", "HLS playlist"),
    (0, b"%PDF", "PDF"),
    (0, b"PK\3\4", "ZIP"),
    (0, b"\x1f\x8b", "gzip"),
)
_RIFF_FORMS: Final = {b"WEBP": "WEBP", b"AVI ": "AVI", b"WAVE": "WAV"}
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_IMAGE_BRANDS: Final = frozenset({b"mif1", b"mif2", b"msf1", b"miaf"})  # HEIF, whatever codes its images
_OTHER_BRANDS: Final = {b"crx ": "CR3", b"qt  ": "MOV"}
_QUICKTIME_ATOMS: Final = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_TEXT_STARTS: Final = ((b"<svg", "SVG"), (b"<!doctype html", "HTML page"), (b"<html", "HTML page"))


def detect_format(beginning: bytes) -> str:
    """The format that the first SIGNATURE_BYTES of a file show, such as "PNG" or "AVI"; "" if none is known.

    WebM is Matroska here, since only the container's header tells them apart.
    """
    if beginning[4:8] == b"ftyp":
        return _name_by_brands(beginning)
    if beginning[4:8] in _QUICKTIME_ATOMS:
        return "MOV"
    if beginning[:4] == b"RIFF":
        return _RIFF_FORMS.get(beginning[8:12], "")
    named = (name for at, magic, name in _SIGNATURES if beginning.startswith(magic, at))
    return next(named, "") or _name_transport_stream(beginning) or _name_text(beginning)


def _name_by_brands(beginning: bytes) -> str:
    """The name of a file that begins with an `ftyp` box (ISO 14496-12): MP4, MOV, HEIC, AVIF and their relatives."""
    end = min(int.from_bytes(beginning[:4], "big"), len(beginning))
    major, *compatible = (beginning[at : at + 4] for at in (8, *range(16, end - 3, 4)))
    brands = {major, *(compatible if major in _IMAGE_BRANDS else ())}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & _HEIC_BRANDS:
        return "HEIC"
    return "HEIF" if major in _IMAGE_BRANDS else _OTHER_BRANDS.get(major, "MP4")


def _name_transport_stream(beginning: bytes) -> str:
    sync = any(set(beginning[at::size]) == {0x47} and len(beginning) > at + size for at, size in _TS_PACKETS)
    return "MPEG-TS" if sync else ""


def _name_text(beginning: bytes) -> str:
    text = beginning.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<?xml") and b"<svg" in text:
        return "SVG"
    return next((name for start, name in _TEXT_STARTS if text.startswith(start)), "")
