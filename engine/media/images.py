"""Images as a viewer shows them: upright, in sRGB, eight bits, opaque.

What a file says beside its pixels is applied here once, for uploads and for the images of a request: orientation,
colour profile, transparency and depth. It opens no files and checks no limits.
"""

from __future__ import annotations

import io
import struct
from typing import Final

import numpy as np
from PIL import ExifTags, Image, ImageCms

from engine.media.colour_profiles import ADOBE_RGB

BACKGROUND: Final = (255, 255, 255)  # under transparent parts
_TRANSPOSES: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_EXIF_ERRORS: Final = (struct.error, TypeError, ValueError, SyntaxError, KeyError)  # of Pillow, for damaged EXIF
_SRGB: Final = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def to_display_rgb(image: Image.Image, side: int | None = None) -> Image.Image:
    """The opened image as RGB, its sides at most `side`. Raises what Pillow raises for damaged files."""
    if side is not None:
        image.draft("RGB", (side, side))
    orientation = _exif_orientation(image)
    profile = image.info.get("icc_profile") or (ADOBE_RGB if _is_adobe_rgb(image) else None)
    drawn = _to_eight_bits(image)
    if side is not None:
        drawn.thumbnail((side, side), Image.Resampling.LANCZOS)
    shown = _flatten(drawn, profile)
    turn = _TRANSPOSES.get(orientation)
    return shown if turn is None else shown.transpose(turn)


def _exif_orientation(image: Image.Image) -> int:
    """EXIF orientation from 1 to 8; 1 where it is missing or unreadable."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _EXIF_ERRORS:
        return 1
    return value if isinstance(value, int) else 1


def _is_adobe_rgb(image: Image.Image) -> bool:
    """Whether a camera says in EXIF that it recorded Adobe RGB."""
    try:
        return image.getexif().get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex) == "R03"
    except _EXIF_ERRORS:
        return False


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """A copy as L, LA, RGB, RGBA or CMYK."""
    if image.mode.startswith("I"):  # Pillow cuts sixteen bits off at white where they should be scaled
        return _scale_grey(image)
    if image.has_transparency_data:
        return image.convert("LA" if image.mode in ("L", "LA") else "RGBA")
    if image.mode in ("L", "RGB", "CMYK"):
        return image.copy()
    return image.convert("L" if image.mode == "1" else "RGB")


def _scale_grey(image: Image.Image) -> Image.Image:
    """A grey image of sixteen bits as L, or as LA where it names a transparent grey."""
    values = np.asarray(image).astype(np.int64).clip(0, 65535)
    grey = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return grey


def _flatten(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB of the image converted from its profile and laid on BACKGROUND."""
    if image.mode not in ("LA", "RGBA"):
        return _to_srgb(image, profile)
    colours = _to_srgb(image.convert(image.mode.removesuffix("A")), profile)
    flat = Image.new("RGB", image.size, BACKGROUND)
    flat.paste(colours, mask=image.getchannel("A"))
    return flat


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB in sRGB; a profile that cannot be applied to the image is ignored, as browsers do."""
    if not profile:
        return image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(
            image,
            source,
            _SRGB,
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            "RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError):
        return image.convert("RGB")
    return image.convert("RGB") if converted is None else converted
