"""Turbo quality: an adapter that a job activates and the next one does not feel."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.catalog.registry import find_model
from engine.diffusion import ltx
from engine.diffusion.conditioning import prepare_tokens
from engine.diffusion.latents import ClipState
from engine.diffusion.schedule import resolve_sampling
from engine.loading.loader import Modules
from engine.mini.training.train_turbo import ADAPTER
from engine.planning.timeline import plan_clip
from engine.runtime.engine import Engine
from engine.types import EngineConfig, EngineError, Progress, Request
from tests.support.cancels import never_cancelled
from tests.support.engine_modules import read_modules
from tests.support.turbo_adapters import write_turbo_adapter

MINI = find_model("kinora-mini")
TURBO, FULL = MINI.sampling["turbo"], MINI.sampling["full"]
FILE = "pytorch_lora_weights.safetensors"


@pytest.fixture(scope="module")
def turbo_weights(modules: Modules, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that came with an adapter."""
    copy = shutil.copytree(weights, tmp_path_factory.mktemp("turbo") / "weights")
    write_turbo_adapter(modules.transformer, copy / ADAPTER)
    return copy


@pytest.fixture(scope="module")
def turbo_config(turbo_weights: Path) -> EngineConfig:
    return EngineConfig(weights={"kinora-mini": str(turbo_weights)}, device="cpu", dtype="float32", threads=1)


@pytest.fixture(scope="module")
def turbo_modules(turbo_config: EngineConfig) -> Modules:
    return read_modules(MINI.name, turbo_config)


def latents(modules: Modules, request: Request) -> torch.Tensor:
    made, how = plan_clip(request), resolve_sampling(MINI, request, modules.adapters)
    text = ltx.encode_prompts(modules, made, "", how)
    tokens = prepare_tokens(modules, ClipState.empty(made), made.windows[0])
    list(ltx.denoise_tokens(modules, made, how, text, tokens, request.seed, never_cancelled))
    return tokens.latents


def test_full_quality_is_bit_for_bit_what_it_is_without_an_adapter(
    modules: Modules, turbo_modules: Modules, request_: Request
) -> None:
    turbo = replace(request_, quality="turbo")
    before = latents(turbo_modules, request_)
    fast = latents(turbo_modules, turbo)
    after = latents(turbo_modules, request_)
    assert torch.equal(before, after)
    assert torch.equal(before, latents(modules, request_))
    assert torch.equal(fast, latents(turbo_modules, turbo))
    alone = replace(request_, guidance_scale=1.0)
    assert not torch.allclose(fast, latents(turbo_modules, alone), atol=1e-2), "the adapter must do something"


def test_a_turbo_job_left_half_way_is_not_felt_by_the_next(turbo_modules: Modules, request_: Request) -> None:
    before = latents(turbo_modules, request_)
    turbo = replace(request_, quality="turbo")
    made, how = plan_clip(turbo), resolve_sampling(MINI, turbo, turbo_modules.adapters)
    text = ltx.encode_prompts(turbo_modules, made, "", how)
    tokens = prepare_tokens(turbo_modules, ClipState.empty(made), made.windows[0])
    steps: Iterator[int] = ltx.denoise_tokens(turbo_modules, made, how, text, tokens, turbo.seed, never_cancelled)
    next(steps)  # and never closed
    assert torch.equal(latents(turbo_modules, request_), before)


def passes(engine: Engine, request: Request, out: Path) -> tuple[list[int], set[int]]:
    """The batch of each pass through the transformer, and how many steps were announced."""
    list(engine.run(request, out, never_cancelled))
    assert engine._loaded_model is not None
    seen: list[int] = []
    handle = engine._loaded_model[1].transformer.register_forward_pre_hook(
        lambda _module, _inputs, given: seen.append(len(given["hidden_states"])), with_kwargs=True
    )
    steps = {event.steps for event in engine.run(request, out, never_cancelled) if isinstance(event, Progress)}
    handle.remove()
    return seen, steps


def test_turbo_is_a_few_passes_without_a_second_one_each(
    turbo_config: EngineConfig, request_: Request, tmp_path: Path
) -> None:
    turbo = replace(request_, quality="turbo", steps=None)
    assert passes(Engine(turbo_config), turbo, tmp_path) == ([1] * TURBO.steps, {TURBO.steps})


def test_weights_without_an_adapter_make_turbo_the_plain_way(weights: Path, request_: Request, tmp_path: Path) -> None:
    plain = TURBO.without_adapter
    assert plain is not None
    config = EngineConfig(weights={"kinora-mini": str(weights)}, device="cpu", dtype="float32", threads=1)
    turbo = replace(request_, quality="turbo", steps=None)
    assert passes(Engine(config), turbo, tmp_path) == ([2] * plain.steps, {plain.steps})


def test_numbers_may_be_halved_with_an_adapter_too(turbo_config: EngineConfig) -> None:
    half = replace(turbo_config, dtype="bfloat16")
    modules = read_modules(MINI.name, half)
    assert {weight.dtype for weight in modules.transformer.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("fault", ["no safetensors", "another model's", "nothing for a transformer"])
def test_an_adapter_that_cannot_be_used_is_named(turbo_weights: Path, tmp_path: Path, fault: str) -> None:
    copy = shutil.copytree(turbo_weights, tmp_path / "copy")
    file = copy / ADAPTER / FILE
    if fault == "no safetensors":
        file.write_bytes(b"\x00not what it was")
    elif fault == "another model's":
        save_file({name: torch.zeros(weight.shape[0], 3) for name, weight in load_file(file).items()}, file)
    else:
        save_file({f"unet.{name}": weight for name, weight in load_file(file).items()}, file)
    config = EngineConfig(weights={"kinora-mini": str(copy)}, device="cpu", dtype="float32", threads=1)
    with pytest.raises(EngineError) as caught:
        read_modules(MINI.name, config)
    assert caught.value.code == "model_broken"
    assert str(copy / ADAPTER) in str(caught.value)
