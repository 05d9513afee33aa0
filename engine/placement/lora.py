"""LoRAs on a model's transformers: attached once when it is loaded, inactive until a job activates them. Where a model
has two transformers, for high and for low noise, both have the same LoRAs.

A LoRA is small beside its model, so all of them can stay attached. Each job activates its own set, so that nothing of
the previous job remains.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, TypeAlias

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from engine.placement.lora_files import LORA_FILE, LoraFile, read_lora_file
from engine.placement.lora_layouts import (
    ORIGINAL_NAMES,
    BadLoraError,
    LoraLayer,
    configured_scale,
    group_by_layer,
    match_layers,
)
from engine.types import LoraWeight

__all__ = ["LORA_FILE", "activate_loras", "adapter_name", "attach_lora", "check_lora", "unusable_reason"]

Weights: TypeAlias = dict[str, torch.Tensor]

_ADAPTER_PART: Final = re.compile(r"\.(base_layer|lora_\w+)(\.|$)")
"""Modules within a layer that has LoRAs."""


def adapter_name(name: str) -> str:
    """The adapter name of an operator's LoRA, distinct from those of the model's own adapters."""
    return f"lora_{name}"


def attach_lora(transformers: Collection[Any], name: str, source: str) -> str:
    """Attach a LoRA to each of a model's transformers, inactive. `source` is a folder, a .safetensors file, or either
    on the hub. Returns a digest of its weights.

    Raises BadLoraError for one that cannot be applied exactly, and OSError. The transformers are then as they were.
    """
    weights = check_lora(next(iter(transformers)), source)
    try:
        for transformer in transformers:
            with warnings.catch_warnings():  # several LoRAs on one model are intended
                warnings.filterwarnings("ignore", "Already found a `peft_config`", UserWarning)
                transformer.load_lora_adapter(dict(weights), adapter_name=name, prefix=None)
            _keep_own_numbers(transformer, name, weights)
    except BaseException:
        _detach_lora(transformers, name)
        raise
    for transformer in transformers:
        transformer.disable_adapters()
    return _weights_digest(weights)


def check_lora(transformer: Any, source: str) -> Weights:
    """The weights of a LoRA in diffusers' layout, with its scale worked into them. Changes nothing, and the
    transformer may be on the device "meta".

    Raises BadLoraError for one that this transformer cannot take exactly as it is, and OSError.
    """
    kind = type(transformer).__name__
    if kind not in ORIGINAL_NAMES:
        raise BadLoraError(f"cannot be applied: a {kind} takes no LoRA")
    file = read_lora_file(source)
    if broken := [name for name, tensor in file.tensors.items() if not tensor.float().isfinite().all()]:
        raise BadLoraError(f"is damaged: {broken[0]} holds numbers that are not finite")
    layers = group_by_layer(file.tensors, {name for name, tensor in file.tensors.items() if not tensor.float().any()})
    modules = _adaptable_layers(transformer)
    weights: Weights = {}
    for layer, module in match_layers(layers, kind, modules).items():
        weights |= _layer_weights(file, layers[layer], module, modules[module])
    return _with_all_biases(weights)


def unusable_reason(error: Exception) -> str:
    """Why a LoRA cannot be used, as the end of a sentence for whoever asked for it: no path and no address."""
    if isinstance(error, BadLoraError):
        return str(error)
    return "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read ({type(error).__name__})"


def activate_loras(transformer: Any, loras: Sequence[LoraWeight]) -> None:
    """Activate these attached LoRAs, and deactivate all others.

    Without any the transformer computes bit for bit what it would if none were attached. Changing takes a few
    milliseconds, so every window sets its own rather than rely on the previous one to have reset them.
    """
    transformer.active_loras = tuple(loras)  # read where other ranks make the same forward call
    if loras:
        transformer.set_adapters([lora.name for lora in loras], [lora.weight for lora in loras])
        transformer.enable_adapters()
    elif getattr(transformer, "peft_config", None):
        transformer.disable_adapters()


def _adaptable_layers(transformer: nn.Module) -> dict[str, Any]:
    """The layers that a LoRA may change, by diffusers' names; of those with LoRAs already the original ones."""
    layers = {}
    for name, module in transformer.named_modules():
        if isinstance(module, BaseTunerLayer):
            layers[name] = module.get_base_layer()
        elif isinstance(module, nn.Linear | nn.Conv3d) and not _ADAPTER_PART.search(name):
            layers[name] = module
    return layers


def _keep_own_numbers(transformer: Any, name: str, weights: Weights) -> None:
    """Give the matrices back the numbers that peft rounded to the format in which the layer below is stored."""
    for key, matrix in weights.items():
        layer, _, ending = key.rpartition(".lora_")
        role, _, kind = ending.partition(".")
        parameter = transformer.get_parameter(f"{layer}.lora_{role}.{name}.{kind}")
        parameter.data = matrix.to(transformer.device, transformer.dtype)


def _detach_lora(transformers: Collection[Any], name: str) -> None:
    for transformer in transformers:
        if name in getattr(transformer, "peft_config", {}):
            transformer.delete_adapters(name)


def _layer_weights(file: LoraFile, layer: LoraLayer, module: str, base: Any) -> Weights:
    """One layer's matrices in diffusers' naming, with its scale worked into them. Raises BadLoraError."""
    tensors = {role: file.tensors[name] for role, name in layer.tensors.items()}
    outputs, inputs = base.weight.shape[0], base.weight.shape[1:]
    down = tensors.get("down", torch.zeros(1, *inputs))  # of a layer that has a bias alone
    up = tensors.get("up", torch.zeros(outputs, 1))
    rank = len(down) if down.ndim else 0
    if not rank or down.numel() != rank * inputs.numel() or up.numel() != rank * outputs:
        shapes = f"{tuple(up.shape)} times {tuple(down.shape)} for a weight of {tuple(base.weight.shape)}"
        raise BadLoraError(f"is for another model: its layer {module} has {shapes}")
    scale = _layer_scale(file, tensors.get("alpha"), module, rank)
    weights = {
        f"{module}.lora_A.weight": down.reshape(rank, *inputs),
        f"{module}.lora_B.weight": _scaled(up, scale).reshape(outputs, rank, *(1 for _ in inputs[1:])),
    }
    return weights | ({f"{module}.lora_B.bias": tensors["bias"]} if "bias" in tensors else {})


def _layer_scale(file: LoraFile, alpha: torch.Tensor | None, module: str, rank: int) -> float:
    if alpha is None:
        return configured_scale(file.config, module, rank)
    if alpha.numel() != 1:
        raise BadLoraError(f"has an alpha of {alpha.numel()} numbers for its layer {module}")
    return float(alpha) / rank


def _scaled(matrix: torch.Tensor, scale: float) -> torch.Tensor:
    return matrix if scale == 1 else matrix.float() * scale


def _with_all_biases(weights: Weights) -> Weights:
    """Where one layer has a bias, peft expects one of each: those of the others change nothing."""
    if not any(name.endswith(".bias") for name in weights):
        return weights
    outputs = {name: matrix for name, matrix in weights.items() if name.endswith("lora_B.weight")}
    return {
        name.replace(".weight", ".bias"): matrix.new_zeros(len(matrix)) for name, matrix in outputs.items()
    } | weights


def _weights_digest(weights: Mapping[str, torch.Tensor]) -> str:
    """A digest of all weights, independent of the file they came from; a gigabyte takes a second."""
    digest = blake2b(digest_size=16)
    for name in sorted(weights):
        digest.update(f"{name} {weights[name].dtype} {tuple(weights[name].shape)}".encode())
        digest.update(weights[name].contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
