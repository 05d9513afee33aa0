"""Images as other people's devices write them, and the pixels that a viewer of them would show."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from engine.media.colour_profiles import matrix_profile
from engine.media.images import to_display_rgb

DISPLAY_P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))  # XYZ, D50
P3_TO_SRGB = np.array([[1.22494, -0.22494, 0], [-0.04206, 1.04206, 0], [-0.01964, -0.07864, 1.09828]])
ADOBE_TO_SRGB = np.array([[1.39836, -0.39836, 0], [0, 1, 0], [0, -0.04293, 1.04293]])


def encode(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def displayed(data: bytes, side: int | None = None) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(to_display_rgb(image, side))


def to_srgb(colour: tuple[int, int, int], gamma: float, matrix: Any) -> list[int]:
    """A colour of another RGB space in sRGB, by the arithmetic of IEC 61966-2-1."""
    linear = (matrix @ (np.array(colour) / 255) ** gamma).clip(0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return [int(value) for value in (encoded * 255).round()]


def quadrants() -> Image.Image:
    """Red, green, blue and black, from left to right and from top to bottom; 64 × 32."""
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:16, :32, 0] = pixels[:16, 32:, 1] = pixels[16:, :32, 2] = 255
    return Image.fromarray(pixels)


# Where each stored row and column goes, from the table of the EXIF specification: the visible corner that the stored
# top left, top right, bottom left and bottom right reach.
ORIENTATIONS = {
    1: "RG/B.",
    2: "GR/.B",
    3: ".B/GR",
    4: "B./RG",
    5: "RB/G.",
    6: "BR/.G",
    7: ".G/BR",
    8: "G./RB",
}


def corners(pixels: Any) -> str:
    """The colours of the four quadrants by their letters."""
    height, width = pixels.shape[:2]
    names = [
        "RGB"[int(pixels[row, column].argmax())] if pixels[row, column].max() > 128 else "."
        for row in (height // 4, height * 3 // 4)
        for column in (width // 4, width * 3 // 4)
    ]
    return f"{''.join(names[:2])}/{''.join(names[2:])}"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize(("orientation", "seen"), ORIENTATIONS.items())
def test_every_exif_orientation_is_shown_upright(form: str, orientation: int, seen: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    pixels = displayed(encode(quadrants(), form, exif=exif), 2048)
    assert pixels.shape[:2] == ((64, 32) if orientation > 4 else (32, 64))
    assert corners(pixels) == seen


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_unreadable_exif_leaves_the_image_as_it_is_stored() -> None:
    assert corners(displayed(encode(quadrants(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12"))) == "RG/B."


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("colour", [(200, 100, 90), (60, 180, 70), (128, 128, 128), (255, 0, 0)])
def test_display_p3_becomes_srgb(form: str, colour: tuple[int, int, int]) -> None:
    image = Image.new("RGB", (32, 32), colour)
    options = {} if form == "PNG" else {"quality": 100}
    options |= {"subsampling": 0} if form == "JPEG" else {}
    pixels = displayed(encode(image, form, icc_profile=matrix_profile(DISPLAY_P3, 2.2), **options))
    assert np.abs(pixels[16, 16].astype(int) - to_srgb(colour, 2.2, P3_TO_SRGB)).max() <= 5


def test_a_camera_that_says_adobe_rgb_in_exif_alone_is_believed() -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.IFD.Interop.value] = {1: "R03"}
    photo = encode(Image.new("RGB", (32, 32), (120, 200, 80)), "JPEG", quality=100, subsampling=0, exif=exif)
    assert np.abs(displayed(photo)[16, 16].astype(int) - to_srgb((120, 200, 80), 2.2, ADOBE_TO_SRGB)).max() <= 4


@pytest.mark.parametrize("profile", [b"no profile", matrix_profile(DISPLAY_P3, 2.2)[:200]])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_profile_that_cannot_be_applied_is_ignored(mode: str, profile: bytes) -> None:
    image = Image.new("RGB", (16, 16), (200, 200, 200)).convert(mode)
    assert np.abs(displayed(encode(image, "JPEG", icc_profile=profile, quality=100)).astype(int) - 200).max() <= 2


def test_a_profile_of_another_kind_of_image_is_ignored() -> None:
    grey = encode(Image.new("L", (16, 16), 90), icc_profile=matrix_profile(DISPLAY_P3, 2.2))
    assert (displayed(grey) == 90).all()


def transparent(mode: str) -> Image.Image:
    """A green circle's worth of opaque pixels on the left; transparent red on the right."""
    image = Image.new("RGBA", (32, 16), (255, 0, 0, 0))
    image.paste((0, 200, 0, 255), (0, 0, 16, 16))
    return image.quantize(4).convert("RGBA").quantize(4) if mode == "P" else image.convert(mode)


@pytest.mark.parametrize(("mode", "form"), [("RGBA", "PNG"), ("P", "PNG"), ("RGBA", "WEBP"), ("RGBA", "AVIF")])
def test_transparent_parts_are_white(mode: str, form: str) -> None:
    options = {"lossless": True} if form == "WEBP" else {}
    pixels = displayed(encode(transparent(mode), form, **options))
    assert np.abs(pixels[8, 28].astype(int) - 255).max() <= 2
    assert np.abs(pixels[8, 4].astype(int) - (0, 200, 0)).max() <= 8


def test_half_transparent_pixels_are_mixed_with_white_and_edges_keep_their_colour() -> None:
    assert displayed(encode(Image.new("RGBA", (8, 8), (0, 0, 0, 128))))[4, 4].tolist() == [127, 127, 127]
    small = displayed(encode(transparent("RGBA").resize((3200, 1600), Image.Resampling.NEAREST)), 100)
    assert small[..., 0].min() == 0
    assert (small[:, :, 1] >= 199).all(), "no red or black shines through at the edge"


def test_a_transparent_colour_is_no_colour() -> None:
    image = Image.new("RGB", (16, 8), (10, 20, 30))
    image.paste((1, 2, 3), (8, 0, 16, 8))
    pixels = displayed(encode(image, transparency=(1, 2, 3)))
    assert (pixels[4, 2].tolist(), pixels[4, 12].tolist()) == ([10, 20, 30], [255, 255, 255])
    grey = Image.new("L", (16, 8), 10)
    grey.paste(77, (8, 0, 16, 8))
    assert displayed(encode(grey, transparency=77))[4, [2, 12], 0].tolist() == [10, 255]


def test_sixteen_bits_of_grey_keep_their_ramp() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(16, 0)
    pixels = displayed(encode(Image.fromarray(ramp)), 2048)
    assert (pixels[8] == np.arange(256)[:, None]).all()
    marked = Image.fromarray(ramp)
    marked.info["transparency"] = int(ramp[0, 100])
    assert displayed(encode(marked, transparency=int(ramp[0, 100])))[8, 99:102, 0].tolist() == [99, 255, 101]


def test_print_and_sketch_modes_become_rgb() -> None:
    ink = displayed(encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100))
    assert np.abs(ink[8, 8].astype(int) - (255, 0, 0)).max() <= 3
    assert displayed(encode(Image.new("1", (16, 16), 1)))[8, 8].tolist() == [255, 255, 255]
    palette = Image.new("P", (16, 16), 1)
    palette.putpalette([0, 0, 0, 5, 150, 250])
    assert displayed(encode(palette))[8, 8].tolist() == [5, 150, 250]


def test_the_first_image_of_several_is_shown() -> None:
    """Animations, and the photographs with a gain map that phones write as several JPEGs in one file."""
    first, second = (Image.new("RGB", (32, 32), colour) for colour in ("#c81414", "#808080"))
    files = [
        encode(first, "PNG", save_all=True, append_images=[second]),
        encode(first, "WEBP", save_all=True, append_images=[second], lossless=True),
        encode(first, "AVIF", save_all=True, append_images=[second]),
        encode(first, "MPO", save_all=True, append_images=[second]),
        encode(first, "JPEG", progressive=True) + encode(second, "JPEG"),
    ]
    for data in files:
        assert np.abs(displayed(data, 2048)[16, 16].astype(int) - (200, 20, 20)).max() <= 8
