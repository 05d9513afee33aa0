"""Every way of putting a model on a machine that runs without a GPU, against the model as it is.

Moving between a GPU and the machine's memory cannot be seen on a processor: there the hooks run, and what they compute
is compared, but both ends are the same place.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

import pytest
import torch
from diffusers.models.attention_dispatch import AttentionBackendName, _AttentionBackendRegistry

from engine.catalog.model import Sampling
from engine.catalog.registry import find_model
from engine.diffusion import ltx
from engine.diffusion.conditioning import prepare_tokens, store_latents
from engine.diffusion.latents import ClipState, decode_span
from engine.loading.loader import Modules
from engine.placement.offload import _DeviceRotation, arrange_modules, rotate_modules, set_attention_backend
from engine.placement.policy import Placement
from engine.planning.plan import DecodeSpan, Window
from engine.planning.timeline import plan_clip
from engine.types import EngineConfig, EngineError, Request
from tests.support.engine_modules import read_modules

MINI = find_model("kinora-mini")
PLAIN: Final = Placement(device="cpu", dtype="float32")
HOW: Final = Sampling(steps=2, guidance_scale=3.0)


@pytest.fixture
def load_mini(config: EngineConfig) -> Callable[[], Modules]:
    return lambda: read_modules(MINI.name, config)


@pytest.fixture(scope="module")
def truth(modules: Modules) -> torch.Tensor:
    return clip(modules)


def module_map(modules: Modules) -> dict[str, Any]:
    return {name: getattr(modules, name) for name in ("tokenizer", "scheduler", "text_encoder", "vae", "transformer")}


def arranged(fresh: Callable[[], Modules], **how: Any) -> Modules:
    modules = fresh()
    arrange_modules(module_map(modules), replace(PLAIN, **how))
    return modules


def clip(modules: Modules) -> torch.Tensor:
    """All frames of a short clip, through text encoder, transformer and autoencoder."""
    request = Request("kinora-mini", "a red ball", 160, 96, 2, 7, negative_prompt="a")
    made = plan_clip(request)
    cut = ClipState.empty(made)
    text = ltx.encode_prompts(modules, made, request.negative_prompt, HOW)
    frames = []
    for step in made.steps:
        if isinstance(step, Window):
            tokens = prepare_tokens(modules, cut, step)
            list(
                ltx.denoise_tokens(
                    modules, made, HOW, text.select_prompts(step.prompt_weights), tokens, step.seed, lambda: False
                )
            )
            store_latents(modules, cut, step, tokens)
        elif isinstance(step, DecodeSpan):
            frames.append(decode_span(modules, cut, step))
    return torch.cat(frames)


@pytest.mark.parametrize("offload", ["none", "model", "group"])
def test_offloading_changes_no_bit(load_mini: Callable[[], Modules], truth: torch.Tensor, offload: str) -> None:
    modules = arranged(load_mini, offload=offload)
    assert torch.equal(clip(modules), truth)
    assert torch.equal(clip(modules), truth), "nor the second time"


def test_blocks_really_travel_under_group_offload(load_mini: Callable[[], Modules]) -> None:
    modules = arranged(load_mini, offload="group")
    for module in (modules.transformer, modules.text_encoder):
        assert any("group_offloading" in each._diffusers_hook.hooks for each in hooked(module))
    assert not list(hooked(modules.vae)), "the autoencoder works while the next window is denoised, and stays"


def hooked(module: torch.nn.Module) -> Iterator[Any]:
    return (each for each in module.modules() if hasattr(each, "_diffusers_hook"))


def test_one_part_at_a_time_is_on_the_device() -> None:
    """On torch's device without storage, where one sees who is there; coming home from it is another matter."""
    turns = _DeviceRotation(torch.device("meta"))
    first, second = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    first.register_forward_pre_hook(turns.bring_module)
    first(torch.empty(1, 2, device="meta"))
    assert first.weight.device.type == "meta"
    assert second.weight.device.type == "cpu"
    assert turns.resident is first
    sent: list[str] = []
    first.to = sent.append  # type: ignore[method-assign, assignment]
    turns.bring_module(second, ())
    assert sent == ["cpu"]
    assert turns.resident is second
    assert second.weight.device.type == "meta"


def test_what_a_part_is_called_with_follows_it() -> None:
    """Diffusers' pipelines for Wan put words where they find the text encoder's weights, which is at home."""
    module = torch.nn.Linear(2, 2)
    rotate_modules([module], torch.device("meta"))
    assert module(torch.empty(1, 2)).device.type == "meta"
    assert module(input=torch.empty(1, 2)).device.type == "meta"


def test_a_part_that_finds_no_room_leaves_nobody_there() -> None:
    turns, module = _DeviceRotation(torch.device("cpu")), torch.nn.Linear(2, 2)

    def full(*_arguments: object) -> None:
        raise torch.OutOfMemoryError

    module.to = full  # type: ignore[method-assign, assignment]
    with pytest.raises(torch.OutOfMemoryError):
        turns.bring_module(module, ())
    assert turns.resident is None


def test_float8_storage_stays_close(load_mini: Callable[[], Modules], truth: torch.Tensor) -> None:
    modules = arranged(load_mini, quantization="float8")
    kinds = {layer.weight.dtype for layer in modules.transformer.modules() if isinstance(layer, torch.nn.Linear)}
    assert torch.float8_e4m3fn in kinds
    frames = clip(modules)
    assert not torch.equal(frames, truth)
    assert (frames - truth).abs().mean() < 0.05 * truth.std()


def test_float8_storage_travels_too(load_mini: Callable[[], Modules]) -> None:
    assert torch.equal(
        clip(arranged(load_mini, quantization="float8", offload="group")),
        clip(arranged(load_mini, quantization="float8")),
    )


@pytest.mark.parametrize(("how", "package"), [("int8", "torchao"), ("nf4", "bitsandbytes")])
@pytest.mark.filterwarnings("ignore")  # theirs, of kernels for GPUs that are not here
def test_other_packages_quantize_where_they_are_installed(
    load_mini: Callable[[], Modules], truth: torch.Tensor, how: str, package: str
) -> None:
    pytest.importorskip(package)
    frames = clip(arranged(load_mini, quantization=how))
    assert not torch.equal(frames, truth)
    assert (frames - truth).abs().mean() < 0.2 * truth.std()


@pytest.mark.parametrize("backend", ["native", "_native_math", "flex"])
@pytest.mark.filterwarnings("ignore:flex_attention called without")
def test_attention_by_another_kernel_computes_the_same(
    load_mini: Callable[[], Modules], truth: torch.Tensor, backend: str
) -> None:
    torch.testing.assert_close(clip(arranged(load_mini, attention=backend)), truth, rtol=1e-3, atol=1e-4)


def test_a_kernel_without_masks_serves_self_attention_alone(
    load_mini: Callable[[], Modules], truth: torch.Tensor
) -> None:
    modules = arranged(load_mini, attention="_native_flash")
    (block, *_) = modules.transformer.transformer_blocks
    assert block.attn1.processor._attention_backend == AttentionBackendName._NATIVE_FLASH
    assert block.attn2.processor._attention_backend is None
    assert _AttentionBackendRegistry.get_active_backend()[0] == AttentionBackendName.NATIVE, "nor anybody else"
    torch.testing.assert_close(clip(modules), truth, rtol=1e-3, atol=1e-4)


def test_a_kernel_that_diffusers_refuses_is_named(modules: Modules) -> None:
    with pytest.raises(EngineError, match="attention=sage") as caught:
        set_attention_backend(modules.transformer, "sage")
    assert caught.value.code == "bad_setting"


@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a compiler")
@pytest.mark.filterwarnings("ignore")  # the compiler's own, of how it is built
def test_a_compiled_block_computes_the_same(load_mini: Callable[[], Modules], truth: torch.Tensor) -> None:
    modules = arranged(load_mini, compile=True)
    torch.testing.assert_close(clip(modules), truth, rtol=1e-3, atol=1e-4)
    assert all(block._compiled_call_impl is not None for block in modules.transformer.transformer_blocks)
