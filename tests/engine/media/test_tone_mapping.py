"""Clips of high dynamic range and wide gamuts, made by the arithmetic of BT.2100, come back as their colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc
from numpy.typing import NDArray

from engine.media.video_ingest import ingest_video
from engine.media.video_reader import VideoReader
from tests.support.video_files import HLG, PQ, Coding, write_frames

COLOURS = {
    "white": (250, 250, 250),
    "red": (250, 0, 0),
    "green": (0, 250, 0),
    "blue": (0, 0, 250),
    "grey": (128, 128, 128),
    "black": (10, 10, 10),
    "skin": (200, 120, 90),
}
BT709_TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
BT709_TO_P3 = np.array([[0.8225, 0.1774, 0.0], [0.0332, 0.9669, 0.0], [0.0171, 0.0724, 0.9108]])


def pq_signal(nits: Any) -> Any:
    """SMPTE ST 2084, inverse EOTF."""
    power = (nits / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg_signal(nits: Any) -> Any:
    """BT.2100, for a display of 1,000 nits, its gamma of 1.2 undone for each primary."""
    scene = (nits / 1000) ** (1 / 1.2)
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


def srgb_light(value: Any) -> Any:
    value = np.asarray(value) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def chart(colours: Any, white: float, coding: Coding) -> NDArray[np.uint16]:
    """Bars of sRGB colours [N, 3] whose white has so many nits, as signals of sixteen bits; 96 × 32 N."""
    nits = np.einsum("ij,nj->ni", BT709_TO_BT2020, srgb_light(colours)).clip(0) * white
    signal = (pq_signal if coding.transfer == ColorTrc.SMPTE2084 else hlg_signal)(nits)
    bars = (signal.clip(0, 1) * 65535).round().astype(np.uint16)
    return np.broadcast_to(np.repeat(bars, 32, axis=0)[None], (96, 32 * len(bars), 3)).copy()


def ingested_bars(source: Path, folder: Path, count: int) -> list[list[int]]:
    """The middle of each bar in the middle frame of the ingested video."""
    ingest_video(source, folder / "out.mp4", 20)
    reader = VideoReader(24)
    middle = reader.count_frames(folder / "out.mp4") // 2
    pixels = reader.read_frames(folder / "out.mp4", middle, middle)[0]
    width = pixels.shape[1] // count
    return [pixels[pixels.shape[0] // 2, width * bar + width // 2].tolist() for bar in range(count)]


@pytest.mark.parametrize("white", [100.0, 203.0])
@pytest.mark.parametrize("coding", [HLG, PQ], ids=["HLG", "PQ"])
def test_hdr_clips_keep_their_colours_whatever_their_white(tmp_path: Path, coding: Coding, white: float) -> None:
    source = write_frames(tmp_path / "a.mp4", [chart(list(COLOURS.values()), white, coding)] * 6, coding)
    shown = dict(zip(COLOURS, ingested_bars(source, tmp_path, len(COLOURS)), strict=True))
    assert min(shown["white"]) >= 235
    for index, name in enumerate(("red", "green", "blue")):
        assert shown[name][index] >= 235
        assert max(value for other, value in enumerate(shown[name]) if other != index) <= 40
    for name in ("grey", "black", "skin"):
        assert np.abs(np.subtract(shown[name], COLOURS[name])).max() <= 10


@pytest.mark.parametrize("coding", [HLG, PQ], ids=["HLG", "PQ"])
def test_highlights_are_compressed_and_white_beside_them_stays_white(tmp_path: Path, coding: Coding) -> None:
    colours = [(20, 20, 20), (128, 128, 128), (250, 250, 250), (250, 0, 0)]
    frame = chart(colours, 203, coding)
    frame[:, 96:112] = chart([(255, 255, 255)], 900, coding)[0, 0]  # between the white and the red bar
    source = write_frames(tmp_path / "a.mp4", [frame] * 6, coding)
    dark, grey, white, red = ingested_bars(source, tmp_path, 4)
    assert np.abs(np.subtract(dark, 20)).max() <= 6
    assert np.abs(np.subtract(grey, 128)).max() <= 6
    assert 235 <= min(white) <= max(white) <= 252
    assert (red[0] >= 215, max(red[1:]) <= 40) == (True, True)


def test_a_night_stays_dark(tmp_path: Path) -> None:
    source = write_frames(tmp_path / "a.mp4", [chart([(60, 60, 60), (90, 80, 70)], 100, HLG)] * 6, HLG)
    dim, warm = ingested_bars(source, tmp_path, 2)
    assert np.abs(np.subtract(dim, 60)).max() <= 5
    assert np.abs(np.subtract(warm, (90, 80, 70))).max() <= 5


def test_one_white_holds_for_the_whole_clip_even_if_its_key_frames_are_dark(tmp_path: Path) -> None:
    """One key frame, in the dark; reference white comes later."""
    dark, bright = (chart([(250, 250, 250)] * 4, nits, PQ) for nits in (5, 203))
    coding = PQ._replace(options=(("x265-params", "log-level=none:crf=8:keyint=500:scenecut=0"),))
    source = write_frames(tmp_path / "a.mp4", [dark] * 30 + [bright] * 60, coding)
    assert min(ingested_bars(source, tmp_path, 4)[1]) >= 235
    brights, darks = (VideoReader(24).read_frames(tmp_path / "out.mp4", at, at)[0] for at in (60, 10))
    assert darks.max() < 70
    assert brights.max() <= 255


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "ffv1"), ("a.webm", "libsvtav1")])
def test_a_clip_is_hdr_where_its_container_or_another_codec_says_so(tmp_path: Path, name: str, codec: str) -> None:
    coding = PQ._replace(codec=codec, options=(("crf", "10"), ("preset", "10")) if codec == "libsvtav1" else ())
    source = write_frames(tmp_path / name, [chart([COLOURS["white"], COLOURS["red"]], 203, coding)] * 3, coding)
    white, red = ingested_bars(source, tmp_path, 2)
    assert min(white) >= 235
    assert (red[0] >= 215, max(red[1:]) <= 40) == (True, True)


@pytest.mark.parametrize(
    ("primaries", "matrix", "to_primaries"),
    [
        (ColorPrimaries.BT2020, Colorspace.BT2020, BT709_TO_BT2020),
        (ColorPrimaries.SMPTE432, Colorspace.ITU709, BT709_TO_P3),
    ],
    ids=["BT.2020", "Display P3"],
)
def test_wide_gamuts_of_standard_range_become_bt709(
    tmp_path: Path, primaries: ColorPrimaries, matrix: Colorspace, to_primaries: Any
) -> None:
    coding = HLG._replace(primaries=primaries, matrix=matrix, transfer=ColorTrc.BT709)
    light = (np.array(list(COLOURS.values())) / 255) ** 2.4
    signal = np.einsum("ij,nj->ni", to_primaries, light).clip(0) ** (1 / 2.4)
    bars = np.repeat((signal * 65535).round().astype(np.uint16), 32, axis=0)
    frame = np.broadcast_to(bars[None], (96, len(bars), 3)).copy()
    shown = ingested_bars(write_frames(tmp_path / "a.mp4", [frame] * 6, coding), tmp_path, len(COLOURS))
    for seen, wanted in zip(shown, COLOURS.values(), strict=True):
        assert np.abs(np.subtract(seen, wanted)).max() <= 16, (seen, wanted)


def test_no_table_is_left_behind(tmp_path: Path) -> None:
    write_frames(tmp_path / "a.mp4", [chart([COLOURS["white"]] * 2, 203, HLG)] * 2, HLG)
    ingest_video(tmp_path / "a.mp4", tmp_path / "out.mp4", 20)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "out.mp4"]
