"""Pictures sent in: checked by their bytes before they are decoded, then drawn anew without their metadata.

The format is read from the bytes, never from a name or a type the sender gives. Fetching URLs is refused.
"""

from __future__ import annotations

import asyncio
import base64
import io
import struct
from concurrent.futures import ThreadPoolExecutor

from PIL import ExifTags, Image, UnidentifiedImageError

from api.errors import Invalid, PayloadTooLarge, UnsupportedMediaType
from api.inputs import ImageReference

# Threads of their own: a large picture takes a second, and reading files to serve must not queue behind it.
PAINTERS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="picture")
FORMATS = ("PNG", "JPEG", "WEBP")
MAX_PIXELS = 25_000_000  # checked from the head of the file, before anything is decoded
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
KEPT_SIDE = 2048  # larger pictures are scaled down to this before they are kept


async def read(reference: ImageReference, field: str, max_bytes: int) -> bytes:
    """The picture as a PNG without metadata, its sides at most KEPT_SIDE. Raises problems that name the field."""
    content = _inline(reference, field) if reference.file is None else reference.file
    if len(content) > max_bytes:
        detail = f"A picture may have {max_bytes} bytes, and this one has {len(content)}."
        raise PayloadTooLarge(detail, param=field)
    return await asyncio.get_running_loop().run_in_executor(PAINTERS, _redraw, content, field)


def _inline(reference: ImageReference, field: str) -> bytes:
    if reference.file_id is not None:
        detail = "Uploads by id are not served here; send the picture itself as a file or a data: URL."
        raise Invalid(detail, param=f"{field}.file_id")
    head, comma, body = (reference.image_url or "").partition(",")
    if not head.startswith("data:image/") or not head.endswith(";base64") or not comma:
        detail = "image_url takes a data: URL (data:image/png;base64,…); other addresses are not fetched."
        raise Invalid(detail, param=f"{field}.image_url")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError as error:
        raise Invalid("The data: URL is not valid base64.", param=f"{field}.image_url") from error


def _redraw(content: bytes, field: str) -> bytes:
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            return _png(picture, field)
    except UnidentifiedImageError as error:
        raise UnsupportedMediaType(f"The picture must be one of {', '.join(FORMATS)}.", param=field) from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Invalid("The picture is damaged and cannot be read.", param=field) from error


def _png(picture: Image.Image, field: str) -> bytes:
    if picture.width * picture.height > MAX_PIXELS:
        detail = f"A picture may have {MAX_PIXELS} pixels, and this one has {picture.width * picture.height}."
        raise Invalid(detail, param=field, limit=MAX_PIXELS)
    picture.draft("RGB", (KEPT_SIDE, KEPT_SIDE))
    drawn = picture.convert("RGB")
    drawn.thumbnail((KEPT_SIDE, KEPT_SIDE), Image.Resampling.LANCZOS)
    clean = io.BytesIO()
    _upright(drawn, _orientation(picture)).save(clean, "PNG", compress_level=1)
    return clean.getvalue()


def _orientation(picture: Image.Image) -> int:
    """How the camera was held, from 1 to 8. EXIF that cannot be read says nothing."""
    try:
        value = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except (struct.error, TypeError, ValueError, SyntaxError):
        return 1
    return value if isinstance(value, int) else 1


def _upright(drawn: Image.Image, orientation: int) -> Image.Image:
    turn = TURNS.get(orientation)
    return drawn if turn is None else drawn.transpose(turn)
