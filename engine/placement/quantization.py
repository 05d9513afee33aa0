"""Quantizes a module's weights in place: to float8 by diffusers itself, int8 by torchao, nf4 by bitsandbytes. It still
computes in the dtype it was loaded in.

LoRAs must be attached before: their own small matrices are left as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import torch
from diffusers.hooks import apply_layerwise_casting
from diffusers.hooks.layerwise_casting import DEFAULT_SKIP_MODULES_PATTERN
from torch import nn

from engine.placement.memory import Quantization

_SKIPPED_LAYERS: Final = (*DEFAULT_SKIP_MODULES_PATTERN, "^time", "shared", "embed_tokens", "wo", "lm_head", "lora_")
"""Patterns of layer names that are not quantized: norms and the first and last layers, where rounding shows most, T5's
`wo`, which overflows, and LoRAs.

The token embedding is skipped under each of its names: Gemma ties its output layer to it, and diffusers' pipelines cast
a text encoder's output to the dtype of its first weights, which are the embedding.
"""

_QUANTIZED: Final = "is_quantized_by_kinora"
"""The attribute that marks a module whose matrices are quantized."""


def quantize_module(module: Any, quantization: Quantization) -> None:
    """Store the module's large matrices in the format `quantization`; "none" changes nothing, and neither does it where
    the module was read in that format.
    """
    if quantization != "none" and not getattr(module, _QUANTIZED, False):
        setattr(module, _QUANTIZED, True)
        _QUANTIZERS[quantization](module)


def _cast_to_float8(module: Any) -> None:
    """Store the weights as float8, and cast them back to the module's dtype layer by layer as it computes."""
    skipped = (*_SKIPPED_LAYERS, *(getattr(module, "_skip_layerwise_casting_patterns", None) or ()))
    apply_layerwise_casting(module, torch.float8_e4m3fn, module.dtype, skip_modules_pattern=skipped)


def _quantize_to_int8(module: Any) -> None:
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    large = {name for name, _ in _large_matrices(module)}
    quantize_(module, Int8WeightOnlyConfig(), filter_fn=lambda _layer, name: name in large)


def _quantize_to_nf4(module: Any) -> None:
    from bitsandbytes.nn import Linear4bit, Params4bit

    for name, layer in list(_large_matrices(module)):
        quantized = Linear4bit(
            layer.in_features, layer.out_features, layer.bias is not None, module.dtype, quant_type="nf4"
        )
        quantized.weight = Params4bit(layer.weight.data, requires_grad=False, quant_type="nf4")
        quantized.bias = layer.bias
        parent, _, child = name.rpartition(".")
        setattr(module.get_submodule(parent), child, quantized.to(layer.weight.device))


def _large_matrices(module: nn.Module) -> Iterator[tuple[str, nn.Linear]]:
    """The linear layers that may be quantized, with their names."""
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Linear) and not any(re.search(pattern, name) for pattern in _SKIPPED_LAYERS):
            yield name, layer


_QUANTIZERS: Final[Mapping[Quantization, Callable[[Any], None]]] = MappingProxyType(
    {"float8": _cast_to_float8, "int8": _quantize_to_int8, "nf4": _quantize_to_nf4}
)
