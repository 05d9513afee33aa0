"""LoRAs on a model's transformers: attached once when it is loaded, inactive until a job activates them. Where a model
has two transformers, for high and for low noise, both have the same LoRAs.

A LoRA is small beside its model, so all of them can stay attached. Each job activates its own set, so that nothing of
the previous job remains.
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

LORA_FILE: Final = "pytorch_lora_weights.safetensors"
_LOADER_MIXINS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "LTXVideoTransformer3DModel": "LTXVideoLoraLoaderMixin",
        "LTX2VideoTransformer3DModel": "LTX2LoraLoaderMixin",
        "WanTransformer3DModel": "WanLoraLoaderMixin",
    }
)
"""Diffusers' mixins that read the published LoRA layouts of each transformer class."""


def adapter_name(name: str) -> str:
    """The adapter name of an operator's LoRA, distinct from those of the model's own adapters."""
    return f"lora_{name}"


def attach_lora(transformers: Collection[Any], name: str, source: str) -> str:
    """Attach a LoRA to each of a model's transformers, inactive. `source` is a folder, a .safetensors file, or either
    on the hub. Returns a digest of its weights.

    Raises ValueError where it holds nothing for such a transformer, and whatever reading the file raises.
    """
    kind = type(next(iter(transformers))).__name__
    if kind not in _LOADER_MIXINS:
        raise ValueError(f"a {kind} takes no LoRA")
    reader = getattr(diffusers.loaders, _LOADER_MIXINS[kind])
    weights, metadata = reader.lora_state_dict(**_load_arguments(source), return_lora_metadata=True)
    digest = _weights_digest(weights, metadata)
    for transformer in transformers:
        with warnings.catch_warnings():  # several LoRAs on one model are intended
            warnings.filterwarnings("ignore", "Already found a `peft_config`", UserWarning)
            reader.load_lora_into_transformer(weights, transformer, adapter_name=name, metadata=metadata)
        if name not in getattr(transformer, "peft_config", {}):
            raise ValueError("it holds nothing for a transformer")
        transformer.disable_adapters()
    return digest


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


def _load_arguments(source: str) -> dict[str, Any]:
    """Diffusers' loading arguments for a source. A path on this disk is not looked up on the hub."""
    local = Path(source).is_absolute() or source.startswith(".") or Path(source).exists()
    arguments: dict[str, Any] = {"local_files_only": local, "use_safetensors": True}  # never a pickle
    arguments["pretrained_model_name_or_path_or_dict"] = source
    if source.endswith(".safetensors"):
        folder, _, file = source.rpartition("/")
        return arguments | {"pretrained_model_name_or_path_or_dict": folder or ".", "weight_name": file}
    if local and (Path(source) / LORA_FILE).is_file():
        return arguments | {"weight_name": LORA_FILE}
    return arguments


def _weights_digest(weights: Mapping[str, torch.Tensor], metadata: Mapping[str, Any] | None) -> str:
    """A digest of all weights and their scaling, independent of the file they came from; a gigabyte takes a second."""
    digest = blake2b(json.dumps(metadata, sort_keys=True, default=str).encode(), digest_size=16)
    for name in sorted(weights):
        digest.update(f"{name} {weights[name].dtype} {tuple(weights[name].shape)}".encode())
        digest.update(weights[name].contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
