"""Finds the file of a LoRA, on this disk or on the hub, and opens it. Never a pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from huggingface_hub import snapshot_download
from safetensors import SafetensorError, safe_open

from engine.placement.lora_layouts import BadLoraError

LORA_FILE: Final = "pytorch_lora_weights.safetensors"
"""Diffusers' name."""
_PEFT_FILE: Final = "adapter_model.safetensors"
_PEFT_CONFIG: Final = "adapter_config.json"
_DIFFUSERS_CONFIG: Final = "lora_adapter_metadata"
"""The entry of a file's header in which diffusers keeps peft's configuration, each setting with a prefix."""


@dataclass(frozen=True, slots=True)
class LoraFile:
    """The tensors of a LoRA's file, by their names in it, and peft's configuration where there is one."""

    tensors: Mapping[str, torch.Tensor]
    config: Mapping[str, Any]


def read_lora_file(source: str) -> LoraFile:
    """Read a LoRA. `source` is a folder, a .safetensors file, or either on the hub.

    Raises OSError, or BadLoraError for a file that is none.
    """
    path = _find_file(source)
    try:
        with safe_open(path, framework="pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (it is no mapping)
            header = opened.metadata() or {}
    except SafetensorError as error:
        raise BadLoraError(f"is no .safetensors file, or a damaged one: {error}") from error
    return LoraFile(tensors, _read_config(path, header))


def _find_file(source: str) -> Path:
    path = Path(source)
    if not (path.is_absolute() or source.startswith(".") or path.exists()):
        path = _fetch_from_hub(source)
    if not path.is_dir():
        return path
    files = sorted(path.glob("*.safetensors"))
    named = [file for file in files if file.name in (LORA_FILE, _PEFT_FILE)]
    if len(named or files) == 1:
        return (named or files)[0]
    there = ", ".join(file.name for file in files) or "nothing"
    raise FileNotFoundError(f"It must hold one .safetensors file, or {LORA_FILE}; it holds {there}.")


def _fetch_from_hub(source: str) -> Path:
    """The folder or file of a hub id, fetched if need be."""
    if not source.endswith(".safetensors"):
        return Path(snapshot_download(source, allow_patterns=["*.safetensors", _PEFT_CONFIG]))
    repo, _, file = source.rpartition("/")
    return Path(snapshot_download(repo, allow_patterns=[file, _PEFT_CONFIG])) / file


def _read_config(path: Path, header: Mapping[str, str]) -> Mapping[str, Any]:
    """Peft's configuration, from the file's header or from the file beside it."""
    beside = path.with_name(_PEFT_CONFIG)
    try:
        if _DIFFUSERS_CONFIG in header:
            prefixed = json.loads(header[_DIFFUSERS_CONFIG])
            return {name.rpartition(".")[2]: value for name, value in prefixed.items()}
        config = json.loads(beside.read_bytes()) if beside.is_file() else {}
    except (ValueError, AttributeError) as error:
        raise BadLoraError(f"comes with a configuration that cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise BadLoraError(f"comes with a configuration that cannot be read: {_PEFT_CONFIG} holds no object")
    return config
