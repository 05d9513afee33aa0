"""Images beside a video: a poster, a thumbnail and a sprite sheet.

They are made from the bytes that are encoded; memory does not grow with the video's length.
"""

from __future__ import annotations

import io
from typing import Final

from PIL import Image

from engine.types import EngineError

POSTER: Final = "poster.jpg"
THUMBNAIL: Final = "thumbnail.webp"
SPRITESHEET: Final = "spritesheet.jpg"
PREVIEW: Final = "preview-{:04d}.jpg"

POSTER_BYTES: Final = 300_000
_POSTER_QUALITIES: Final = (92, 85, 78, 70, 60, 50, 40)
_THUMBNAIL_SIDE: Final = 320
_SPRITE_SIDE: Final = 160
_SPRITES: Final = 25
_SPRITE_COLUMNS: Final = 5


class StillCollector:
    """Collects frames for the poster and thumbnail (the middle frame) and for the sprite sheet."""

    def __init__(self, frames: int) -> None:
        self._middle = frames // 2
        self._sprites = SpriteSheet(frames)
        self._encode_poster: Image.Image | None = None

    def add_frame(self, index: int, image: Image.Image) -> None:
        self._sprites.add_frame(index, image)
        if index == self._middle:
            self._encode_poster = image

    def encode_files(self) -> dict[str, bytes]:
        """Files by name. Raises EngineError `encode_failed` if the middle frame never came."""
        if self._encode_poster is None:
            raise EngineError("encode_failed", "The video has no middle frame.")
        return {
            POSTER: _encode_poster(self._encode_poster),
            THUMBNAIL: _encode_thumbnail(self._encode_poster),
            SPRITESHEET: self._sprites.encode_sheet(),
        }


class SpriteSheet:
    """Small copies of evenly spaced frames, including the first and the last."""

    def __init__(self, frames: int) -> None:
        count = min(_SPRITES, frames)
        self._wanted = {round(index * (frames - 1) / max(1, count - 1)) for index in range(count)}
        self._images: list[Image.Image] = []

    def add_frame(self, index: int, image: Image.Image) -> None:
        if index in self._wanted:
            self._images.append(shrink_image(image, _SPRITE_SIDE))

    def encode_sheet(self) -> bytes:
        width, height = self._images[0].size
        columns = min(_SPRITE_COLUMNS, len(self._images))
        rows = -(-len(self._images) // columns)
        sheet = Image.new("RGB", (columns * width, rows * height))
        for index, image in enumerate(self._images):
            sheet.paste(image, (index % columns * width, index // columns * height))
        return encode_image(sheet, "JPEG", quality=80)


def _encode_poster(image: Image.Image) -> bytes:
    """The best JPEG within POSTER_BYTES: lower quality first, then half the size."""
    for quality in _POSTER_QUALITIES:
        if len(data := encode_image(image, "JPEG", quality=quality, progressive=True)) <= POSTER_BYTES:
            return data
    return _encode_poster(image.reduce(2))


def _encode_thumbnail(image: Image.Image) -> bytes:
    return encode_image(shrink_image(image, _THUMBNAIL_SIDE), "WEBP", quality=80)


def shrink_image(image: Image.Image, side: int) -> Image.Image:
    """A copy whose longer side is at most `side`."""
    copy = image.copy()
    copy.thumbnail((side, side), Image.Resampling.LANCZOS)
    return copy


def encode_image(image: Image.Image, form: str, **options: int) -> bytes:
    """The image as a file of this format."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()
