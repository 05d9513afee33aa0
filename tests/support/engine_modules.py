"""Modules read by the engine's own loader, and LoRAs for the bundled model's transformer."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders import LTXVideoLoraLoaderMixin
from peft import LoraConfig, get_peft_model_state_dict

from engine.catalog.registry import find_model
from engine.loading.loader import Modules, load_model, locate_weights
from engine.types import EngineConfig


def run_to_end(loading: Generator[float, None, Modules]) -> tuple[list[float], Modules]:
    """The fractions that a load reports, and the modules it returns."""
    fractions = []
    while True:
        try:
            fractions.append(next(loading))
        except StopIteration as end:
            return fractions, end.value


def read_modules(name: str, config: EngineConfig) -> Modules:
    """The modules of the model of this name."""
    model = find_model(name)
    return run_to_end(load_model(model, locate_weights(model, config), config))[1]


def read_transformer(config: EngineConfig) -> Any:
    """The transformer of the bundled model's family, from the folder that `config` names."""
    return read_modules("kinora-mini", config).transformer


def write_lora(config: EngineConfig, folder: Path, seed: int) -> Path:
    """Write a LoRA with random weights into `folder`, in diffusers' layout, and return the folder."""
    transformer = read_transformer(config)
    torch.manual_seed(seed)
    lora = LoraConfig(r=4, lora_alpha=4, init_lora_weights=False, target_modules=["to_q", "to_k", "to_v"])
    transformer.add_adapter(lora, "random")
    weights = get_peft_model_state_dict(transformer, adapter_name="random")
    LTXVideoLoraLoaderMixin.save_lora_weights(folder, weights)
    return folder
