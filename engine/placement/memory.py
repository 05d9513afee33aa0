"""Which ways of placing a model fit a machine's memory, from the sizes of its weights. Pure arithmetic.

The ways are tried from the fastest and most exact to the one that needs least:

| offload | quantization | why in this place                                                                           |
|---------|--------------|---------------------------------------------------------------------------------------------|
| none    | none         | everything stays on the GPU as it is                                                        |
| model   | none         | text encoders and transformers one at a time: two moves a clip                              |
| none    | float8       | a step takes 1.04 times as long (diffusers' benchmark)                                      |
| model   | float8       | both                                                                                        |
| group   | none         | layer by layer through the GPU: a step takes 1.9 times as long (the same)                   |
| group   | float8       | for machines whose own memory could not hold the weights as they are                        |
| any     | nf4          | the same where bitsandbytes is installed: a quarter of the weights, and less exact          |

A model that runs out of memory all the same goes on with the next way of the list that needs less on the GPU. The list
ends, and so does that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, get_args

from engine.catalog.model import ModelEntry, WeightSizes

Offload: TypeAlias = Literal["none", "model", "group"]
Quantization: TypeAlias = Literal["none", "float8", "int8", "nf4"]

OFFLOADS: Final = get_args(Offload)
"""From the fastest to the one that needs least memory."""
WAYS: Final[tuple[tuple[Offload, Quantization], ...]] = (
    ("none", "none"),
    ("model", "none"),
    ("none", "float8"),
    ("model", "float8"),
    ("group", "none"),
    ("group", "float8"),
    ("none", "nf4"),
    ("model", "nf4"),
    ("group", "nf4"),
)
"""The table above."""
USABLE_GPU: Final = 0.9  # of a GPU's memory; the rest is for torch itself and fragmentation
USABLE_HOST: Final = 0.85  # of the machine's memory; the rest is for the system and this process
_QUANTIZED_SIZE: Final = MappingProxyType({"none": 1.0, "float8": 0.55, "int8": 0.55, "nf4": 0.35})
"""Memory of quantized weights as a share of the unquantized: norms, embeddings and the last layers do not shrink."""
_STREAMED_SHARE, _STREAMED_GB = 0.25, 2.0
"""What group offload keeps on the GPU at most, as a share of the largest module and in GB: a layer and the next one."""


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """One way of placing a model, with the peaks predicted for it in GB: on the GPU while a clip is made, and in the
    machine's own memory for what is offloaded.
    """

    offload: Offload
    quantization: Quantization
    gpu_gb: float
    host_gb: float


def predict_memory(model: ModelEntry, offload: Offload, quantization: Quantization, width: float = 1.0) -> MemoryPlan:
    """The peaks of a model placed this way. `width` is that of its unquantized numbers beside bfloat16: 2 for float32.

    Beside the weights there are the tensors of a clip: what the catalog's `memory_gb` says beyond the weights.
    """
    sizes, share = model.weights_gb, _QUANTIZED_SIZE[quantization] * (width if quantization == "none" else 1.0)
    text, transformer = sizes.text * share, sizes.transformer * share
    movable = text + transformer * sizes.transformers
    staying = sizes.rest * width + _clip_gb(model, sizes)
    if offload == "none":
        return MemoryPlan(offload, quantization, movable + staying, 0.0)
    largest = max(text, transformer)
    working = largest if offload == "model" else min(_STREAMED_GB, largest * _STREAMED_SHARE)
    return MemoryPlan(offload, quantization, working + staying, movable)


def fitting_plans(candidates: Sequence[MemoryPlan], gpu: float, host: float) -> list[MemoryPlan]:
    """The plans to try on a GPU of so many GB in a machine of so many: the first that is predicted to fit, then each
    that needs less on the GPU than the one before.

    Where none is predicted to fit on the GPU, the smallest offloaded one is tried all the same, since a clip may be
    smaller than the prediction. Empty where the machine's own memory holds none either.
    """
    held = [plan for plan in candidates if plan.host_gb <= host * USABLE_HOST]
    fitting = [plan for plan in held if plan.gpu_gb <= gpu * USABLE_GPU]
    smallest = sorted((plan for plan in held if plan.offload != "none"), key=lambda plan: plan.gpu_gb)
    ladder = (fitting or smallest)[:1]
    for plan in held[held.index(ladder[0]) + 1 :] if ladder else ():
        if plan.gpu_gb < ladder[-1].gpu_gb:
            ladder.append(plan)
    return ladder


def _clip_gb(model: ModelEntry, sizes: WeightSizes) -> float:
    return max(0.1, model.memory_gb - sizes.total)
