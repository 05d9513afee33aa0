"""Re-encodes an uploaded image as a PNG without metadata. Runs in the sandbox of engine/media/ingest.py."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Final

from PIL import Image, UnidentifiedImageError

from engine.catalog.file_signatures import SIGNATURE_BYTES, detect_format
from engine.catalog.upload_limits import IMAGE_FORMATS, MAX_IMAGE_PIXELS
from engine.media.images import to_display_rgb
from engine.media.refusals import MediaRefused

MAX_IMAGE_SIDE: Final = 2048  # larger images are scaled down to this


def ingest_image(source: Path, target: Path) -> tuple[int, int]:
    """Re-encode an image as it is shown, its sides at most MAX_IMAGE_SIDE; returns its size. Raises MediaRefused."""
    with source.open("rb") as file:
        name = detect_format(file.read(SIGNATURE_BYTES))
    if name not in IMAGE_FORMATS:
        raise MediaRefused("format", name=name)
    try:
        with Image.open(source, formats=IMAGE_FORMATS) as image:
            if (pixels := image.width * image.height) > MAX_IMAGE_PIXELS:
                raise MediaRefused("pixels", pixels, MAX_IMAGE_PIXELS)
            drawn = to_display_rgb(image, MAX_IMAGE_SIDE)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, struct.error) as error:
        raise MediaRefused("damaged") from error
    except Image.DecompressionBombError as error:
        raise MediaRefused("pixels", limit=MAX_IMAGE_PIXELS) from error
    clean = io.BytesIO()
    drawn.save(clean, "PNG", compress_level=1)
    target.write_bytes(clean.getvalue())
    return drawn.size
