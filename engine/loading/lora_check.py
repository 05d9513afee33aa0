"""Opens the operator's LoRAs beside the models they are for, without loading a model and without the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from engine.catalog.registry import find_model
from engine.loading import layouts
from engine.loading.loader import bundled_folder
from engine.placement import lora
from engine.placement.lora_files import read_lora_file
from engine.placement.lora_layouts import group_by_layer
from engine.types import EngineConfig, LoraSource


def unusable_loras(config: EngineConfig) -> list[str]:
    """A sentence on each LoRA that is on this disk and cannot be used, with its place and the reason.

    Where the weights of its model are not on this disk in a folder, only the file itself is examined.
    """
    sentences = []
    for each in config.loras:
        if Path(each.source).exists():
            try:
                _open_lora(each, config)
            except Exception as error:  # noqa: BLE001 (whatever a file raises is a finding about that file)
                sentences.append(f"The LoRA {each.name!r} ({each.source}) {lora.unusable_reason(error)}.")
    return sentences


def _open_lora(each: LoraSource, config: EngineConfig) -> None:
    transformer = _empty_transformer(each.model, config)
    if transformer is None:
        group_by_layer(read_lora_file(each.source).tensors)
    else:
        lora.check_lora(transformer, each.source)


def _empty_transformer(name: str, config: EngineConfig) -> Any:
    """The model's transformer without weights; None where its folder is not on this disk."""
    model = find_model(name)
    folder = bundled_folder(model) if model.bundled else None
    folder = Path(config.weights[name]) if name in config.weights else folder
    if folder is None or not (folder / "transformer" / "config.json").is_file():
        return None
    index = layouts.read_index(folder, model)
    transformer_class: Any = layouts.module_class(index.classes["transformer"])
    with torch.device("meta"):
        return transformer_class.from_config(transformer_class.load_config(folder / "transformer"))
