from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from engine.catalog.registry import find_model
from engine.media.video_writer import VideoWriter
from engine.planning import operations
from engine.planning.operations import EngineCard, SourceClip
from engine.planning.timeline import plan_clip
from engine.runtime.engine import Engine
from engine.testing import tiny_ltx
from engine.types import (
    Done,
    EngineConfig,
    JobCancelled,
    LoraSource,
    LoraWeight,
    Progress,
    Request,
    Resume,
    Segment,
    SegmentFiles,
)
from tests.support.cancels import never_cancelled
from tests.support.engine_modules import write_lora
from tests.support.videos import read_frames

MINI = find_model("kinora-mini")
FILES = ("video.mp4", "poster.jpg", "thumbnail.webp", "spritesheet.jpg")


@pytest.fixture(scope="module")
def engine(config: EngineConfig) -> Engine:
    return Engine(config)


@pytest.fixture
def request_() -> Request:
    return Request("kinora-mini", "a red ball", width=64, height=64, seconds=6, seed=7, steps=1)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of 24 frames, each of a grey of its own."""
    folder = tmp_path_factory.mktemp("source")
    with VideoWriter(folder, 160, 96, MINI.fps, 24) as film:
        for index in range(24):
            film.write_frames(np.full((1, 96, 160, 3), 10 * index, np.uint8))
    return film.result().video


def published(engine: Engine, request: Request, folder: Path) -> list[Segment]:
    """Make a clip without a break; its segments."""
    return [event for event in engine.run(request, folder, never_cancelled) if isinstance(event, Segment)]


def after(segments: list[Segment]) -> Resume:
    """What is there for an attempt to go on from behind these segments."""
    state = segments[-1].state
    assert state
    return Resume(tuple(SegmentFiles(segment.init_file, segment.file) for segment in segments), state)


def saved(segment: Segment, folder: Path) -> Segment:
    """A segment whose files outlive the attempt, as they do in storage."""
    assert segment.state
    head, file, state = (Path(shutil.copy(one, folder)) for one in (segment.init_file, segment.file, segment.state))
    return replace(segment, init_file=head, file=file, state=state)


def windows(events: list[object]) -> set[int]:
    """The windows that were denoised."""
    return {event.window for event in events if isinstance(event, Progress) and event.stage == "denoising"}


def kinds(request: Request, source: Path) -> dict[str, Request]:
    clip, other = SourceClip(source, 24), SourceClip(source, 16)
    cards = [EngineCard(0, "a red ball"), EngineCard(2, "a blue star"), EngineCard(4, clip=other)]
    return {
        "words": request,
        "extension": operations.extend_clip(request, clip, 5, "forward"),
        "back to front": operations.extend_clip(request, clip, 5, "backward"),
        "remix": operations.remix_clip(request, clip, "mild"),
        "edit": operations.edit_clip(request, clip, "mild"),
        "blend": operations.blend_clips(request, clip, other, "even", 6),
        "recut": operations.recut_clip(request, clip, [(0.5, 1)]),
        "storyboard": operations.lay_out_storyboard(request, cards),
        "storyboard that loops": operations.lay_out_storyboard(replace(request, loop=True), cards),
        "loop of words": replace(request, loop=True),
        "loop": operations.loop_clip(request, clip, "normal"),
    }


KINDS = (
    "words", "extension", "back to front", "remix", "edit", "blend", "recut", "storyboard", "storyboard that loops",
    "loop of words", "loop",
)  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_wherever_it_was_cut_off_the_video_is_the_same(
    engine: Engine, request_: Request, source: Path, tmp_path: Path, name: str
) -> None:
    request = kinds(request_, source)[name]
    segments = published(engine, request, tmp_path)
    whole = (tmp_path / "video.mp4").read_bytes()
    for count in range(1, len(segments) + 1, 2):
        folder = tmp_path / str(count)
        events = list(engine.run(request, folder, never_cancelled, after(segments[:count])))
        again = [event for event in events if isinstance(event, Segment)]
        assert [each.index for each in again] == list(range(count, len(segments)))
        assert [each.frames for each in again] == [each.frames for each in segments[count:]]
        for one, other in zip(again, segments[count:], strict=True):
            assert one.file.read_bytes() == other.file.read_bytes()
        assert (folder / "video.mp4").read_bytes() == whole
        assert all((folder / file).stat().st_size for file in FILES)


def test_a_clip_that_was_stopped_goes_on_and_no_window_is_made_twice(
    engine: Engine, request_: Request, tmp_path: Path
) -> None:
    whole = published(engine, request_, tmp_path / "whole")
    segments: list[Segment] = []
    events = engine.run(request_, tmp_path / "first", lambda: len(segments) == 2)
    with pytest.raises(JobCancelled):
        segments.extend(saved(event, tmp_path) for event in events if isinstance(event, Segment))
    assert list((tmp_path / "first").iterdir()) == [], "a stopped job leaves nothing of its own"

    again = list(engine.run(request_, tmp_path / "second", never_cancelled, after(segments)))
    done = again[-1]
    assert isinstance(done, Done)
    assert (done.result.frames, done.result.seconds) == (48, 6.0)
    assert len([event for event in again if isinstance(event, Segment)]) == len(whole) - 2
    assert min(windows(list(again))) == 3
    assert np.array_equal(read_frames(done.result.video), read_frames(tmp_path / "whole" / "video.mp4"))


def test_progress_begins_with_what_is_published_and_never_goes_back(
    engine: Engine, request_: Request, tmp_path: Path
) -> None:
    segments = published(engine, request_, tmp_path / "whole")
    resume = after(segments[:2])
    progress = [
        each for each in engine.run(request_, tmp_path / "on", never_cancelled, resume) if isinstance(each, Progress)
    ]
    fractions = [each.fraction for each in progress]
    assert fractions == sorted(fractions)
    denoised = next(each for each in progress if each.stage == "denoising")
    assert denoised.fraction > segments[1].frames / 48 / 2
    assert denoised.windows == progress[-1].windows
    assert progress[-1].fraction == pytest.approx(1)
    assert progress[-1].eta_seconds == pytest.approx(0, abs=1e-6)


def test_the_stills_of_a_resumed_video_show_published_segments_too(
    engine: Engine, request_: Request, tmp_path: Path
) -> None:
    segments = published(engine, request_, tmp_path / "whole")
    list(engine.run(request_, tmp_path / "on", never_cancelled, after(segments[:-1])))
    for name in ("poster.jpg", "spritesheet.jpg"):
        one, other = (_image(tmp_path / folder / name) for folder in ("whole", "on"))
        assert one.shape == other.shape
        assert np.abs(one - other).mean() < 8, "they differ by no more than the codec makes"


def _image(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24").astype(float)


def spoil(spoiled: Callable[[Resume], object]) -> Callable[[Resume], Resume]:
    def _spoil(resume: Resume) -> Resume:
        changed = spoiled(resume)
        return changed if isinstance(changed, Resume) else resume

    return _spoil


SPOILED = {
    "state missing": lambda resume: resume.state.unlink(),
    "state cut off": lambda resume: resume.state.write_bytes(resume.state.read_bytes()[:200]),
    "state no file of ours": lambda resume: resume.state.write_bytes(b"x" * 64),
    "state of another stretch": lambda resume: replace(resume, segments=resume.segments[:1]),
    "piece missing": lambda resume: resume.segments[0].file.unlink(),
    "piece cut off": lambda resume: resume.segments[1].file.write_bytes(resume.segments[1].file.read_bytes()[:300]),
    "piece no film": lambda resume: resume.segments[1].file.write_bytes(b"x" * 300),
    "head of another encoder": lambda resume: resume.segments[1].init_file.write_bytes(
        resume.segments[1].init_file.read_bytes() + b"\0\0\0\x08free"
    ),
    "pieces in another order": lambda resume: replace(resume, segments=resume.segments[::-1]),
    "more pieces than there can be": lambda resume: replace(resume, segments=resume.segments * 9),
    "no piece": lambda resume: replace(resume, segments=()),
}


@pytest.mark.parametrize("spoiled", SPOILED.values(), ids=SPOILED)
def test_what_does_not_fit_is_made_again(
    engine: Engine, request_: Request, tmp_path: Path, spoiled: Callable[[Resume], object]
) -> None:
    segments = published(engine, request_, tmp_path / "whole")
    resume = spoil(spoiled)(after(segments[:2]))
    events = list(engine.run(request_, tmp_path / "again", never_cancelled, resume))
    again = [event for event in events if isinstance(event, Segment)]
    assert [each.index for each in again] == list(range(len(segments)))
    assert windows(list(events)) == set(range(1, len(plan_clip(request_).windows) + 1))
    assert (tmp_path / "again" / "video.mp4").read_bytes() == (tmp_path / "whole" / "video.mp4").read_bytes()


@pytest.mark.parametrize(
    "change",
    [{"seed": 8}, {"prompt": "a blue star"}, {"steps": 2}, {"negative_prompt": "grass"}, {"width": 96}, {"seconds": 7}],
)
def test_the_state_of_another_clip_is_not_taken(
    engine: Engine, request_: Request, tmp_path: Path, change: dict[str, object]
) -> None:
    segments = published(engine, request_, tmp_path / "whole")
    other = replace(request_, **change)  # type: ignore[arg-type]
    events = list(engine.run(other, tmp_path / "other", never_cancelled, after(segments[:2])))
    assert next(event.index for event in events if isinstance(event, Segment)) == 0


@pytest.fixture(scope="module")
def lora_configs(config: EngineConfig, tmp_path_factory: pytest.TempPathFactory) -> dict[str, EngineConfig]:
    """Two engines with a LoRA of the same name, and a third with a copy of the first's at another place."""
    lora = write_lora(config, tmp_path_factory.mktemp("one"), 1)
    folders = {
        "one": lora,
        "another": write_lora(config, tmp_path_factory.mktemp("another"), 2),
        "a copy": Path(shutil.copytree(lora, tmp_path_factory.mktemp("copy") / "ink")),
    }
    return {name: replace(config, loras=(LoraSource("ink", MINI.name, str(at)),)) for name, at in folders.items()}


@pytest.mark.parametrize(
    "change",
    [{"dtype": "bfloat16"}, {"quantization": "float8"}, {"weights": "others"}],
    ids=lambda each: next(iter(each)),
)
def test_the_state_of_other_weights_is_not_taken(
    engine: Engine, config: EngineConfig, request_: Request, tmp_path: Path, change: dict[str, Any]
) -> None:
    if "weights" in change:
        change = {"weights": {MINI.name: str(tiny_ltx.write_model(tmp_path / "weights", seed=1))}}
    segments = published(engine, request_, tmp_path / "whole")
    events = list(
        Engine(replace(config, **change)).run(request_, tmp_path / "other", never_cancelled, after(segments[:2]))
    )
    assert next(event.index for event in events if isinstance(event, Segment)) == 0


def test_the_same_weights_elsewhere_go_on(
    engine: Engine, config: EngineConfig, request_: Request, tmp_path: Path
) -> None:
    copy = shutil.copytree(config.weights[MINI.name], tmp_path / "weights")
    elsewhere = Engine(replace(config, weights={MINI.name: str(copy)}, tiling="off"))
    segments = published(engine, request_, tmp_path / "whole")
    events = list(elsewhere.run(request_, tmp_path / "other", never_cancelled, after(segments[:2])))
    assert next(event.index for event in events if isinstance(event, Segment)) == 2


@pytest.mark.parametrize(("name", "worn", "first"), [("another", 1, 0), ("a copy", 1, 2), ("another", 0, 2)])
def test_the_state_of_another_lora_of_that_name_is_not_taken(
    lora_configs: dict[str, EngineConfig], request_: Request, tmp_path: Path, name: str, worn: int, first: int
) -> None:
    """Unless nobody wears it."""
    request_ = replace(request_, loras=(LoraWeight("ink"),) * worn)
    segments = published(Engine(lora_configs["one"]), request_, tmp_path / "whole")
    events = list(Engine(lora_configs[name]).run(request_, tmp_path / "other", never_cancelled, after(segments[:2])))
    assert next(event.index for event in events if isinstance(event, Segment)) == first
