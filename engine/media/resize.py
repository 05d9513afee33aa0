"""Shapes pictures: between the size a model denoises at and the size of the file, and from an uploaded image.

The rule, both ways: the file shows the largest centred part of the native frame that has the file's aspect,
scaled with an antialiased bicubic filter, or for flat drawings as `engine.media.upscale` does. Nothing is stretched by
more than the rounding of one native pixel.
"""

from __future__ import annotations

import io
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch.nn import functional

from engine.catalog.model import Size
from engine.media.upscale import enlarge
from engine.types import EngineError, ImageCondition, Resize

MAX_PICTURE_PIXELS: Final = 64_000_000
"""A larger picture is refused before it is unpacked: a few kilobytes can claim gigabytes."""


class Box(NamedTuple):
    """A part of a picture in pixels."""

    left: int
    top: int
    width: int
    height: int


def visible_box(native: Size, size: Size) -> Box:
    """The part of a `native` frame that a file of `size` shows."""
    scale = max(size.width / native.width, size.height / native.height)
    width = min(native.width, max(1, round(size.width / scale)))
    height = min(native.height, max(1, round(size.height / scale)))
    return Box((native.width - width) // 2, (native.height - height) // 2, width, height)


def fit_to_file(frames: torch.Tensor, size: Size, *, drawn: bool = False) -> torch.Tensor:
    """Native frames [F, 3, h, w] as floats -> [F, 3, height, width] of the file. May overshoot the range a little.

    `drawn` says that they are flat drawings, whose edges stay crisp.
    """
    shown = _part(frames, size)
    return enlarge(shown, size) if drawn and _size(shown) != size else _scaled(shown, size)


def image_to_native(condition: ImageCondition, native: Size, size: Size) -> torch.Tensor:
    """An uploaded picture as a native frame [1, 3, 1, h, w] in -1..1, placed so that `fit` shows all of it
    again.

    What the file does not show is filled by repeating the edge. Raises EngineError `bad_condition`.
    """
    box = visible_box(native, size)
    image = _shaped(_open(condition.image), Size(box.width, box.height), condition.resize)
    pixels = torch.from_numpy(np.asarray(image, dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
    return _around(pixels, box, native)


def video_to_native(frames: NDArray[np.uint8], native: Size, size: Size) -> torch.Tensor:
    """Frames of a film [F, H, W, 3] as native frames [1, 3, F, h, w] in -1..1, placed as `picture` does."""
    box = visible_box(native, size)
    shown = crop_and_scale(frames, Size(box.width, box.height)) * 2 - 1
    return _around(shown, box, native)


def crop_and_scale(frames: NDArray[np.uint8], size: Size) -> torch.Tensor:
    """The largest centred part of a film's frames [F, H, W, 3] that has the size's aspect -> [F, 3, h, w] in 0..1."""
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255
    return _scaled(_part(pixels, size), size).clamp(0, 1)


def _size(frames: torch.Tensor) -> Size:
    return Size(frames.shape[3], frames.shape[2])


def _part(frames: torch.Tensor, size: Size) -> torch.Tensor:
    """The part of frames [F, 3, h, w] that a file of `size` shows, not yet scaled."""
    box = visible_box(_size(frames), size)
    return frames[..., box.top : box.top + box.height, box.left : box.left + box.width]


def _scaled(frames: torch.Tensor, size: Size) -> torch.Tensor:
    if _size(frames) == size:
        return frames
    return functional.interpolate(frames, (size.height, size.width), mode="bicubic", antialias=True)


def _around(shown: torch.Tensor, box: Box, native: Size) -> torch.Tensor:
    """What fills `box` [F, 3, h, w] as native frames [1, 3, F, h, w], its edges repeated around it."""
    right, bottom = native.width - box.width - box.left, native.height - box.height - box.top
    padded = functional.pad(shown, (box.left, right, box.top, bottom), mode="replicate")
    return padded.transpose(0, 1)[None]


def _open(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image:
            if image.width * image.height > MAX_PICTURE_PIXELS:
                message = f"An image may have {MAX_PICTURE_PIXELS // 1_000_000} megapixels, not {image.size}."
                raise EngineError("bad_condition", message)
            return ImageOps.exif_transpose(image).convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        message = f"An image to follow is no readable PNG, JPEG or WebP file: {error}"
        raise EngineError("bad_condition", message) from error


def _shaped(image: Image.Image, size: Size, resize: Resize) -> Image.Image:
    if resize == "pad":
        return ImageOps.pad(image, size, Image.Resampling.LANCZOS)
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
