"""Makes a module's weights smaller where they lie: as float8 by diffusers itself, as int8 by torchao, as nf4 by
bitsandbytes. Computing stays in the numbers the module came with.

A LoRA must hang on the module before: its own small matrices are left as they are.
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

from engine.placement.policy import Quantisation

_KEPT: Final = (*DEFAULT_SKIP_MODULES_PATTERN, "^time", "shared", "embed_tokens", "wo", "lm_head", "lora_")
"""Parts of a name whose layers stay: norms and ends, where rounding shows most, T5's `wo`, which overflows, LoRAs.

A table of words stays under each of its names: Gemma ends in the one it begins with, and diffusers' pipelines round
what a text encoder says to the numbers that its first weights, the table, are kept in.
"""


def quantise(module: Any, how: Quantisation) -> None:
    """Keep the module's large matrices as `how` says; "none" changes nothing."""
    if how != "none":
        _WAYS[how](module)


def _float8(module: Any) -> None:
    """Stored as float8, and brought back to the module's own numbers layer by layer while it computes."""
    kept = (*_KEPT, *(getattr(module, "_skip_layerwise_casting_patterns", None) or ()))
    apply_layerwise_casting(module, torch.float8_e4m3fn, module.dtype, skip_modules_pattern=kept)


def _int8(module: Any) -> None:
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    wanted = {name for name, _ in _matrices(module)}
    quantize_(module, Int8WeightOnlyConfig(), filter_fn=lambda _layer, name: name in wanted)


def _nf4(module: Any) -> None:
    from bitsandbytes.nn import Linear4bit, Params4bit

    for name, layer in list(_matrices(module)):
        small = Linear4bit(
            layer.in_features, layer.out_features, layer.bias is not None, module.dtype, quant_type="nf4"
        )
        small.weight = Params4bit(layer.weight.data, requires_grad=False, quant_type="nf4")
        small.bias = layer.bias
        parent, _, own = name.rpartition(".")
        setattr(module.get_submodule(parent), own, small.to(layer.weight.device))


def _matrices(module: nn.Module) -> Iterator[tuple[str, nn.Linear]]:
    """The linear layers that may shrink, by their names."""
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Linear) and not any(re.search(kept, name) for kept in _KEPT):
            yield name, layer


_WAYS: Final[Mapping[Quantisation, Callable[[Any], None]]] = MappingProxyType(
    {"float8": _float8, "int8": _int8, "nf4": _nf4}
)
