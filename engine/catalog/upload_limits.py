"""Limits of uploaded images and videos, read by the routes that publish them and by the process that enforces them."""

from __future__ import annotations

from typing import Final

PILLOW_FORMATS: Final = ("PNG", "JPEG", "WEBP", "AVIF")
IMAGE_FORMATS: Final = (*PILLOW_FORMATS, "HEIC")
VIDEO_FORMATS: Final = ("MP4", "MOV", "WebM", "Matroska")
MAX_IMAGE_PIXELS: Final = 25_000_000
MAX_FRAME_PIXELS: Final = 3840 * 2160  # of one frame
MAX_FRAME_RATE: Final = 121  # frames a second of a video
