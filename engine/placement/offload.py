"""Applies a placement to a model's loaded modules: offload, quantization, attention kernels and compilation, by
diffusers' own means. It lasts as long as the model is loaded, and knows nothing of sampling.

Modules are told apart by name alone: those that begin with `transformer` and `text_encoder` are offloaded, quantized
and compiled; every other one (the autoencoder) stays on the device, because it decodes while the next window is
denoised.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from diffusers.hooks import apply_group_offloading
from diffusers.models.attention_dispatch import AttentionBackendName, _check_attention_backend_requirements
from torch import nn

from engine.placement.policy import MASKLESS, Placement
from engine.placement.quantization import quantize_module
from engine.types import EngineError


def arrange_modules(modules: Mapping[str, Any], placement: Placement) -> None:
    """Apply `placement` to modules in evaluation mode, on the device they were loaded to."""
    device = torch.device(placement.device)
    movable = {name: module for name, module in modules.items() if name.startswith(("transformer", "text_encoder"))}
    transformers = [module for name, module in movable.items() if name.startswith("transformer")]
    for module in movable.values():
        quantize_module(module, placement.quantization)
    for transformer in transformers:
        set_attention_backend(transformer, placement.attention)
    for name, module in modules.items():
        if isinstance(module, nn.Module) and (name not in movable or placement.offload == "none"):
            module.to(device)
    if placement.offload == "model":
        rotate_modules(movable.values(), device)
    elif placement.offload == "group":
        for module in movable.values():
            stream_layers(module, device)
    if placement.compile:
        for transformer in transformers:
            compile_blocks(transformer)


def rotate_modules(modules: Iterable[nn.Module], device: torch.device) -> None:
    """Keep at most one of the modules on the device: a call moves its module there and the previous one to the CPU."""
    rotation = _DeviceRotation(device)
    for module in modules:
        module.register_forward_pre_hook(rotation.bring_module)
        module.register_forward_pre_hook(rotation.move_inputs, with_kwargs=True)


class _DeviceRotation:
    """Tracks which of several modules is on the device."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.resident: nn.Module | None = None

    def bring_module(self, module: nn.Module, _arguments: object) -> None:
        if self.resident is module:
            return
        if self.resident is not None:
            self.resident.to("cpu")
        self.resident = None  # while the move runs, and if it fails for lack of memory
        module.to(self.device)
        self.resident = module

    def move_inputs(
        self, _module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Move a call's tensors to the device: some callers put them where they find the weights, on the CPU."""
        return tuple(map(self._to_device, args)), {name: self._to_device(value) for name, value in kwargs.items()}

    def _to_device(self, value: Any) -> Any:
        return value.to(self.device) if isinstance(value, torch.Tensor) else value


def stream_layers(module: nn.Module, device: torch.device) -> None:
    """Offload the module layer by layer; on a GPU the next layer is copied while the previous one computes."""
    apply_group_offloading(
        module,
        onload_device=device,
        offload_device=torch.device("cpu"),
        offload_type="leaf_level",
        use_stream=device.type == "cuda",
    )


def set_attention_backend(transformer: Any, backend: str) -> None:
    """Set the attention kernel. Backends without mask support serve self-attention only, since text comes masked.

    Raises EngineError `bad_setting` where the backend does not run on this machine.
    """
    if backend == "native":
        return
    try:
        kernel = AttentionBackendName(backend)
        _check_attention_backend_requirements(kernel)
    except (RuntimeError, ValueError) as error:
        raise EngineError("bad_setting", f"The setting attention={backend} cannot be done here: {error}") from error
    for name, layer in attention_layers(transformer):
        if backend not in MASKLESS or not is_cross_attention(name):
            layer.processor._attention_backend = kernel  # noqa: SLF001 (not every layer has a setter for it)


def is_cross_attention(name: str) -> bool:
    """Whether the attention layer of this name attends to the text, by the naming of diffusers' transformers."""
    return name.rpartition(".")[2].removeprefix("audio_").startswith(("attn2", "cross"))


def attention_layers(transformer: Any) -> list[tuple[str, Any]]:
    return [(name, layer) for name, layer in transformer.named_modules() if hasattr(layer, "set_processor")]


def compile_blocks(transformer: Any) -> None:
    """Compile the repeated block once for all sizes; where the compiler fails, the block runs uncompiled."""
    torch._dynamo.config.suppress_errors = True  # noqa: SLF001 (its documented switch)
    if getattr(transformer, "_repeated_blocks", None):
        transformer.compile_repeated_blocks(dynamic=True)
    else:
        transformer.compile(dynamic=True)
