"""Images as they are sent in: re-encoded as PNG, or refused by what they are."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from engine.catalog.upload_limits import IMAGE_FORMATS, MAX_IMAGE_PIXELS
from engine.media.image_ingest import ingest_image
from engine.media.refusals import MediaRefused


def encode(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def refusal(folder: Path, content: bytes) -> MediaRefused:
    (folder / "source").write_bytes(content)
    with pytest.raises(MediaRefused) as refused:
        ingest_image(folder / "source", folder / "out.png")
    return refused.value


@pytest.mark.parametrize("form", [form for form in IMAGE_FORMATS if form != "HEIC"])
def test_an_image_is_kept_as_a_small_png_without_metadata(tmp_path: Path, form: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    (tmp_path / "source").write_bytes(encode(Image.new("RGB", (3000, 1500), "teal"), form, exif=exif))
    assert ingest_image(tmp_path / "source", tmp_path / "out.png") == (2048, 1024)
    with Image.open(tmp_path / "out.png") as image:
        assert (image.format, image.mode, image.info, dict(image.getexif())) == ("PNG", "RGB", {}, {})


@pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF", "ICO"])
def test_other_formats_are_refused_by_name(tmp_path: Path, form: str) -> None:
    found = refusal(tmp_path, encode(Image.new("RGB", (64, 64), "teal"), form))
    assert (found.reason, found.name) == ("format", form)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x1a\x45\xdf\xa3"])
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    assert refusal(tmp_path, content).reason == "format"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_an_image_that_breaks_off_is_damaged(tmp_path: Path, form: str, part: float) -> None:
    content = encode(Image.effect_noise((200, 100), 90).convert("RGB"), form)
    assert refusal(tmp_path, content[: int(len(content) * part)]).reason == "damaged"


def test_more_pixels_than_are_allowed_are_counted_before_decoding(tmp_path: Path) -> None:
    found = refusal(tmp_path, encode(Image.new("1", (6000, 5000)), "PNG"))
    assert (found.reason, found.found, found.limit) == ("pixels", 30_000_000, MAX_IMAGE_PIXELS)
    assert refusal(tmp_path, encode(Image.new("1", (20_000, 10_000)), "PNG")).reason == "pixels"
