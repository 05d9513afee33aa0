from __future__ import annotations

import io
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.__main__ import main
from engine.media.video_writer import VideoWriter
from engine.planning import operations
from engine.planning.operations import SourceClip
from engine.runtime.engine import Engine
from engine.safety.watermark import make_watermark
from engine.types import EngineConfig, Event, PreviewFrame, Request, Resume, Segment, SegmentFiles, SourceSpan
from tests.support import frame_rules
from tests.support.preview_policies import ALWAYS
from tests.support.videos import read_frames
from tests.support.watermarks import Pixels, likeness, mark_luminance

ALIKE = 0.75
UNLIKE = 0.3


@pytest.fixture(scope="module")
def engine(config: EngineConfig) -> Engine:
    return Engine(config, preview_policy=ALWAYS)


@pytest.fixture
def request_() -> Request:
    return Request("kinora-mini", "a red ball", width=320, height=192, seconds=6, seed=7, steps=4, marked=True)


def run(engine: Engine, request: Request, folder: Path, resume: Resume | None = None) -> list[Event]:
    return list(engine.run(request, folder, lambda: False, resume))


def opened(data: Path | bytes) -> Pixels:
    with Image.open(io.BytesIO(data) if isinstance(data, bytes) else data) as image:
        return np.asarray(image.convert("RGB"))


def products(events: list[Event], folder: Path) -> dict[str, list[Pixels]]:
    """Every picture that a request for 320x192 gave, by where it was found."""
    looks = [opened(event.file) for event in events if isinstance(event, PreviewFrame)]
    segments = [event for event in events if isinstance(event, Segment)]
    sheet = opened(folder / "spritesheet.jpg")
    sprites = [sheet[y : y + 96, x : x + 160] for y in range(0, len(sheet), 96) for x in range(0, sheet.shape[1], 160)]
    return {
        "previews": looks,
        "segments": [frame for each in segments for frame in _piece(each, folder)],
        "film": list(read_frames(folder / "video.mp4")),
        "poster": [opened(folder / "poster.jpg")],
        "thumbnail": [opened(folder / "thumbnail.webp")],
        "sprites": [sprite for sprite in sprites if sprite.max() > 40],
    }


def _piece(segment: Segment, folder: Path) -> Pixels:
    joined = folder / "joined.mp4"
    joined.write_bytes(segment.init_file.read_bytes() + segment.file.read_bytes())
    return read_frames(joined)


def test_all_that_a_marked_request_shows_carries_it(engine: Engine, request_: Request, tmp_path: Path) -> None:
    marked = products(run(engine, request_, tmp_path / "marked"), tmp_path / "marked")
    plain = products(run(engine, replace(request_, marked=False), tmp_path / "plain"), tmp_path / "plain")
    assert [len(pictures) for pictures in marked.values()] == [len(pictures) for pictures in plain.values()]
    assert len(marked["film"]) == len(marked["segments"]) == 48
    assert len(marked["sprites"]) == 25
    assert marked["previews"]
    for where in marked:
        assert min(likeness(picture, 320, 192) for picture in marked[where]) > ALIKE, where
        assert max(likeness(picture, 320, 192) for picture in plain[where]) < UNLIKE, where
    assert np.array_equal(np.stack(marked["film"])[:, :100], np.stack(marked["segments"])[:, :100])


def test_a_preview_has_a_mark_of_its_own_size(engine: Engine, request_: Request, tmp_path: Path) -> None:
    events = run(engine, replace(request_, width=640, height=384, seconds=1), tmp_path)
    looks = [opened(event.file) for event in events if isinstance(event, PreviewFrame)]
    assert min(likeness(look, *look.shape[1::-1]) for look in looks) > ALIKE


def test_a_still_carries_it(engine: Engine, request_: Request, tmp_path: Path) -> None:
    run(engine, replace(request_, seconds=0), tmp_path)
    [frame] = read_frames(tmp_path / "video.mp4")
    assert min(likeness(picture, 320, 192) for picture in (frame, opened(tmp_path / "poster.jpg"))) > ALIKE


def test_each_segment_and_each_preview_is_marked_once(engine: Engine, request_: Request, tmp_path: Path) -> None:
    before = _marks_drawn()
    events = run(engine, request_, tmp_path)
    drawn = _marks_drawn() - before
    assert drawn == sum(isinstance(event, Segment | PreviewFrame) for event in events)
    run(engine, replace(request_, marked=False), tmp_path)
    assert _marks_drawn() - before == drawn


def _marks_drawn() -> int:
    """How often this process has asked for a mark: once for each stretch of frames that carries it."""
    calls = make_watermark.cache_info()
    return calls.hits + calls.misses


def test_kept_and_generated_frames_are_watermarked(engine: Engine, request_: Request, tmp_path: Path) -> None:
    run(engine, replace(request_, seconds=2), tmp_path / "first")
    film = tmp_path / "first" / "video.mp4"
    run(engine, operations.extend_clip(request_, SourceClip(film, 16), 2, "forward"), tmp_path / "longer")
    before, after = read_frames(film), read_frames(tmp_path / "longer" / "video.mp4")
    assert min(likeness(frame, 320, 192) for frame in after) > ALIKE
    (strokes, shade), (more_strokes, more_shade) = mark_luminance(before), mark_luminance(after)
    assert abs(strokes.mean() - more_strokes.mean()) < 0.03
    assert abs(shade.mean() - more_shade.mean()) < 0.03


def test_an_attempt_that_goes_on_marks_as_the_one_before(engine: Engine, request_: Request, tmp_path: Path) -> None:
    events = run(engine, request_, tmp_path / "whole")
    first = next(event for event in events if isinstance(event, Segment))
    (tmp_path / "kept").mkdir()
    assert first.state
    head, file, state = (
        Path(shutil.copy(one, tmp_path / "kept")) for one in (first.init_file, first.file, first.state)
    )
    resume = Resume((SegmentFiles(head, file),), state)
    again = run(engine, request_, tmp_path / "again", resume)
    assert next(event.index for event in again if isinstance(event, Segment)) == 1
    assert np.array_equal(read_frames(tmp_path / "whole" / "video.mp4"), read_frames(tmp_path / "again" / "video.mp4"))
    other = run(engine, replace(request_, marked=False), tmp_path / "other", resume)
    assert next(event.index for event in other if isinstance(event, Segment)) == 0, "half a film is never marked"


def test_an_operator_s_rule_never_sees_it(config: EngineConfig, request_: Request, tmp_path: Path) -> None:
    frame_rules.SEEN.clear()
    with VideoWriter(tmp_path / "source", 320, 192, 8, 8) as film:
        film.write_frames(np.full((8, 192, 320, 3), 90, np.uint8))
    request = replace(request_, seconds=1, source_spans=(SourceSpan(film.result().video, 0, 8, 0),))
    run(Engine(replace(config, frame_rules="tests.support.frame_rules:watch")), request, tmp_path / "made")
    [seen] = frame_rules.SEEN
    frame_rules.SEEN.clear()
    assert np.ptp(seen) < 6
    assert likeness(read_frames(tmp_path / "made" / "video.mp4")[0], 320, 192) > ALIKE


def test_the_command_draws_it_when_asked(weights: Path, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)  # the command takes over Ctrl-C
    words = ["--model", str(weights), "--size", "320x192", "--seconds", "0", "--steps", "1", "--seed", "7"]
    for name, more in (("plain", []), ("marked", ["--marked"])):
        assert main(["a red ball", str(tmp_path / f"{name}.mp4"), *words, "--device", "cpu", *more]) == 0
    signal.signal(signal.SIGINT, before)
    plain, marked = (read_frames(tmp_path / f"{name}.mp4")[0] for name in ("plain", "marked"))
    assert likeness(marked, 320, 192) > ALIKE
    assert abs(likeness(plain, 320, 192)) < UNLIKE
