"""Resizes frames between the native size of a model and the size of the file, and images to the native size.

The rule, both ways: the file shows the largest centred part of the native frame that has the file's aspect ratio,
scaled with an antialiased bicubic filter, or for flat drawings by `engine.media.upscale`. Nothing is stretched by more
than the rounding of one native pixel.
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
from engine.catalog.upload_limits import PILLOW_FORMATS
from engine.media.images import to_display_rgb
from engine.media.upscale import upscale_drawing
from engine.types import EngineError, ImageCondition, Resize

MAX_IMAGE_PIXELS: Final = 64_000_000
"""Larger images are refused before decoding: a few kilobytes can expand to gigabytes."""


class CropBox(NamedTuple):
    """A part of a frame, in pixels."""

    left: int
    top: int
    width: int
    height: int


def visible_box(native: Size, size: Size) -> CropBox:
    """The part of a `native` frame that a file of `size` shows."""
    scale = max(size.width / native.width, size.height / native.height)
    width = min(native.width, max(1, round(size.width / scale)))
    height = min(native.height, max(1, round(size.height / scale)))
    return CropBox((native.width - width) // 2, (native.height - height) // 2, width, height)


def fit_to_file(frames: torch.Tensor, size: Size, *, drawn: bool = False) -> torch.Tensor:
    """Native frames [F, 3, h, w] as floats -> [F, 3, height, width] of the file. May overshoot 0..1 a little.

    Edges of flat drawings (`drawn`) stay crisp.
    """
    shown = _crop_to_aspect(frames, size)
    return upscale_drawing(shown, size) if drawn and _frame_size(shown) != size else _resize_bicubic(shown, size)


def image_to_native(condition: ImageCondition, native: Size, size: Size) -> torch.Tensor:
    """The image of a condition as a native frame [1, 3, 1, h, w] in -1..1, placed so that `fit_to_file` shows all of
    it. The part that the file does not show repeats the edge. Raises EngineError `bad_condition`.
    """
    box = visible_box(native, size)
    image = _resize_image(_open_image(condition.image), Size(box.width, box.height), condition.resize)
    pixels = torch.from_numpy(np.asarray(image, dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
    return _pad_to_native(pixels, box, native)


def video_to_native(frames: NDArray[np.uint8], native: Size, size: Size) -> torch.Tensor:
    """Frames of a video [F, H, W, 3] as native frames [1, 3, F, h, w] in -1..1, placed as by `image_to_native`."""
    box = visible_box(native, size)
    shown = crop_and_scale(frames, Size(box.width, box.height)) * 2 - 1
    return _pad_to_native(shown, box, native)


def crop_and_scale(frames: NDArray[np.uint8], size: Size) -> torch.Tensor:
    """Frames [F, H, W, 3] cropped to the aspect ratio of `size`, centred, and scaled -> [F, 3, h, w] in 0..1."""
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255
    return _resize_bicubic(_crop_to_aspect(pixels, size), size).clamp(0, 1)


def _frame_size(frames: torch.Tensor) -> Size:
    return Size(frames.shape[3], frames.shape[2])


def _crop_to_aspect(frames: torch.Tensor, size: Size) -> torch.Tensor:
    """The part of frames [F, 3, h, w] that a file of `size` shows, unscaled."""
    box = visible_box(_frame_size(frames), size)
    return frames[..., box.top : box.top + box.height, box.left : box.left + box.width]


def _resize_bicubic(frames: torch.Tensor, size: Size) -> torch.Tensor:
    if _frame_size(frames) == size:
        return frames
    return functional.interpolate(frames, (size.height, size.width), mode="bicubic", antialias=True)


def _pad_to_native(shown: torch.Tensor, box: CropBox, native: Size) -> torch.Tensor:
    """Frames [F, 3, h, w] of the size of `box` -> native frames [1, 3, F, h, w], with repeated edges around them."""
    right, bottom = native.width - box.width - box.left, native.height - box.height - box.top
    padded = functional.pad(shown, (box.left, right, box.top, bottom), mode="replicate")
    return padded.transpose(0, 1)[None]


def _open_image(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=PILLOW_FORMATS) as image:
            if image.width * image.height > MAX_IMAGE_PIXELS:
                message = f"An image may have {MAX_IMAGE_PIXELS // 1_000_000} megapixels, not {image.size}."
                raise EngineError("bad_condition", message)
            return to_display_rgb(image)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        message = f"An image to follow is no readable PNG, JPEG, WebP or AVIF file: {error}"
        raise EngineError("bad_condition", message) from error


def _resize_image(image: Image.Image, size: Size, resize: Resize) -> Image.Image:
    if resize == "pad":
        return ImageOps.pad(image, size, Image.Resampling.LANCZOS)
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
