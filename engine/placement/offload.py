"""Carries out a placement: puts a model's loaded modules where it says, by diffusers' own means.

It takes modules by their names alone: those that begin with `transformer` and `text_encoder` are moved, cast, compiled
and shared, and every other one (the autoencoder) stays on the device, because it decodes while the next window is
denoised. Sampling is not its concern; what it does lasts as long as the model is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from diffusers.hooks import apply_group_offloading
from diffusers.models.attention_dispatch import AttentionBackendName, _check_attention_backend_requirements
from torch import nn

from engine.placement.policy import MASKLESS, Placement
from engine.placement.quantization import quantise
from engine.types import EngineError


def arrange(modules: Mapping[str, Any], placement: Placement) -> None:
    """Put the modules where `placement` says. They come in evaluation mode at `placement.home`."""
    device = torch.device(placement.device)
    moved = {name: module for name, module in modules.items() if name.startswith(("transformer", "text_encoder"))}
    transformers = [module for name, module in moved.items() if name.startswith("transformer")]
    for module in moved.values():
        quantise(module, placement.quantisation)
    for transformer in transformers:
        attend(transformer, placement.attention)
    for name, module in modules.items():
        if isinstance(module, nn.Module) and name not in moved:
            module.to(device)
    if placement.offload == "model":
        take_turns(moved.values(), device)
    elif placement.offload == "group":
        for module in moved.values():
            stream(module, device)
    if placement.compile:
        for transformer in transformers:
            compile_blocks(transformer)


def take_turns(modules: Iterable[nn.Module], device: torch.device) -> None:
    """Keep at most one of the modules on the device: whichever is called comes, and sends the one before it home."""
    turns = _Turns(device)
    for module in modules:
        module.register_forward_pre_hook(turns.come)
        module.register_forward_pre_hook(turns.bring, with_kwargs=True)


class _Turns:
    """Which of several modules is on the device."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.here: nn.Module | None = None

    def come(self, module: nn.Module, _arguments: object) -> None:
        if self.here is module:
            return
        if self.here is not None:
            self.here.to("cpu")
        self.here = None  # while it comes neither is there, and should there be no room, nobody is
        module.to(self.device)
        self.here = module

    def bring(
        self, _module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Let what a module is called with follow it: some callers put that where they find its weights, at home."""
        return tuple(map(self._brought, given)), {name: self._brought(value) for name, value in named.items()}

    def _brought(self, value: Any) -> Any:
        return value.to(self.device) if isinstance(value, torch.Tensor) else value


def stream(module: nn.Module, device: torch.device) -> None:
    """Let the module's layers follow each other through the device, on a GPU while the one before computes."""
    apply_group_offloading(
        module,
        onload_device=device,
        offload_device=torch.device("cpu"),
        offload_type="leaf_level",
        use_stream=device.type == "cuda",
    )


def attend(transformer: Any, backend: str) -> None:
    """Choose the kernel of attention. Backends without masks serve self-attention alone where text comes masked."""
    if backend == "native":
        return
    try:
        kernel = AttentionBackendName(backend)
        _check_attention_backend_requirements(kernel)
    except (RuntimeError, ValueError) as error:
        raise EngineError("bad_setting", f"The setting attention={backend} cannot be done here: {error}") from error
    for name, layer in _attentions(transformer):
        if backend not in MASKLESS or not crosses(name):
            layer.processor._attention_backend = kernel  # noqa: SLF001 (not every layer can be asked to do it)


def crosses(name: str) -> bool:
    """Whether a layer of attention looks at the text, as diffusers' transformers name them."""
    return name.rpartition(".")[2].removeprefix("audio_").startswith(("attn2", "cross"))


def _attentions(transformer: Any) -> list[tuple[str, Any]]:
    return [(name, each) for name, each in transformer.named_modules() if hasattr(each, "set_processor")]


def compile_blocks(transformer: Any) -> None:
    """Compile the repeated block, once for all sizes; where the compiler gives up, the block runs as it is."""
    torch._dynamo.config.suppress_errors = True  # noqa: SLF001 (its documented switch)
    if getattr(transformer, "_repeated_blocks", None):
        transformer.compile_repeated_blocks(dynamic=True)
    else:
        transformer.compile(dynamic=True)
