"""Reads a transformer of diffusers straight into float8 storage, tensor by tensor, so that reading takes no more memory
than the quantized weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from accelerate import init_empty_weights  # type: ignore[import-untyped]
from safetensors import safe_open

from engine.placement.quantization import quantize_module

_INDEX_SUFFIX: Final = ".safetensors.index.json"


def read_as_float8(module_class: Any, folder: Path, dtype: torch.dtype) -> Any:
    """The model in `folder`, in evaluation mode on the CPU: large matrices as float8, and all else in `dtype` or, where
    the class says so, in float32.

    Raises ValueError for a file whose tensors are not those of the model, and whatever reading a file raises.
    """
    with init_empty_weights(), _default_dtype(dtype):
        model = module_class.from_config(module_class.load_config(folder))
    kept = tuple(getattr(model, "_keep_in_fp32_modules", None) or ())
    for name, parameter in model.named_parameters():
        if any(part in name.split(".") for part in kept):
            parameter.data = parameter.data.float()
    quantize_module(model, "float8")
    formats = {name: parameter.dtype for name, parameter in model.named_parameters()}
    missing = set(formats)
    for name, tensor in _tensors(folder):
        # Rounded to the model's dtype first, as where it is read whole and cast afterwards.
        _fill(model, name, tensor.to(dtype) if formats.get(name) == torch.float8_e4m3fn else tensor)
        missing.discard(name)
    if missing:
        raise ValueError(f"the file lacks {len(missing)} tensors, such as {min(missing)}")
    model.eval()
    return model


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Floating point tensors are made in `dtype` within the block, as diffusers makes them when it reads a model."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _tensors(folder: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """All tensors of the folder by name; a file is mapped and not read, so that one tensor at a time is in memory."""
    for file in _files(folder):
        with safe_open(file, framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118 (it is no mapping)
                yield name, opened.get_tensor(name)


def _files(folder: Path) -> list[Path]:
    if index := next(iter(sorted(folder.glob(f"*{_INDEX_SUFFIX}"))), None):
        return [folder / name for name in sorted(set(json.loads(index.read_bytes())["weight_map"].values()))]
    if files := sorted(folder.glob("*.safetensors")):
        return files[:1]
    raise FileNotFoundError(f"there is no .safetensors file in {folder}")


def _fill(model: Any, name: str, tensor: torch.Tensor) -> None:
    """Put a tensor in the place of the empty one of that name, in its number format."""
    module_name, _, own = name.rpartition(".")
    try:
        module = model.get_submodule(module_name)
        empty = getattr(module, own)
    except AttributeError as error:
        raise ValueError(f"the file holds {name}, which the model does not have") from error
    if empty.shape != tensor.shape:
        raise ValueError(f"{name} has the shape {tuple(tensor.shape)}, and the model wants {tuple(empty.shape)}")
    value = tensor.to(empty.dtype, copy=True)
    if own in module._parameters:  # noqa: SLF001
        setattr(module, own, torch.nn.Parameter(value, requires_grad=False))
    else:
        module.register_buffer(own, value)
