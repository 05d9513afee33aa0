"""HEIC images as phones write them, and the boxes of AVIF, which Pillow knows too."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from engine.media.colour_profiles import matrix_profile
from engine.media.heif import HeifFile
from engine.media.heif_decoding import decode_heif
from engine.media.image_ingest import ingest_image
from engine.media.images import to_display_rgb
from engine.media.refusals import MediaRefused
from tests.engine.media.test_images import DISPLAY_P3, P3_TO_SRGB, corners, quadrants, to_srgb
from tests.engine.media.test_tone_mapping import chart
from tests.support.heic_files import Shown, encode_heic
from tests.support.video_files import PQ, write_frames


def ingested(content: bytes, folder: Path) -> Any:
    (folder / "a.heic").write_bytes(content)
    ingest_image(folder / "a.heic", folder / "out.png")
    with Image.open(folder / "out.png") as image:
        return np.asarray(image)


def photo(width: int, height: int) -> Any:
    """Colours that tell where each part belongs."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) * 127 // (width + height)], axis=2).astype(np.uint8)


@pytest.mark.parametrize(("width", "height", "tile"), [(128, 96, None), (128, 128, 64), (200, 150, 64), (101, 75, 64)])
def test_tiles_become_one_image(tmp_path: Path, width: int, height: int, tile: int | None) -> None:
    pixels = ingested(encode_heic(photo(width, height), tile), tmp_path)
    assert pixels.shape == (height, width, 3)
    assert np.abs(pixels.astype(int) - photo(width, height)).max() <= 10


@pytest.mark.parametrize(
    ("shown", "seen"),
    [
        (Shown(), "RG/B."),
        (Shown(turns=1), "G./RB"),
        (Shown(turns=2), ".B/GR"),
        (Shown(turns=3), "BR/.G"),
        (Shown(mirror=0), "B./RG"),
        (Shown(mirror=1), "GR/.B"),
        (Shown(turns=1, mirror=0), "RB/G."),
        (Shown(turns=3, mirror=0), ".G/BR"),
    ],
)
@pytest.mark.parametrize("tile", [None, 32])
def test_an_image_is_turned_and_mirrored_as_its_boxes_say(
    tmp_path: Path, shown: Shown, seen: str, tile: int | None
) -> None:
    pixels = ingested(encode_heic(np.asarray(quadrants().resize((128, 64))), tile, shown), tmp_path)
    assert pixels.shape[:2] == ((128, 64) if shown.turns % 2 else (64, 128))
    assert corners(pixels) == seen


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_boxes_of_an_avif_are_understood_as_by_libavif(tmp_path: Path, orientation: int) -> None:
    exif, file = Image.Exif(), io.BytesIO()
    exif[ExifTags.Base.Orientation] = orientation
    quadrants().save(file, "AVIF", quality=95, exif=exif)
    with Image.open(file) as image:
        wanted = np.asarray(to_display_rgb(image))
    shown = np.asarray(decode_heif(HeifFile(file.getvalue()), tmp_path))
    assert shown.shape == wanted.shape
    assert np.abs(shown.astype(int) - wanted)[4:12, 4:12].max() <= 12
    assert corners(shown) == corners(wanted)


def test_the_colours_of_an_iphone_become_srgb(tmp_path: Path) -> None:
    colour = (200, 100, 90)
    pixels = np.broadcast_to(np.array(colour, np.uint8), (64, 64, 3)).copy()
    shown = ingested(encode_heic(pixels, 64, Shown(profile=matrix_profile(DISPLAY_P3, 2.2))), tmp_path)
    assert np.abs(shown[32, 32].astype(int) - to_srgb(colour, 2.2, P3_TO_SRGB)).max() <= 5


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    alpha = np.zeros((64, 64), np.uint8)
    alpha[:, :32] = 255
    content = encode_heic(np.broadcast_to(np.array((200, 20, 20), np.uint8), (64, 64, 3)).copy(), alpha=alpha)
    shown = ingested(content, tmp_path).astype(int)
    assert np.abs(shown[32, [8, 56]] - [(200, 20, 20), (255, 255, 255)]).max() <= 6


def test_the_clean_aperture_is_cut_out(tmp_path: Path) -> None:
    shown = ingested(encode_heic(photo(128, 96), None, Shown(crop=(64, 32))), tmp_path)
    assert shown.shape == (32, 64, 3)
    assert np.abs(shown.astype(int) - photo(128, 96)[32:64, 32:96]).max() <= 10


def test_a_still_of_high_dynamic_range_is_tone_mapped(tmp_path: Path) -> None:
    content = encode_heic(chart([(250, 250, 250), (250, 0, 0), (128, 128, 128)], 203, PQ), None, Shown(nclx=(9, 16, 9)))
    white, red, grey = ingested(content, tmp_path)[48, 16::32]
    assert min(white) >= 240
    assert (red[0] >= 215, max(red[1:]) <= 40) == (True, True)
    assert np.abs(grey.astype(int) - 128).max() <= 8


def test_an_avif_of_high_dynamic_range_is_tone_mapped(tmp_path: Path) -> None:
    coding = PQ._replace(codec="libsvtav1", options=(("crf", "10"), ("preset", "10")))
    frame = chart([(250, 250, 250), (250, 0, 0), (128, 128, 128)], 203, PQ)
    content = write_frames(tmp_path / "a.avif", [frame], coding).read_bytes()
    white, red, grey = ingested(content, tmp_path)[48, 16::32]
    assert min(white) >= 240
    assert (red[0] >= 215, max(red[1:]) <= 40) == (True, True)
    assert np.abs(grey.astype(int) - 128).max() <= 8


@pytest.mark.parametrize("part", [0.02, 0.2, 0.5, 0.9])
def test_an_image_that_breaks_off_is_damaged(tmp_path: Path, part: float) -> None:
    content = encode_heic(photo(128, 128), 64)
    with pytest.raises(MediaRefused) as refused:
        ingested(content[: int(len(content) * part)], tmp_path)
    assert refused.value.reason in {"damaged", "codec"}


def test_no_changed_byte_of_the_boxes_does_more_than_refuse_the_image(tmp_path: Path) -> None:
    content = encode_heic(photo(64, 64), 32)
    described = content.index(b"mdat")
    for at in range(8, described, 3):
        changed = bytearray(content)
        changed[at] ^= 0xFF
        with suppress(MediaRefused):
            ingested(bytes(changed), tmp_path)
