"""Turbo: a student that learns to take its teacher's steps two at a time, and the adapter it becomes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import LTXConditionPipeline, LTXPipeline
from safetensors.torch import load_file

from engine.catalog.registry import find_model
from engine.diffusion import ltx
from engine.diffusion.conditioning import prepare_tokens
from engine.diffusion.latents import ClipState
from engine.loading.loader import Modules
from engine.mini.training import train_turbo
from engine.mini.training.components import new_transformer
from engine.mini.training.config import SMALL
from engine.mini.training.latent_dataset import LatentBatch, token_coordinates
from engine.mini.training.train_turbo import ADAPTER, Distillation, DistillationBatch, StepSchedule, Teacher
from engine.planning.timeline import plan_clip
from engine.types import Request
from tests.support.cancels import never_cancelled
from tests.support.turbo_adapters import randomise_adapter, write_turbo_adapter

MINI = find_model("kinora-mini")
TURBO, FULL = MINI.sampling["turbo"], MINI.sampling["full"]
COURSE = StepSchedule((1.0, 0.5, 0.0), substeps=2, guidance=4.0)
FILE = "pytorch_lora_weights.safetensors"


def taught(modules: Modules, course: StepSchedule = COURSE) -> Teacher:
    return Teacher(modules.transformer, course, torch.zeros(1, 3, 32), torch.ones(1, 3))


def lane(*, given: bool = False, course: StepSchedule = COURSE) -> DistillationBatch:
    """Two clips of two latent frames of 2 by 3 cells, the first frame of them given or not."""
    batch = LatentBatch(
        clean=torch.randn(2, 12, 16),
        ceiling=((torch.arange(12) >= 6) | (not given)).float().expand(2, -1),
        where=torch.empty(0),
        coordinates=token_coordinates(SMALL, 2, 2, 3).expand(2, -1, -1),
        scenes=[],
    )
    return train_turbo.new_batch(batch, torch.randn(2, 5, 32) * 4, torch.ones(2, 5), course, np.random.default_rng(0))


@pytest.fixture(scope="module")
def turbo_weights(modules: Modules, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that came with an adapter."""
    copy = shutil.copytree(weights, tmp_path_factory.mktemp("turbo") / "weights")
    write_turbo_adapter(modules.transformer, copy / ADAPTER)
    return copy


def test_the_course_is_what_the_catalog_samples() -> None:
    course = StepSchedule.from_catalog(MINI)
    assert len(course.levels) == TURBO.steps + 1 <= 9
    assert (course.levels[0], course.levels[-1]) == (1, 0)
    assert course.substeps * TURBO.steps == FULL.steps
    assert course.guidance == FULL.guidance_scale


def test_the_teacher_goes_where_the_engine_does(modules: Modules, request_: Request) -> None:
    """Two guided steps of the engine's own loop, of four, are one step of a course of two."""
    how = replace(FULL, steps=4, schedule="linear")
    clip = replace(request_, negative_prompt="blurry")
    made = plan_clip(clip)
    text = ltx.encode_prompts(modules, made, clip.negative_prompt, how)
    tokens = prepare_tokens(modules, ClipState.empty(made), made.windows[0])
    start = tokens.latents.clone()
    steps = ltx.denoise_tokens(modules, made, how, text, tokens, clip.seed, never_cancelled)
    next(steps), next(steps)

    course = StepSchedule((1.0, 0.5, 0.0), 2, how.guidance_scale)
    place = tokens.coordinates / torch.tensor([made.fps, 1.0, 1.0])[:, None]
    before = DistillationBatch(start, 0, 1 - tokens.strength, place, text.embeds[1:], text.mask[1:])
    flow, _ = Teacher(modules.transformer, course, text.embeds[:1], text.mask[:1]).target_flow(before)
    torch.testing.assert_close(start - 0.5 * flow, tokens.latents, rtol=1e-4, atol=1e-4)


def test_a_new_student_of_an_unguided_teacher_has_nothing_to_learn(modules: Modules) -> None:
    same = StepSchedule((1.0, 0.5, 0.0), substeps=1, guidance=1.0)
    student = train_turbo.new_student(modules.transformer)
    assert train_turbo.distillation_loss(taught(modules, same), student, lane(course=same))[0] < 1e-9
    off, untaught = train_turbo.distillation_loss(taught(modules), student, lane())
    assert off == untaught > 1e-6


def test_a_lane_goes_the_student_s_way_and_leaves_what_is_given(modules: Modules) -> None:
    student, under_way = train_turbo.new_student(modules.transformer), lane(given=True)
    randomise_adapter(student)
    before = under_way.x.clone()
    said = train_turbo.predict_flow(student, under_way, before, 1.0, under_way.text, under_way.mask)
    train_turbo.distillation_loss(taught(modules), student, under_way)
    assert under_way.step == 1
    assert torch.equal(under_way.x[:, :6], before[:, :6])
    torch.testing.assert_close(under_way.x[:, 6:], (before - 0.5 * said)[:, 6:])


def test_lanes_begin_as_noise_or_as_clips_under_noise(modules: Modules) -> None:
    course = StepSchedule((1.0, 0.75, 0.5, 0.25, 0.0), 2, 4.0)
    rng = np.random.default_rng(0)
    clean = torch.full((2, 12, 16), 9.0)
    batch = LatentBatch(clean, torch.ones(2, 12), torch.empty(0), torch.empty(0), [])
    lanes = [train_turbo.new_batch(batch, torch.empty(0), torch.empty(0), course, rng) for _ in range(50)]
    assert {each.step for each in lanes} == {0, 1, 2, 3}
    for each in lanes:
        assert each.x.mean().item() == pytest.approx(9 * (1 - course.levels[each.step]), abs=0.3)


def test_distilling_brings_the_student_nearer_and_leaves_the_teacher(modules: Modules) -> None:
    before = {name: weight.clone() for name, weight in modules.transformer.state_dict().items()}
    here = Distillation(taught(modules), same_lane)
    apart = off(here)
    for _ in range(20):
        here.step(0.01)
    assert off(here) < apart / 3
    assert all(torch.equal(weight, before[name]) for name, weight in modules.transformer.state_dict().items())


def same_lane() -> DistillationBatch:
    torch.manual_seed(1)
    return lane()


def off(here: Distillation) -> float:
    """How far the student is from its teacher over a whole lane."""
    under_way = same_lane()
    return sum(
        train_turbo.distillation_loss(here.teacher, here.student, under_way)[0].item() for _ in COURSE.levels[1:]
    )


def test_distilling_goes_on_where_it_was(modules: Modules, tmp_path: Path) -> None:
    file = tmp_path / "turbo.pt"
    first, second, other = (Distillation(taught(modules), same_lane) for _ in range(3))
    assert first.resume(file) == 0
    first.step(0.02)
    first.save(file, 30.0)
    assert second.resume(file) == 30
    assert second.optimiser.steps == 1
    assert off(second) == off(first)
    other.teacher = replace(other.teacher, transformer=train_turbo.new_student(modules.transformer))
    assert other.resume(file) == 0, "of another teacher the minutes count anew"
    assert off(other) == off(first), "and what was learnt stays"


# What is exported


@pytest.fixture
def work_folder(tmp_path: Path) -> Path:
    """Where a transformer was trained and then distilled."""
    SMALL.write(tmp_path)
    transformer = new_transformer(SMALL)
    weights = {f"transformer.{name}": weight for name, weight in transformer.state_dict().items()}
    state = {"optimiser": {"average": weights}, "mean": torch.zeros(1), "deviation": torch.ones(1)}
    torch.save(state, tmp_path / "transformer.pt")
    teacher = train_turbo._weights_digest(train_turbo._freeze_transformer(transformer))
    average = randomise_adapter(train_turbo.new_student(transformer))
    torch.save({"optimiser": {"average": average}, "spent": 1.0, "teacher": teacher}, tmp_path / "turbo.pt")
    return tmp_path


def test_the_adapter_is_small_and_readable_by_all(work_folder: Path) -> None:
    train_turbo.export_adapter(work_folder, work_folder / "out")
    file = work_folder / "out" / ADAPTER / FILE
    assert file.stat().st_size < 3_000_000
    assert file.stat().st_mode & 0o777 == 0o644
    weights = load_file(file)
    assert all(weight.dtype == torch.bfloat16 for weight in weights.values())
    assert "transformer.proj_out.lora_B.weight" in weights


@pytest.mark.parametrize("missing", ["turbo.pt", "its transformer"])
def test_no_adapter_is_better_than_one_that_does_not_fit(work_folder: Path, missing: str) -> None:
    train_turbo.export_adapter(work_folder, work_folder / "out")
    if missing == "turbo.pt":
        (work_folder / "turbo.pt").unlink()
    else:
        state = torch.load(work_folder / "transformer.pt")
        state["optimiser"]["average"]["transformer.proj_out.bias"] += 1
        torch.save(state, work_folder / "transformer.pt")
    train_turbo.export_adapter(work_folder, work_folder / "out")
    assert not (work_folder / "out" / ADAPTER).exists()


@pytest.mark.parametrize("kind", [LTXPipeline, LTXConditionPipeline])
def test_diffusers_own_pipelines_load_the_adapter(modules: Modules, turbo_weights: Path, kind: Any) -> None:
    torch.manual_seed(0)
    student = train_turbo.new_student(modules.transformer)
    randomise_adapter(student)
    pipeline = kind.from_pretrained(turbo_weights)
    under_way = lane()
    asked = (under_way, under_way.x, 1.0, under_way.text, under_way.mask)
    without = train_turbo.predict_flow(pipeline.transformer, *asked)
    pipeline.load_lora_weights(turbo_weights / ADAPTER)
    worn = train_turbo.predict_flow(pipeline.transformer, *asked)
    torch.testing.assert_close(worn, train_turbo.predict_flow(student, *asked))
    assert not torch.allclose(worn, without, atol=1e-2)
