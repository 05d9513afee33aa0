from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine.media.video_writer import VideoWriter
from engine.process.client import EngineDied, EngineProcess
from engine.runtime.engine import Engine
from engine.safety.output_gate import finish_frames
from engine.safety.rules import FLAT_FRAMES, GENERATED_RULES, BadRuleError, check_flat_colour, load_operator_rules
from engine.types import EngineConfig, EngineError, Event, PreviewFrame, Request, Segment, SourceSpan
from tests.support import frame_rules
from tests.support.preview_policies import ALWAYS
from tests.support.videos import read_frames


@pytest.fixture(autouse=True)
def _forget_seen_frames() -> Iterator[None]:
    frame_rules.SEEN.clear()
    yield
    frame_rules.SEEN.clear()


def stretch(frames: int, value: int | tuple[int, int, int]) -> np.ndarray:
    return np.full((frames, 8, 8, 3), value, np.uint8)


@pytest.mark.parametrize("value", [0, 255, (12, 200, 40)])
def test_a_frame_of_one_flat_colour_is_refused(value: int | tuple[int, int, int]) -> None:
    frames = stretch(FLAT_FRAMES, value)
    assert check_flat_colour(frames)
    frames[0, 0, 0] = np.where(frames[0, 0, 0] < 255, frames[0, 0, 0] + 1, 254)
    assert check_flat_colour(frames), "a rounding apart it is the same"


def test_what_is_nearly_flat_is_let_through() -> None:
    dot, late, fading = stretch(16, 0), stretch(16, 0), stretch(16, 0)
    dot[3, 4, 4, 1] = 2
    late[-1] = 2
    fading[:] = np.arange(16, dtype=np.uint8)[:, None, None, None]
    for frames in (dot, late, fading, stretch(FLAT_FRAMES - 1, 0), stretch(1, 0)):
        assert check_flat_colour(frames) is None


def test_a_stretch_is_judged_as_a_whole_and_before_any_of_it_leaves() -> None:
    black = [np.zeros((4, 8, 8, 3), np.float32)] * 4
    with pytest.raises(EngineError) as caught:
        finish_frames(black, GENERATED_RULES)
    assert caught.value.code == "bad_frames"
    assert finish_frames(black).shape == (16, 8, 8, 3)
    assert finish_frames([*black, np.ones((1, 8, 8, 3), np.float32)], GENERATED_RULES).shape == (17, 8, 8, 3)


def test_a_rule_judges_and_never_paints() -> None:
    with pytest.raises(ValueError, match="read-only"):
        finish_frames([np.ones((4, 8, 8, 3), np.float32)], load_operator_rules("tests.support.frame_rules:paint"))


@pytest.mark.parametrize(
    "setting",
    [
        "nowhere.at.all:rule",
        "tests.support.frame_rules:nothing",
        "tests.support.frame_rules",
        ":rule",
        "tests.support.frame_rules:NO_FUNCTION",
    ],
)
def test_a_rule_that_cannot_be_used_says_what_to_do(setting: str) -> None:
    with pytest.raises(BadRuleError, match=r"KINORA_FRAME_RULES is .* names a function as package\.module:function"):
        Engine(EngineConfig(frame_rules=setting))


def test_a_module_that_cannot_be_imported_cannot_be_used_unless_that_may_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for name, source in (("crooked", "def rule("), ("empty", "{}['rule']"), ("away", "raise ConnectionError")):
        (tmp_path / f"{name}_rule.py").write_text(source)
    with pytest.raises(BadRuleError, match="crooked_rule raises SyntaxError"):
        load_operator_rules("crooked_rule:rule")
    with pytest.raises(BadRuleError, match="empty_rule raises KeyError: 'rule'"):
        load_operator_rules("empty_rule:rule")
    with pytest.raises(ConnectionError):
        load_operator_rules("away_rule:rule")


def test_no_setting_is_no_rule() -> None:
    assert load_operator_rules("") == ()


async def test_a_rule_that_cannot_be_used_stops_the_engine() -> None:
    engine = EngineProcess(EngineConfig(frame_rules="nowhere:rule"))
    with pytest.raises(EngineDied) as caught:
        await asyncio.wait_for(engine.start(), 60)
    assert caught.value.exitcode == 1


def run(config: EngineConfig, rule: str, request: Request, folder: Path) -> list[Event]:
    engine = Engine(replace(config, frame_rules=f"tests.support.frame_rules:{rule}"), preview_policy=ALWAYS)
    return list(engine.run(request, folder, lambda: False))


def picture(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path), float)


def coarse(frames: np.ndarray) -> NDArray[np.float64]:
    """Means of squares of 8 pixels, of all colours: a codec keeps those even of noise."""
    *frames_, height, width, colours = frames.shape
    squares = frames.reshape(*frames_, height // 8, 8, width // 8, 8, colours)
    return np.asarray(squares.mean(axis=(-4, -2, -1)), np.float64)


def same(shown: np.ndarray, judged: np.ndarray) -> bool:
    return bool(np.abs(coarse(shown) - coarse(judged)).mean() < 3)


def test_every_pixel_that_leaves_was_judged(config: EngineConfig, request_: Request, tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "source", 160, 96, 8, 16) as film:
        film.write_frames(np.full((16, 96, 160, 3), 90, np.uint8))
    request = replace(request_, seconds=6, steps=4, source_spans=(SourceSpan(film.result().video, 0, 16, 0),))
    events = run(config, "watch", request, tmp_path / "made")
    looks = [event for event in events if isinstance(event, PreviewFrame)]
    stretches = [frames for frames in frame_rules.SEEN if len(frames) > 1]
    alone = [frames for frames in frame_rules.SEEN if len(frames) == 1]
    judged = np.concatenate(stretches)
    assert len(judged) == 48
    assert same(read_frames(tmp_path / "made" / "video.mp4"), judged)
    assert not same(read_frames(tmp_path / "made" / "video.mp4"), judged[::-1])
    assert len(alone) == len(looks) > 0
    assert all(same(picture(look.file), frames[0]) for frames, look in zip(alone, looks, strict=True))
    assert same(picture(tmp_path / "made" / "poster.jpg"), judged[24])
    assert same(picture(tmp_path / "made" / "spritesheet.jpg")[:96, -160:], judged[8])
    assert all(frames.dtype == np.uint8 for frames in frame_rules.SEEN)


def test_a_refused_stretch_ends_the_job_by_name(config: EngineConfig, request_: Request, tmp_path: Path) -> None:
    seen: list[Event] = []
    engine = Engine(replace(config, frame_rules="tests.support.frame_rules:refuse_the_second"))
    with pytest.raises(EngineError, match="it is the second") as caught:
        seen.extend(engine.run(replace(request_, seconds=6), tmp_path, lambda: False))
    assert (caught.value.code, caught.value.retryable) == ("refused_frames", False)
    assert len([event for event in seen if isinstance(event, Segment)]) <= 1
    assert list(tmp_path.iterdir()) == []


def test_kept_frames_are_checked_by_the_operator_s_rule_alone(
    config: EngineConfig, request_: Request, tmp_path: Path
) -> None:
    with VideoWriter(tmp_path / "source", 160, 96, 8, 16) as film:
        film.write_frames(np.zeros((16, 96, 160, 3), np.uint8))
    request = replace(request_, seconds=2, source_spans=(SourceSpan(film.result().video, 0, 16, 0),))
    run(config, "watch", request, tmp_path / "black")
    assert read_frames(tmp_path / "black" / "video.mp4").max() < 4, "it may be black for as long as it likes"
    with pytest.raises(EngineError) as caught:
        run(config, "refuse", request, tmp_path / "refused")
    assert caught.value.code == "refused_frames"


def test_a_guess_that_is_refused_is_not_shown_and_the_clip_is_made(
    config: EngineConfig, request_: Request, tmp_path: Path
) -> None:
    events = run(config, "refuse_single_frames", replace(request_, steps=4), tmp_path)
    assert not [event for event in events if isinstance(event, PreviewFrame)]
    assert len(read_frames(tmp_path / "video.mp4")) == 8
    assert not list(tmp_path.glob("preview*"))


def test_a_black_video_is_a_named_failure_and_a_black_still_is_not(
    config: EngineConfig, request_: Request, tmp_path: Path
) -> None:
    engine = Engine(config)
    list(engine.run(request_, tmp_path / "good", lambda: False))
    assert engine._loaded_model is not None
    engine._loaded_model[1].vae.decoder.conv_out.conv.bias.data.fill_(-1e6)
    with pytest.raises(EngineError, match="one flat colour") as caught:
        list(engine.run(request_, tmp_path / "black", lambda: False))
    assert caught.value.code == "bad_frames"
    list(engine.run(replace(request_, seconds=0), tmp_path / "still", lambda: False))
