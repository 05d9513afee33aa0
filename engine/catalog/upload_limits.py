"""What may be sent in: read by whoever says so in advance and by the process that looks. Imports nothing."""

from __future__ import annotations

from typing import Final

IMAGE_FORMATS: Final = ("PNG", "JPEG", "WEBP")
VIDEO_FORMATS: Final = ("MP4", "MOV", "WebM", "Matroska")
MAX_IMAGE_PIXELS: Final = 25_000_000
MAX_FRAME_PIXELS: Final = 3840 * 2160  # of one frame
MAX_FRAME_RATE: Final = 121  # frames a second of a film
