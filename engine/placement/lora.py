"""LoRAs on a model's transformers: hung there once when it is loaded, each off until a job wears it. Where a model has
two, for high and for low noise, both carry and wear the same.

A LoRA is small beside its model, so that all of them may hang there at once. What a job wears it says anew, so that
nothing of the job before is left.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import diffusers.loaders
import torch

from engine.types import LoraWeight

FILE: Final = "pytorch_lora_weights.safetensors"
_READERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "LTXVideoTransformer3DModel": "LTXVideoLoraLoaderMixin",
        "LTX2VideoTransformer3DModel": "LTX2LoraLoaderMixin",
        "WanTransformer3DModel": "WanLoraLoaderMixin",
    }
)
"""Who knows the layouts in which LoRAs for a transformer are published."""


def key(name: str) -> str:
    """What an operator's LoRA is called on the transformer, where a model's own adapters have names too."""
    return f"lora_{name}"


def hang(transformers: Collection[Any], name: str, source: str) -> str:
    """Add a LoRA to each of a model's transformers, switched off. `source` is a folder, a .safetensors file, or either
    on the hub. Returns a digest of what it holds.

    Raises ValueError where there is nothing for such a transformer, else what the reading raises.
    """
    kind = type(next(iter(transformers))).__name__
    if kind not in _READERS:
        raise ValueError(f"a {kind} takes no LoRA")
    reader = getattr(diffusers.loaders, _READERS[kind])
    weights, metadata = reader.lora_state_dict(**_place(source), return_lora_metadata=True)
    held = _digest(weights, metadata)
    for transformer in transformers:
        with warnings.catch_warnings():  # several LoRAs on one model are what is meant
            warnings.filterwarnings("ignore", "Already found a `peft_config`", UserWarning)
            reader.load_lora_into_transformer(weights, transformer, adapter_name=name, metadata=metadata)
        if name not in getattr(transformer, "peft_config", {}):
            raise ValueError("it holds nothing for a transformer")
        transformer.disable_adapters()
    return held


def wear(transformer: Any, worn: Sequence[LoraWeight]) -> None:
    """Put these LoRAs on, which hang there, and take off all others.

    Without any the transformer computes bit for bit what it would if it had never carried one. Changing takes a few
    milliseconds, so whoever denoises says what it wants rather than trusts the last one to have tidied up.
    """
    transformer.worn = tuple(worn)  # for whoever makes the same passes elsewhere
    if worn:
        transformer.set_adapters([each.name for each in worn], [each.weight for each in worn])
        transformer.enable_adapters()
    elif getattr(transformer, "peft_config", None):
        transformer.disable_adapters()


def _place(source: str) -> dict[str, Any]:
    """The source as diffusers takes it; what is a path on this disk is not looked for elsewhere."""
    local = Path(source).is_absolute() or source.startswith(".") or Path(source).exists()
    where: dict[str, Any] = {"local_files_only": local, "use_safetensors": True}  # never a pickle
    where["pretrained_model_name_or_path_or_dict"] = source
    if source.endswith(".safetensors"):
        folder, _, file = source.rpartition("/")
        return where | {"pretrained_model_name_or_path_or_dict": folder or ".", "weight_name": file}
    if local and (Path(source) / FILE).is_file():
        return where | {"weight_name": FILE}
    return where


def _digest(weights: Mapping[str, torch.Tensor], metadata: Mapping[str, Any] | None) -> str:
    """Of all its numbers and of what they are scaled with, wherever it came from: a gigabyte takes a second."""
    digest = blake2b(json.dumps(metadata, sort_keys=True, default=str).encode(), digest_size=16)
    for name in sorted(weights):
        digest.update(f"{name} {weights[name].dtype} {tuple(weights[name].shape)}".encode())
        digest.update(weights[name].contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
