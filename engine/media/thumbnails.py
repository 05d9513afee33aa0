"""The pictures beside a film: a poster, a thumbnail, and a sheet of small ones.

They are drawn from the bytes that are encoded, and take no memory that grows with the film.
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


class Stills:
    """The pictures beside a film: the one in its middle as poster and thumbnail, and small ones of all its length."""

    def __init__(self, frames: int) -> None:
        self._middle = frames // 2
        self._sprites = Sprites(frames)
        self._poster: Image.Image | None = None

    def see(self, index: int, image: Image.Image) -> None:
        self._sprites.see(index, image)
        if index == self._middle:
            self._poster = image

    def files(self) -> dict[str, bytes]:
        """By their names. Raises EngineError when the film had no middle."""
        if self._poster is None:
            raise EngineError("encode_failed", "The film has no frame in its middle.")
        return {POSTER: _poster(self._poster), THUMBNAIL: _thumbnail(self._poster), SPRITESHEET: self._sprites.sheet()}


class Sprites:
    """Small copies of evenly spaced frames, the first and the last among them; memory does not grow with length."""

    def __init__(self, frames: int) -> None:
        count = min(_SPRITES, frames)
        self._wanted = {round(index * (frames - 1) / max(1, count - 1)) for index in range(count)}
        self._images: list[Image.Image] = []

    def see(self, index: int, image: Image.Image) -> None:
        if index in self._wanted:
            self._images.append(shrunk(image, _SPRITE_SIDE))

    def sheet(self) -> bytes:
        width, height = self._images[0].size
        columns = min(_SPRITE_COLUMNS, len(self._images))
        rows = -(-len(self._images) // columns)
        sheet = Image.new("RGB", (columns * width, rows * height))
        for index, image in enumerate(self._images):
            sheet.paste(image, (index % columns * width, index // columns * height))
        return encoded(sheet, "JPEG", quality=80)


def _poster(image: Image.Image) -> bytes:
    """The best JPEG within POSTER_BYTES: less quality first, then half the size."""
    for quality in _POSTER_QUALITIES:
        if len(data := encoded(image, "JPEG", quality=quality, progressive=True)) <= POSTER_BYTES:
            return data
    return _poster(image.reduce(2))


def _thumbnail(image: Image.Image) -> bytes:
    return encoded(shrunk(image, _THUMBNAIL_SIDE), "WEBP", quality=80)


def shrunk(image: Image.Image, side: int) -> Image.Image:
    """A copy whose longer side is at most `side`."""
    copy = image.copy()
    copy.thumbnail((side, side), Image.Resampling.LANCZOS)
    return copy


def encoded(image: Image.Image, form: str, **options: int) -> bytes:
    """The bytes of a file of this format."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()
