"""Why a file was refused, as problems with a sentence for its sender."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from api.errors import Invalid, Problem, UnsupportedMediaType
from engine.catalog.upload_limits import IMAGE_FORMATS, VIDEO_FORMATS

_COVER: Final = "The file has sound and a cover image, but no video."


class Refusal(Struct, frozen=True):
    """What the sandboxed process says of a file that it refuses; `name` is a format, or sizes."""

    refused: str
    found: float = 0.0
    limit: float = 0.0
    name: str = ""


def unsupported_format(subject: str, formats: Sequence[str], name: str, field: str) -> UnsupportedMediaType:
    """The problem for a file that is none of `formats`; `name` is what it is, if that is known."""
    detail = f"{subject} must be one of {', '.join(formats)}, and complete."
    if not name:
        return UnsupportedMediaType(detail, param=field)
    return UnsupportedMediaType(f"{detail} The file sent is {name}.", param=field, format=name)


def image_problem(refusal: Refusal, field: str) -> Problem:
    """The problem for an image. A file that the process could not name or decode is damaged."""
    if refusal.refused == "format":
        return unsupported_format("The image", IMAGE_FORMATS, refusal.name, field)
    details = {
        "pixels": f"The image may have at most {refusal.limit:.0f} pixels; this one has {refusal.found:.0f}.",
        "codec": "The image is coded in a way that is not known here; send it as JPEG or PNG.",
        "slow": "The image takes too long to read; send it smaller.",
    }
    return _invalid(details.get(refusal.refused, "The image is damaged and cannot be read."), refusal, field)


def video_problem(refusal: Refusal, field: str) -> Problem:
    """The problem for a video."""
    if refusal.refused == "format":
        return unsupported_format("The video", VIDEO_FORMATS, refusal.name, field)
    details = {
        "pixels": f"The video may have at most {refusal.limit:.0f} pixels; this one has {refusal.found:.0f}.",
        "seconds": f"A video may last at most {refusal.limit:g} seconds; this one lasts {refusal.found:.1f}.",
        "frames": f"A video may have at most {refusal.limit:.0f} frames; this one has more.",
        "empty": _COVER if refusal.name else "The video has no frames.",
        "codec": "The video's codec is not known here; encode it as H.264 or H.265.",
        "resized": f"The video changes its size, from {refusal.name}, after {refusal.found:.1f} seconds; "
        "encode it in one size.",
        "slow": "The video takes too long to decode; send it shorter or smaller, such as in 1920x1080.",
    }
    return _invalid(details.get(refusal.refused, "The video is damaged and cannot be read."), refusal, field)


def _invalid(detail: str, refusal: Refusal, field: str) -> Invalid:
    limit: dict[str, Any] = {"limit": refusal.limit} if refusal.limit else {}
    return Invalid(detail, param=field, **limit)
