"""Reads a model's weights from a folder or the hub into torch modules on the right device, and names what
failed.

It knows where folders come from and where their parts go, and nothing of how a model is used; what lies in a folder
is in engine/folders.py. The same code reads a project's own weights, the bundled model and tiny random ones.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from diffusers.loaders import LTXVideoLoraLoaderMixin
from diffusers.utils import logging as diffusers_logging
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from safetensors import SafetensorError
from transformers.utils import logging as transformers_logging

from engine import folders
from engine.catalog import Model
from engine.folders import INDEX, LAYOUTS, Index
from engine.types import EngineConfig, EngineError

_COMMON: Final = ("tokenizer", "scheduler", "text_encoder", "vae", "transformer")
_LORA: Final = "pytorch_lora_weights.safetensors"
_PACKAGE: Final = Path(__file__).parent
_TILE_PIXELS: Final = 768 * 512
"""Above this frame size the decoder works in overlapping tiles: its memory grows with the area."""


@dataclass(frozen=True, slots=True)
class Source:
    """A model's weights on this disk: a diffusers folder, which of its entry's adapters lie in it, and what it says
    of itself.
    """

    folder: Path
    adapters: frozenset[str]
    index: Index


@dataclass(frozen=True, slots=True)
class Parts:
    """The modules of one model, in evaluation mode on `device`.

    `spatial` and `temporal` are how many pixels and frames one latent stands for, read from the VAE itself.
    `adapters` are the LoRAs that the transformer carries, each off until `wear` puts it on. `others` are the parts
    that not every family has, by their names, and `settings` what the folder says of its pipeline.
    """

    tokenizer: Any
    text_encoder: Any
    transformer: Any
    vae: Any
    scheduler: Any
    device: torch.device
    dtype: torch.dtype
    adapters: frozenset[str]
    others: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def spatial(self) -> int:
        """Pixels per latent along each side."""
        return folders.compression(self.vae)[0]

    @property
    def temporal(self) -> int:
        """Frames per latent after the first."""
        return folders.compression(self.vae)[1]


def use_threads(config: EngineConfig) -> int:
    """Bound torch's CPU threads to what this process may run on, and say how many.

    More threads than cores spin against each other: on a busy machine a forward pass takes twenty times as
    long.
    """
    count = config.threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(count)
    return count


def locate(model: Model, config: EngineConfig) -> Source:
    """Find the model's weights, and fetch them from the hub if need be.

    Raises EngineError `model_missing`, or `model_broken` for a folder of another family.
    """
    folder = _folder(model, config)
    adapters = frozenset(name for name in _adapters(model) if (folder / name / _LORA).is_file())
    return Source(folder, adapters, folders.index(folder, model))


def load(model: Model, source: Source, config: EngineConfig) -> Generator[float, None, Parts]:
    """Load what `locate` found, yielding the fraction done after each part so that the caller may stop in between.

    Raises EngineError `model_broken`, `device_missing` or `out_of_memory`.
    """
    device = _device(config.device)
    dtype = _dtype(config.dtype, device)
    folder, names = source.folder, [name for name in LAYOUTS[model.family].parts if name in source.index.classes]
    sizes = [_bytes(folder / name) for name in names]
    read: dict[str, Any] = {}
    for done, name in enumerate(names):
        yield sum(sizes[:done]) / max(1, sum(sizes))
        with _named(folder / name):
            part = folders.read(model, name, source.index.classes[name], folder / name, dtype)
            read[name] = part.to(device) if isinstance(part, torch.nn.Module) else part
    for name in sorted(source.adapters):
        with _named(folder / name):
            _hang(read["transformer"], name, folder / name)
    yield 1.0
    common = {name: read.pop(name) for name in _COMMON}
    parts = Parts(
        **common, device=device, dtype=dtype, adapters=source.adapters, others=read, settings=source.index.settings
    )
    return _agreeing(model, parts)


def wear(parts: Parts, adapter: str) -> None:
    """Put one of `parts.adapters` on the transformer and take off any other; "" takes off all.

    Without one the transformer computes bit for bit what it would if it had never carried any. Changing takes a few
    milliseconds, so whoever denoises says what it wants rather than trusts the last one to have tidied up.
    """
    if adapter:
        parts.transformer.set_adapter(adapter)
        parts.transformer.enable_adapters()
    elif parts.adapters:
        parts.transformer.disable_adapters()


def tile(parts: Parts, width: int, height: int, *, force: bool = False) -> None:
    """Choose between decoding whole frames and tiles for clips of this size."""
    if force or width * height > _TILE_PIXELS:
        parts.vae.enable_tiling()
    else:
        parts.vae.disable_tiling()


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        message = f"This machine has no torch device {name!r}: {error}"
        raise EngineError("device_missing", message) from error
    return device


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    dtypes = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if name not in dtypes:
        raise EngineError("bad_request", f"The dtype is one of auto, {', '.join(dtypes)}; not {name!r}.")
    return dtypes[name]


def _folder(model: Model, config: EngineConfig) -> Path:
    """Where the weights lie on disk, fetched from the hub if need be."""
    source = config.weights.get(model.name) or (str(_PACKAGE / model.repo) if model.bundled else model.repo)
    if not source:
        message = f"The weights of {model.name} are in no hub in diffusers' layout. {model.about}"
        raise EngineError("model_missing", message)
    if (path := Path(source)).is_dir() or path.is_absolute() or source.startswith("."):
        return path
    return _fetched(source, model)


def _fetched(repo: str, model: Model) -> Path:
    """Only the parts: some repositories also hold a hundred gigabytes of other checkpoints."""
    try:
        wanted = (*LAYOUTS[model.family].parts, *_adapters(model))
        return Path(snapshot_download(repo, allow_patterns=[INDEX, *(f"{part}/*" for part in wanted)]))
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        message = (
            f"The weights of {model.name} could not be fetched as {repo!r}: {error} "
            "Check the name and the network, or give a folder that holds them."
        )
        raise EngineError("model_missing", message) from error


def _adapters(model: Model) -> set[str]:
    return {how.adapter for how in model.sampling.values() if how.adapter}


def _hang(transformer: Any, name: str, folder: Path) -> None:
    """Add a LoRA to the transformer, switched off. Diffusers reads its own layout and that of LTX's own trainer."""
    weights, metadata = LTXVideoLoraLoaderMixin.lora_state_dict(
        folder, weight_name=_LORA, local_files_only=True, return_lora_metadata=True
    )
    LTXVideoLoraLoaderMixin.load_lora_into_transformer(weights, transformer, adapter_name=name, metadata=metadata)
    if name not in getattr(transformer, "peft_config", {}):
        raise ValueError("it holds nothing for a transformer")
    transformer.disable_adapters()


def _agreeing(model: Model, parts: Parts) -> Parts:
    if reason := folders.unlike(model, parts.vae, parts.transformer, parts.settings):
        raise EngineError("model_broken", f"The weights given for {model.name} {reason}.")
    return parts


@contextmanager
def _named(folder: Path) -> Iterator[None]:
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise EngineError("out_of_memory", f"There is no room for the weights in {folder}.") from error
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise EngineError("model_broken", f"The weights in {folder} cannot be read: {error}") from error


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


# A worker's log is no place for progress bars.
diffusers_logging.disable_progress_bar()
transformers_logging.disable_progress_bar()
