"""Re-encodes an uploaded image as a PNG without metadata. Runs in the sandbox of engine/media/ingest.py."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Final

import av
from PIL import Image, UnidentifiedImageError

from engine.catalog.file_signatures import SIGNATURE_BYTES, detect_format
from engine.catalog.upload_limits import IMAGE_FORMATS, MAX_IMAGE_PIXELS, PILLOW_FORMATS
from engine.media.heif import HeifFile
from engine.media.heif_decoding import decode_heif
from engine.media.images import to_display_rgb
from engine.media.refusals import MediaRefused
from engine.media.tone_mapping import ColourSpace

_DAMAGED: Final = (OSError, SyntaxError, ValueError, IndexError, RecursionError, struct.error)
MAX_IMAGE_SIDE: Final = 2048  # larger images are scaled down to this


def ingest_image(source: Path, target: Path) -> tuple[int, int]:
    """Re-encode an image as it is shown, its sides at most MAX_IMAGE_SIDE; returns its size. Raises MediaRefused."""
    with source.open("rb") as file:
        name = detect_format(file.read(SIGNATURE_BYTES))
    if name not in IMAGE_FORMATS:
        raise MediaRefused("format", name=name)
    try:
        boxed = name == "HEIC" or (name == "AVIF" and _is_hdr(source))
        drawn = _read_heif(source, target.parent) if boxed else _read_image(source)
    except (UnidentifiedImageError, av.error.FFmpegError, *_DAMAGED) as error:
        raise MediaRefused("damaged") from error
    except Image.DecompressionBombError as error:
        raise MediaRefused("pixels", limit=MAX_IMAGE_PIXELS) from error
    clean = io.BytesIO()
    drawn.save(clean, "PNG", compress_level=1)
    target.write_bytes(clean.getvalue())
    return drawn.size


def _read_image(source: Path) -> Image.Image:
    with Image.open(source, formats=PILLOW_FORMATS) as image:
        if (pixels := image.width * image.height) > MAX_IMAGE_PIXELS:
            raise MediaRefused("pixels", pixels, MAX_IMAGE_PIXELS)
        return to_display_rgb(image, MAX_IMAGE_SIDE)


def _is_hdr(source: Path) -> bool:
    """Whether an AVIF is of high dynamic range, which Pillow shows as it is coded."""
    colours = HeifFile(source.read_bytes()).main.nclx
    return colours is not None and ColourSpace(colours.transfer, colours.primaries).is_hdr


def _read_heif(source: Path, folder: Path) -> Image.Image:
    """An image that phones take and Pillow does not read."""
    return to_display_rgb(decode_heif(HeifFile(source.read_bytes()), folder), MAX_IMAGE_SIDE)
