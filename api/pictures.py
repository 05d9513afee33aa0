"""Pictures sent in: checked by their bytes before they are decoded, then drawn anew without their metadata.

The format is read from the bytes, never from a name or a type the sender gives. Fetching URLs is refused.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from api.errors import Invalid, PayloadTooLarge, UnsupportedMediaType
from api.inputs import ImageReference

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_PIXELS = 25_000_000
KEPT_SIDE = 2048  # larger pictures are scaled down to this before they are kept
FIELD = "input_reference"


async def read(reference: ImageReference, max_bytes: int) -> bytes:
    """The picture as a PNG without metadata, its sides at most KEPT_SIDE. Raises problems that name the field."""
    content = _inline(reference) if reference.file is None else reference.file
    if len(content) > max_bytes:
        detail = f"A picture may have {max_bytes} bytes, and this one has {len(content)}."
        raise PayloadTooLarge(detail, param=FIELD)
    return await asyncio.to_thread(_redraw, content)


def _inline(reference: ImageReference) -> bytes:
    if reference.file_id is not None:
        detail = "Uploads by id are not served here; send the picture itself as a file or a data: URL."
        raise Invalid(detail, param=f"{FIELD}.file_id")
    head, comma, body = (reference.image_url or "").partition(",")
    if not head.startswith("data:image/") or not head.endswith(";base64") or not comma:
        detail = "image_url takes a data: URL (data:image/png;base64,…); other addresses are not fetched."
        raise Invalid(detail, param=f"{FIELD}.image_url")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        detail = "The data: URL is not valid base64."
        raise Invalid(detail, param=f"{FIELD}.image_url") from error


def _redraw(content: bytes) -> bytes:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
                return _png(picture)
    except UnidentifiedImageError as error:
        detail = f"The picture must be one of {', '.join(FORMATS)}."
        raise UnsupportedMediaType(detail, param=FIELD) from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        detail = "The picture is damaged and cannot be read."
        raise Invalid(detail, param=FIELD) from error


def _png(picture: Image.Image) -> bytes:
    if picture.width * picture.height > MAX_PIXELS:
        detail = f"A picture may have {MAX_PIXELS} pixels, and this one has {picture.width * picture.height}."
        raise Invalid(detail, param=FIELD, limit=MAX_PIXELS)
    picture.draft("RGB", (KEPT_SIDE, KEPT_SIDE))
    upright = ImageOps.exif_transpose(picture).convert("RGB")
    upright.thumbnail((KEPT_SIDE, KEPT_SIDE), Image.Resampling.LANCZOS)
    clean = io.BytesIO()
    upright.save(clean, "PNG")
    return clean.getvalue()
