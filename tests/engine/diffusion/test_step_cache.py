"""The step cache of turbo: it skips, and leaves nothing behind, however a job ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import diffusers
import pytest
import torch

from engine.catalog.registry import MODELS, frame_count
from engine.diffusion.step_cache import step_cache
from engine.planning.operations import SourceClip, edit_clip
from engine.runtime.engine import Engine
from engine.types import EngineConfig, EngineError, JobCancelled, Progress, Request
from tests.support.cancels import never_cancelled

CACHED = "ltx-video-2b-0.9.5"


@pytest.fixture(scope="module")
def engine(weights: Path) -> Engine:
    return Engine(EngineConfig(weights={CACHED: str(weights)}, device="cpu", dtype="float32", threads=1))


@pytest.fixture
def turbo_request() -> Request:
    return Request(CACHED, "a red ball", 256, 256, 1, 7, quality="turbo")


@pytest.fixture
def full_request(turbo_request: Request) -> Request:
    return replace(turbo_request, quality="full", steps=4)


def video(engine: Engine, request: Request, folder: Path) -> bytes:
    list(engine.run(request, folder, never_cancelled))
    return (folder / "video.mp4").read_bytes()


def transformer(engine: Engine) -> diffusers.LTXVideoTransformer3DModel:
    assert engine._loaded_model is not None
    return engine._loaded_model[1].transformer


@contextmanager
def counted(engine: Engine) -> Iterator[list[int]]:
    """How often the self-attention of each block computes."""
    counts = [0 for _ in transformer(engine).transformer_blocks]

    def counting(number: int) -> Callable[..., None]:
        def count(*_arguments: object) -> None:
            counts[number] += 1

        return count

    blocks = enumerate(transformer(engine).transformer_blocks)
    handles = [block.attn1.register_forward_hook(counting(number)) for number, block in blocks]
    yield counts
    for handle in handles:
        handle.remove()


def test_turbo_skips_blocks_and_full_quality_none(
    engine: Engine, turbo_request: Request, full_request: Request, tmp_path: Path
) -> None:
    video(engine, full_request, tmp_path / "loads")
    with counted(engine) as counts:
        video(engine, turbo_request, tmp_path / "turbo")
    first, second = counts
    assert first == MODELS[CACHED].sampling["turbo"].steps
    assert 1 <= second < first
    with counted(engine) as counts:
        video(engine, full_request, tmp_path / "full")
    assert counts == [4, 4]


def test_full_quality_is_bit_for_bit_the_same_after_turbo(
    engine: Engine, turbo_request: Request, full_request: Request, tmp_path: Path
) -> None:
    before = video(engine, full_request, tmp_path / "before")
    assert video(engine, turbo_request, tmp_path / "one") == video(engine, turbo_request, tmp_path / "two")
    assert video(engine, full_request, tmp_path / "after") == before


def test_a_cancel_in_the_middle_of_turbo_spoils_nothing(
    engine: Engine, turbo_request: Request, full_request: Request, tmp_path: Path
) -> None:
    before, quick = video(engine, full_request, tmp_path / "before"), video(engine, turbo_request, tmp_path / "quick")
    steps: list[int] = []
    events = engine.run(replace(turbo_request, seed=9), tmp_path / "cancelled", lambda: steps[-1:] == [5])
    with pytest.raises(JobCancelled):
        steps.extend(event.step for event in events if isinstance(event, Progress) and event.stage == "denoising")
    assert not transformer(engine).is_cache_enabled
    assert video(engine, full_request, tmp_path / "after") == before
    assert video(engine, turbo_request, tmp_path / "again") == quick


def test_a_failure_in_the_middle_of_turbo_spoils_nothing(
    engine: Engine, turbo_request: Request, full_request: Request, tmp_path: Path
) -> None:
    before, quick = video(engine, full_request, tmp_path / "before"), video(engine, turbo_request, tmp_path / "quick")
    passes: list[int] = []

    def fail_at_the_fifth(*_arguments: object) -> None:
        passes.append(1)
        if len(passes) == 5:
            raise torch.OutOfMemoryError

    hook = transformer(engine).register_forward_pre_hook(fail_at_the_fifth)
    with pytest.raises(EngineError, match="no room") as caught:
        list(engine.run(turbo_request, tmp_path / "failed", never_cancelled))
    hook.remove()
    assert caught.value.code == "out_of_memory"
    assert not transformer(engine).is_cache_enabled
    assert video(engine, full_request, tmp_path / "after") == before
    assert video(engine, turbo_request, tmp_path / "again") == quick


def test_leaving_in_the_middle_of_turbo_spoils_nothing(
    engine: Engine, turbo_request: Request, full_request: Request, tmp_path: Path
) -> None:
    before = video(engine, full_request, tmp_path / "before")
    events = engine.run(turbo_request, tmp_path / "left", never_cancelled)
    while not (isinstance(event := next(events), Progress) and event.step == 5):
        pass
    assert transformer(engine).is_cache_enabled
    events.close()  # type: ignore[attr-defined]
    assert not transformer(engine).is_cache_enabled
    assert video(engine, full_request, tmp_path / "after") == before


def test_an_edit_is_computed_in_full(
    engine: Engine, turbo_request: Request, full_request: Request, tmp_path: Path
) -> None:
    video(engine, full_request, tmp_path / "source")
    source = SourceClip(tmp_path / "source" / "video.mp4", frame_count(MODELS[CACHED], full_request.seconds))
    with counted(engine) as counts:
        video(engine, edit_clip(turbo_request, source, "mild"), tmp_path / "edit")
    first, second = counts
    assert first == second > 0


def test_a_cache_is_on_within_its_block_only(engine: Engine, full_request: Request, tmp_path: Path) -> None:
    video(engine, full_request, tmp_path)
    with step_cache(0.1, transformer(engine)):
        assert transformer(engine).is_cache_enabled
    with step_cache(0.0, transformer(engine)):
        assert not transformer(engine).is_cache_enabled


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.family in {"ltx", "wan"}])
def test_turbo_has_few_steps_an_adapter_or_a_cache(name: str) -> None:
    how = MODELS[name].sampling["turbo"]
    assert how.adapter or how.sigmas or how.cache
    assert not MODELS[name].sampling["full"].cache
    assert not (how.cache and how.steps < 10), "a cache does nothing useful in a few steps"
