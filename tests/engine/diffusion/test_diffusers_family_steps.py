"""The steps of a clip that runs in a pipeline of diffusers: where it is stopped, which it skips, and that nothing of it
stays.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import FirstBlockCacheConfig

from engine.catalog.registry import find_model
from engine.loading.loader import Modules
from engine.runtime.engine import Engine
from engine.types import Done, EngineConfig, JobCancelled, Progress
from tests.support.cancels import cancel_after, never_cancelled
from tests.support.engine_modules import read_modules
from tests.support.model_families import KINDS, STEPS, make_request, new_sampler, render_frames


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("step", [0, 2])
def test_a_cancel_stops_at_the_step_and_spoils_nothing(
    load_modules: Callable[[str], Modules], name: str, step: int
) -> None:
    modules, request = load_modules(name), make_request(name)
    before = render_frames(modules, request)
    passes: list[int] = []
    hook = modules.transformer.register_forward_hook(lambda *_: passes.append(1))
    made, cut = new_sampler(modules, request)
    seen: list[int] = []
    with pytest.raises(JobCancelled):
        seen.extend(made.denoise_window(cut.plan.windows[0], cancel_after(step)))
    hook.remove()
    assert len(passes) <= 2 * step, "nothing is computed after the step at which the cancel is seen"
    assert cut.latents == ({},)
    assert torch.equal(render_frames(modules, request), before)


def test_a_cancel_leaves_no_step_cache_behind(families_config: EngineConfig) -> None:
    """A cache that speeds steps up keeps what it saw until the pipeline is told that the clip is over."""
    model = find_model("wan2.1-t2v-1.3b")
    modules, request = read_modules(model.name, families_config), make_request(model.name)
    modules.transformer.enable_cache(FirstBlockCacheConfig(threshold=0.9))
    before = render_frames(modules, request)
    made, cut = new_sampler(modules, replace(request, prompt="a blue star", seed=8))
    with pytest.raises(JobCancelled):
        list(made.denoise_window(cut.plan.windows[0], cancel_after(2)))
    assert torch.equal(render_frames(modules, request), before)


@pytest.mark.parametrize("name", ["wan2.1-t2v-1.3b", "wan2.2-t2v-a14b", "wan2.2-ti2v-5b", "wan2.1-i2v-14b-480p"])
def test_turbo_skips_blocks_and_full_quality_is_the_same_after_it(
    load_modules: Callable[[str], Modules], name: str
) -> None:
    modules, full = load_modules(name), make_request(name, guidance_scale=5.0)
    before = render_frames(modules, full)
    turbo, steps = replace(full, quality="turbo", steps=None), find_model(name).sampling["turbo"].steps
    computed: list[int] = []
    transformers = [each for each in (modules.transformer, modules.others.get("transformer_2")) if each is not None]
    hooks = [
        block.attn1.register_forward_hook(lambda *_, number=number: computed.append(number))
        for transformer in transformers
        for number, block in enumerate(transformer.blocks)
    ]
    for cancelled in (never_cancelled, cancel_after(3)):
        computed.clear()
        made, cut = new_sampler(modules, turbo)
        with nullcontext() if cancelled is never_cancelled else pytest.raises(JobCancelled):
            assert list(made.denoise_window(cut.plan.windows[0], cancelled)) == list(range(1, steps + 1))
        assert torch.equal(render_frames(modules, full), before)
        if cancelled is never_cancelled:
            turbo_passes = computed[: -2 * 2 * STEPS]
            assert turbo_passes.count(0) == 2 * steps, "one for the prompt and one for what to avoid"
            assert 2 <= turbo_passes.count(1) < turbo_passes.count(0)
        assert computed[-2 * 2 * STEPS :].count(1) == 2 * STEPS, "nothing is skipped at full quality"
    for hook in hooks:
        hook.remove()


def test_leaving_early_stops_the_pipeline(load_modules: Callable[[str], Modules]) -> None:
    modules = load_modules("wan2.1-t2v-1.3b")
    made, cut = new_sampler(modules, make_request("wan2.1-t2v-1.3b"))
    steps = made.denoise_window(cut.plan.windows[0], never_cancelled)
    assert next(steps) == 1
    steps.close()
    assert cut.latents == ({},)


@pytest.mark.parametrize("name", ["wan2.1-t2v-1.3b", "ltx-2"])
def test_a_cancelled_job_leaves_no_file_and_the_next_is_whole(
    families_config: EngineConfig, name: str, tmp_path: Path
) -> None:
    engine = Engine(families_config)
    request = make_request(name, width=256, height=256)
    seen: list[int] = []
    events = engine.run(request, tmp_path, lambda: seen[-1:] == [2])
    with pytest.raises(JobCancelled):
        seen.extend(event.step for event in events if isinstance(event, Progress) and event.stage == "denoising")
    assert seen == [1, 2]
    assert list(tmp_path.iterdir()) == []
    *_, last = engine.run(request, tmp_path, never_cancelled)
    assert isinstance(last, Done)
