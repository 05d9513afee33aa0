from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from engine.catalog.registry import find_model, frame_count
from engine.media.video_writer import PART, VideoWriter
from engine.planning import operations
from engine.planning.operations import Direction, EngineCard, SourceClip
from engine.runtime.engine import Engine
from engine.types import (
    Done,
    EngineConfig,
    EngineError,
    Event,
    ImageCondition,
    JobCancelled,
    Loading,
    Progress,
    PromptSpan,
    Request,
    Segment,
    SourceSpan,
)
from tests.support.cancels import cancel_after, never_cancelled
from tests.support.videos import read_frames

MINI = find_model("kinora-mini")
LONG = float(-(-2 * MINI.window_frames // MINI.fps))
"""Seconds that need several windows of the default model."""


@pytest.fixture(scope="module")
def engine(config: EngineConfig) -> Engine:
    return Engine(config)


def test_a_sentence_becomes_four_files(engine: Engine, request_: Request, tmp_path: Path) -> None:
    *_, last = engine.run(replace(request_, width=320, height=192), tmp_path / "new" / "folder", never_cancelled)
    assert isinstance(last, Done)
    result = last.result
    assert read_frames(result.video).shape == (frame_count(MINI, 1), 192, 320, 3)
    assert all(path.stat().st_size for path in (result.poster, result.thumbnail, result.spritesheet))
    assert not list(result.video.parent.glob("*" + PART))


def test_the_same_seed_makes_the_same_video(engine: Engine, request_: Request, tmp_path: Path) -> None:
    for name in ("one", "two"):
        list(engine.run(request_, tmp_path / name, never_cancelled))
    list(engine.run(replace(request_, seed=8), tmp_path / "other", never_cancelled))
    one, two, other = ((tmp_path / name / "video.mp4").read_bytes() for name in ("one", "two", "other"))
    assert one == two
    assert one != other


def test_the_prompt_and_the_guidance_reach_the_frames(engine: Engine, request_: Request, tmp_path: Path) -> None:
    films = {}
    for name, request in {
        "one": request_,
        "prompt": replace(request_, prompt="a blue star"),
        "negative": replace(request_, negative_prompt="grass"),
        "guidance": replace(request_, guidance_scale=9.0),
    }.items():
        list(engine.run(request, tmp_path / name, never_cancelled))
        films[name] = read_frames(tmp_path / name / "video.mp4")
    assert not any(np.array_equal(films["one"], films[name]) for name in ("prompt", "negative", "guidance"))


def test_an_image_condition_reaches_the_frames(engine: Engine, request_: Request, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (320, 192), "white").save(buffer, "PNG")
    for name, conditions in (("with", (ImageCondition(buffer.getvalue(), -1),)), ("without", ())):
        list(engine.run(replace(request_, conditions=conditions), tmp_path / name, never_cancelled))
    followed, free = (read_frames(tmp_path / name / "video.mp4") for name in ("with", "without"))
    assert not np.array_equal(followed, free)


def test_a_model_is_loaded_once(config: EngineConfig, request_: Request, tmp_path: Path) -> None:
    engine = Engine(config)
    first = [event for event in engine.run(request_, tmp_path, never_cancelled) if isinstance(event, Loading)]
    again = [event for event in engine.run(request_, tmp_path, never_cancelled) if isinstance(event, Loading)]
    assert first[-1].fraction == 1
    assert again == []


def test_a_long_clip_is_handed_over_window_by_window(engine: Engine, request_: Request, tmp_path: Path) -> None:
    events = list(engine.run(replace(request_, seconds=LONG, width=64, height=64), tmp_path, never_cancelled))
    segments = [event for event in events if isinstance(event, Segment)]
    assert len(segments) > 1
    assert segments[-1].seconds_done == LONG
    assert all(segment.frames == segment.seconds_done * MINI.fps for segment in segments)
    assert len(read_frames(tmp_path / "video.mp4")) == LONG * MINI.fps
    first = events.index(segments[0])
    assert any(isinstance(event, Progress) and event.stage == "denoising" for event in events[first:])


def test_progress_tells_every_step_and_never_goes_back(engine: Engine, request_: Request, tmp_path: Path) -> None:
    request = replace(request_, seconds=LONG, width=64, height=64, steps=3)
    progress = [event for event in engine.run(request, tmp_path, never_cancelled) if isinstance(event, Progress)]
    steps = [(event.window, event.step) for event in progress if event.stage == "denoising"]
    assert steps == [(window, step) for window in range(1, progress[0].windows + 1) for step in (1, 2, 3)]
    assert [event.fraction for event in progress] == sorted(event.fraction for event in progress)
    assert progress[-1].fraction == pytest.approx(1)
    assert progress[-1].eta_seconds == pytest.approx(0, abs=1e-6)
    assert {event.stage for event in progress} >= {"encoding", "denoising", "decoding", "saving"}
    prepared = [event.window for event in progress if event.stage == "preparing"]
    assert prepared == list(range(1, progress[0].windows + 1)), "what goes before a window's steps is none of them"


def test_the_second_job_knows_from_its_start_how_long_it_takes(
    engine: Engine, request_: Request, tmp_path: Path
) -> None:
    list(engine.run(request_, tmp_path, never_cancelled))
    first = next(event for event in engine.run(request_, tmp_path, never_cancelled) if isinstance(event, Progress))
    assert first.eta_seconds is not None
    assert first.eta_seconds > 0


@pytest.mark.parametrize("questions", range(0, 33, 3))
def test_a_cancel_at_any_point_leaves_nothing(
    config: EngineConfig, request_: Request, tmp_path: Path, questions: int
) -> None:
    request = replace(request_, seconds=LONG, steps=4, width=64, height=64)
    with pytest.raises(JobCancelled):
        list(Engine(config).run(request, tmp_path, cancel_after(questions)))
    assert list(tmp_path.iterdir()) == []


def test_a_cancel_is_seen_at_the_next_step(engine: Engine, request_: Request, tmp_path: Path) -> None:
    seen: list[int] = []
    events = engine.run(replace(request_, steps=50), tmp_path, lambda: seen[-1:] == [3])
    with pytest.raises(JobCancelled):
        seen.extend(step for event in events if (step := step_of(event)))
    assert seen == [1, 2, 3]


def step_of(event: Event) -> int:
    return event.step if isinstance(event, Progress) and event.stage == "denoising" else 0


def test_a_cancelled_job_spoils_nothing_for_the_next(engine: Engine, request_: Request, tmp_path: Path) -> None:
    list(engine.run(request_, tmp_path / "before", never_cancelled))
    with pytest.raises(JobCancelled):
        list(engine.run(replace(request_, seed=9), tmp_path / "cancelled", cancel_after(3)))
    list(engine.run(request_, tmp_path / "after", never_cancelled))
    before, later = ((tmp_path / name / "video.mp4").read_bytes() for name in ("before", "after"))
    assert before == later


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"model": "nope"}, "model_unknown"),
        ({"width": 61}, "bad_request"),
        ({"seconds": 99}, "bad_request"),
        ({"conditions": (ImageCondition(b"not a picture", 0),)}, "bad_condition"),
        ({"source_spans": (SourceSpan(Path("nowhere.mp4"), 0, 4, 0),)}, "bad_condition"),
        ({"source_spans": (SourceSpan(Path("nowhere.mp4"), 0, 99, 0),)}, "bad_request"),
        ({"source_spans": (SourceSpan(Path("a"), 0, 4, 0), SourceSpan(Path("b"), 0, 4, 3))}, "bad_request"),
        ({"source_spans": (SourceSpan(Path("a"), 0, 4, 0, (1.5,)),)}, "bad_request"),
        ({"prompt_spans": (PromptSpan(4, 2, "a"),)}, "bad_request"),
        ({"model": "ltx-video-2b", "width": 320, "height": 256, "loop": True}, "bad_request"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(
    engine: Engine, request_: Request, tmp_path: Path, change: dict[str, object], code: str
) -> None:
    with pytest.raises(EngineError) as caught:
        list(engine.run(replace(request_, **change), tmp_path, never_cancelled))  # type: ignore[arg-type]
    assert caught.value.code == code
    assert list(tmp_path.iterdir()) == []


def test_frames_with_invalid_numbers_never_leave(config: EngineConfig, request_: Request, tmp_path: Path) -> None:
    engine = Engine(config)
    list(engine.run(request_, tmp_path / "good", never_cancelled))
    assert engine._loaded_model is not None
    engine._loaded_model[1].vae.decoder.conv_out.conv.bias.data.fill_(float("nan"))
    with pytest.raises(EngineError) as caught:
        list(engine.run(request_, tmp_path / "bad", never_cancelled))
    assert caught.value.code == "bad_frames"
    assert list((tmp_path / "bad").iterdir()) == []


def test_leaving_early_cleans_up(engine: Engine, request_: Request, tmp_path: Path) -> None:
    events: Iterator[Event] = engine.run(request_, tmp_path, never_cancelled)
    while not isinstance(next(events), Segment):
        pass
    assert "video.mp4.part" in [path.name for path in tmp_path.iterdir()]
    events.close()  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of 24 frames, each of a grey of its own."""
    folder = tmp_path_factory.mktemp("source")
    with VideoWriter(folder, 160, 96, MINI.fps, 24) as film:
        for index in range(24):
            film.write_frames(np.full((1, 96, 160, 3), 10 * index, np.uint8))
    return film.result().video


def made(engine: Engine, request: Request, folder: Path) -> np.ndarray:
    list(engine.run(request, folder, never_cancelled))
    return read_frames(folder / "video.mp4").astype(float)


def greys(film: np.ndarray) -> list[float]:
    return [round(float(frame.mean()) / 10) for frame in film]


def test_kept_frames_are_those_of_the_source_video(
    engine: Engine, request_: Request, source: Path, tmp_path: Path
) -> None:
    takes = (SourceSpan(source, 0, 8, 0), SourceSpan(source, 16, 8, 24))
    film = made(engine, replace(request_, seconds=4, source_spans=takes), tmp_path)
    assert greys(film[:8]) == list(range(8))
    assert greys(film[24:]) == list(range(16, 24))
    assert film[8:24].std(axis=(1, 2, 3)).min() > 5, "what lies between is made, and no flat grey"


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_an_extension_reaches_the_file_in_order(
    engine: Engine, request_: Request, source: Path, tmp_path: Path, direction: Direction
) -> None:
    request = operations.extend_clip(request_, SourceClip(source, 24), 3, direction)
    events = list(engine.run(request, tmp_path, never_cancelled))
    film = read_frames(tmp_path / "video.mp4")
    assert len(film) == 48
    assert greys(film[24:] if direction == "backward" else film[:24]) == list(range(24))
    ends = [event.frames for event in events if isinstance(event, Segment)]
    assert ends == sorted(ends)
    assert ends[-1] == 48


def test_every_operation_makes_a_video_of_its_length(
    engine: Engine, request_: Request, source: Path, tmp_path: Path
) -> None:
    clip, other = SourceClip(source, 24), SourceClip(source, 16)
    cards = [EngineCard(0, "a red ball"), EngineCard(1, "a blue star"), EngineCard(2, clip=other)]
    requests = {
        "remix": operations.remix_clip(request_, clip, "mild"),
        "edit": operations.edit_clip(request_, clip, "mild"),
        "blend": operations.blend_clips(request_, clip, other, "even", 2),
        "loop": operations.loop_clip(request_, clip, "short"),
        "recut": operations.recut_clip(request_, clip, [(0.5, 1)]),
        "storyboard": operations.lay_out_storyboard(replace(request_, seconds=4), cards),
        "loop of words": replace(request_, loop=True, seconds=2),
    }
    for name, request in requests.items():
        film = made(engine, request, tmp_path / name)
        assert len(film) == round(request.seconds * MINI.fps), name
        assert np.isfinite(film).all()


def test_a_clip_is_published_while_it_is_made(engine: Engine, request_: Request, tmp_path: Path) -> None:
    events = engine.run(replace(request_, seconds=LONG, width=64, height=64), tmp_path, never_cancelled)
    first = next(event for event in events if isinstance(event, Segment))
    assert first.frames < LONG * MINI.fps / 4
    with av.open(io.BytesIO(first.init_file.read_bytes() + first.file.read_bytes()), "r") as container:
        assert len(list(container.decode(video=0))) == first.frames
    assert any(isinstance(event, Progress) and event.stage == "denoising" for event in events), "and it goes on"
