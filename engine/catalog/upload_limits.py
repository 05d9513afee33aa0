"""What may be sent in: read by whoever says so in advance and by the process that looks. Imports nothing."""

from __future__ import annotations

from typing import Final

PICTURES: Final = ("PNG", "JPEG", "WEBP")
FILMS: Final = ("MP4", "MOV", "WebM", "Matroska")
PICTURE_PIXELS: Final = 25_000_000
FILM_PIXELS: Final = 3840 * 2160  # of one frame
FASTEST: Final = 121  # frames a second of a film
