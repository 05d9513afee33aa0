from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.catalog.model import Size
from engine.catalog.registry import MODELS, native_size
from engine.media.resize import CropBox, fit_to_file, image_to_native, visible_box
from engine.mini.dataset.renderer import render_clip
from engine.mini.dataset.scenes import Scene
from engine.types import EngineError, ImageCondition

sides = st.integers(32, 960).map(lambda half: 2 * half)


def gradient(width: int, height: int) -> Image.Image:
    """Red grows to the right, green downwards."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width)
    pixels[..., 1] = np.linspace(0, 255, height)[:, None]
    return Image.fromarray(pixels)


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


@given(st.sampled_from(list(MODELS.values())), sides, sides)
def test_what_is_shown_is_centred_and_hardly_stretched(model: object, width: int, height: int) -> None:
    size = Size(width, height)
    made = native_size(model, *size)  # type: ignore[arg-type]
    box = visible_box(made, size)
    assert 0 <= box.left <= made.width - box.width
    assert 0 <= box.top <= made.height - box.height
    assert abs((made.width - box.width) - 2 * box.left) <= 1
    assert abs((made.height - box.height) - 2 * box.top) <= 1
    assert box.width == made.width or box.height == made.height or made.width > width
    # One pixel of rounding along the cut side is all the stretching there is.
    scale = max(size.width / made.width, size.height / made.height)
    assert abs(box.width * scale - width) <= scale / 2 + 1e-6
    assert abs(box.height * scale - height) <= scale / 2 + 1e-6


@pytest.mark.parametrize("size", [Size(320, 192), Size(640, 384)])
def test_drawings_are_enlarged_closer_to_what_would_have_been_drawn(size: Size) -> None:
    scene = Scene("star", "red", "still", "desert", "day")
    small = torch.from_numpy(render_clip(scene, frames=1).frames).permute(0, 3, 1, 2) / 255
    large = torch.from_numpy(render_clip(scene, width=size.width, height=size.height, frames=1).frames).permute(
        0, 3, 1, 2
    )
    crisp, smooth = ((fit_to_file(small, size, drawn=drawn) - large / 255).square().mean() for drawn in (True, False))
    assert crisp < 0.85 * smooth


def test_a_drawing_gains_no_colours_and_an_even_one_nothing_at_all() -> None:
    frames = torch.rand(1, 3, 12, 20).round()
    crisp, smooth = (fit_to_file(frames, Size(80, 48), drawn=drawn) for drawn in (True, False))
    assert crisp.min() >= smooth.min() - 1e-5
    assert crisp.max() <= smooth.max() + 1e-5
    even = torch.full((1, 3, 12, 20), 0.3)
    torch.testing.assert_close(fit_to_file(even, Size(80, 48), drawn=True), torch.full((1, 3, 48, 80), 0.3))
    assert torch.equal(fit_to_file(frames, Size(10, 6), drawn=True), fit_to_file(frames, Size(10, 6)))


def test_a_frame_of_the_right_size_is_only_cut() -> None:
    frames = torch.rand(2, 3, 736, 1280)
    assert visible_box(Size(1280, 736), Size(1280, 720)) == CropBox(0, 8, 1280, 720)
    assert torch.equal(fit_to_file(frames, Size(1280, 720)), frames[:, :, 8:728])


def test_scaling_keeps_a_flat_image_flat_and_a_gradient_straight() -> None:
    flat = fit_to_file(torch.full((1, 3, 96, 160), 0.3), Size(320, 192))
    torch.testing.assert_close(flat, torch.full((1, 3, 192, 320), 0.3))
    ramp = torch.linspace(0, 1, 160).expand(1, 3, 96, 160)
    steps = fit_to_file(ramp, Size(640, 384))[0, 0, 100, 40:-40].diff()
    torch.testing.assert_close(steps, torch.full_like(steps, 1 / 159 / 4), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("size", [Size(320, 192), Size(192, 320), Size(256, 256), Size(1280, 720)], ids=str)
def test_an_uploaded_image_comes_back_where_it_was(size: Size) -> None:
    """A frame that copies the picture, fitted to the file, is the picture."""
    made = native_size(MODELS["kinora-mini"], *size)
    pixels = image_to_native(ImageCondition(encoded(gradient(*size)), 0), made, size)
    assert pixels.shape == (1, 3, 1, made.height, made.width)
    shown = fit_to_file(pixels[:, :, 0] / 2 + 0.5, size)[0].permute(1, 2, 0).numpy()
    wanted = np.asarray(gradient(*size)) / 255
    assert np.abs(shown - wanted)[8:-8, 8:-8].max() < 0.03


def test_crop_fills_the_frame_and_pad_shows_all() -> None:
    white = encoded(Image.new("RGB", (100, 300), "white"))
    crop = image_to_native(ImageCondition(white, 0, resize="crop"), Size(160, 96), Size(320, 192))
    pad = image_to_native(ImageCondition(white, 0, resize="pad"), Size(160, 96), Size(320, 192))
    assert crop.min() == 1
    assert pad[..., 0].max() == -1
    assert pad[..., 80].min() == 1


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_the_usual_kinds_are_read(form: str) -> None:
    pixels = image_to_native(ImageCondition(encoded(gradient(64, 64), form), 0), Size(128, 128), Size(256, 256))
    assert pixels[0, 0, 0, 64, 120] > 0.7


def test_a_photo_held_sideways_is_turned() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned a quarter to the left
    sideways = encoded(gradient(64, 64), "JPEG", exif=exif)
    pixels = image_to_native(ImageCondition(sideways, 0), Size(128, 128), Size(256, 256))
    assert pixels[0, 0, 0, 120, 64] > 0.7, "red must grow downwards"


@pytest.mark.parametrize(
    "data",
    [b"", b"not a picture", encoded(gradient(64, 64))[:100], encoded(gradient(64, 64), "GIF")],
    ids=["empty", "text", "cut off", "another kind"],
)
def test_an_invalid_image_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(EngineError) as caught:
        image_to_native(ImageCondition(data, 0), Size(160, 96), Size(320, 192))
    assert caught.value.code == "bad_condition"


def test_an_image_that_claims_gigabytes_is_refused_before_it_is_decoded() -> None:
    header = b"IHDR" + (30_000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    bomb = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    bomb += (0).to_bytes(4, "big") + b"IDAT" + zlib.crc32(b"IDAT").to_bytes(4, "big")
    with pytest.raises(EngineError, match="decompression bomb") as caught:
        image_to_native(ImageCondition(bomb, 0), Size(160, 96), Size(320, 192))
    assert caught.value.code == "bad_condition"
