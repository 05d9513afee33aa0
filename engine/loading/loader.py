"""Reads a model's weights from a folder or the hub into torch modules on the right device, and names what failed.

It knows where folders come from and where their modules go, and nothing of how a model is used; the contents of a
folder are described in engine/loading/layouts.py. The same code reads a project's own weights, the bundled model and
tiny random ones.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from diffusers.utils import logging as diffusers_logging
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from safetensors import SafetensorError
from transformers.utils import logging as transformers_logging

from engine.catalog.model import ModelEntry
from engine.loading import layouts
from engine.loading.layouts import INDEX_FILE, LAYOUTS, FolderIndex
from engine.parallel.host import THIS_HOST, Host
from engine.placement import lora, vae_tiling
from engine.placement.hardware import is_out_of_memory
from engine.placement.policy import Placement, choose_placement
from engine.placement.quantization import quantize_module
from engine.types import EngineConfig, EngineError, LoraSource, LoraWeight

_COMMON: Final = ("tokenizer", "scheduler", "text_encoder", "vae", "transformer")
_PACKAGE: Final = Path(__file__).parents[1]
_DEFAULT_PLACEMENT: Final = Placement(device="cpu", dtype="float32")


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model's weights on this disk: a diffusers folder, its index, and the names of the catalog's adapters that lie
    in it.
    """

    folder: Path
    adapters: frozenset[str]
    index: FolderIndex

    def module_names(self, model: ModelEntry) -> list[str]:
        """The modules that the folder holds, in the order in which they are read."""
        return [name for name in LAYOUTS[model.family].modules if name in self.index.classes]


@dataclass(frozen=True, slots=True)
class Modules:
    """The modules of one model, in evaluation mode on `device`.

    `spatial` and `temporal` are pixels and frames per latent, read from the VAE itself. `adapters` are the LoRAs that
    are attached to each transformer, all inactive until a job activates them, each with a digest of its weights; `lost`
    says of the others why they could not be attached. `weights` is a digest of all other weights. `others` are the
    modules that not every family has, by name, and `settings` those of the folder's pipeline.
    """

    tokenizer: Any
    text_encoder: Any
    transformer: Any
    vae: Any
    scheduler: Any
    device: torch.device
    dtype: torch.dtype
    adapters: Mapping[str, str]
    weights_digest: str
    others: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    placement: Placement = _DEFAULT_PLACEMENT
    lora_errors: Mapping[str, str] = field(default_factory=dict)

    def clip_fingerprint(self, loras: Iterable[LoraWeight]) -> tuple[str, ...]:
        """Everything besides its plan that decides a clip's pixels: the weights, the number formats in which they are
        stored and computed with, and the contents of the active LoRAs. Where the modules lie and which kernels run
        changes no more than the last bits.
        """
        formats = self.placement.dtype, self.placement.quantization
        return self.weights_digest, *formats, *(self.adapters[weight.name] for weight in loras)

    @property
    def spatial_compression(self) -> int:
        """Pixels per latent along each side."""
        return layouts.vae_compression(self.vae)[0]

    @property
    def temporal_compression(self) -> int:
        """Frames per latent after the first."""
        return layouts.vae_compression(self.vae)[1]


@dataclass(frozen=True, slots=True)
class _AttachedLoras:
    """LoRAs after loading: digests of those that are attached, their sources, and why the others are not."""

    digests: Mapping[str, str]
    sources: Mapping[str, str]
    errors: Mapping[str, str]


def limit_threads(config: EngineConfig) -> int:
    """Bound torch's CPU threads to the cores this process may run on, and return their number.

    More threads than cores spin against each other: on a busy machine a forward pass takes twenty times as
    long.
    """
    count = config.threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(count)
    return count


def locate_weights(model: ModelEntry, config: EngineConfig) -> ModelSource:
    """Find the model's weights, and fetch them from the hub if need be.

    Raises EngineError `model_missing`, or `model_broken` for a folder of another family.
    """
    folder = _weights_folder(model, config)
    adapters = frozenset(name for name in _catalog_adapters(model) if (folder / name / lora.LORA_FILE).is_file())
    return ModelSource(folder, adapters, layouts.read_index(folder, model))


def load_model(
    model: ModelEntry, source: ModelSource, config: EngineConfig, rung: int = 0, host: Host = THIS_HOST
) -> Generator[float, None, Modules]:
    """Load the located weights and put them on the machine, yielding the fraction done before each module, so that the
    caller may stop in between. `rung` counts the ways of placing it that ran out of memory before.

    Raises EngineError `model_broken`, `device_missing`, `bad_setting` or `out_of_memory`.
    """
    placement = choose_placement(host.inspect_machine(), model, config, rung)
    device = host.torch_device(placement.device)
    modules = yield from _read_modules(model, source, placement, host)
    transformers = {name: module for name, module in modules.items() if name.startswith("transformer")}
    loras = _attach_loras(transformers.values(), source, [each for each in config.loras if each.model == model.name])
    vae_tiling.check_tiling(modules["vae"], placement.tiling)
    with _named_errors(source.folder):
        host.arrange_modules(modules, placement)
        weights = layouts.weights_digest(source.folder, source.module_names(model))
    if placement.parallel > 1:
        host.share_transformers(transformers, placement, source.folder, list(loras.sources.items()))
    yield 1.0
    parts = Modules(
        **{name: modules.pop(name) for name in _COMMON},
        device=device,
        dtype=getattr(torch, placement.dtype),
        adapters=loras.digests,
        weights_digest=weights,
        others=modules,
        settings=source.index.settings,
        placement=placement,
        lora_errors=loras.errors,
    )
    _check_against_catalog(model, parts)
    return parts


def _read_modules(
    model: ModelEntry, source: ModelSource, placement: Placement, host: Host
) -> Generator[float, None, dict[str, Any]]:
    """Read each module and put it where its weights rest, yielding the fraction of bytes read before it.

    A module is quantized before the next one is read, and before it is on the GPU: otherwise a machine would need the
    memory that quantization saves. Only transformers in formats other than float8 wait, for their LoRAs.
    """
    quantization = placement.quantization
    home, dtype = host.torch_device(placement.storage_device), getattr(torch, placement.dtype)
    names = source.module_names(model)
    sizes = [_folder_bytes(source.folder / name) for name in names]
    modules: dict[str, Any] = {}
    for number, name in enumerate(names):
        yield sum(sizes[:number]) / max(1, sum(sizes))
        folder = source.folder / name
        with _named_errors(folder):
            kind = source.index.classes[name]
            modules[name] = module = layouts.read_module(model, name, kind, folder, dtype, quantization)
            if name.startswith("text_encoder"):
                quantize_module(module, quantization)
            waits = name.startswith("transformer") and quantization in ("int8", "nf4")
            if isinstance(module, torch.nn.Module) and not waits:
                host.place_module(module, home)
    return modules


def bundled_folder(model: ModelEntry) -> Path:
    """The folder of a model that ships with Kinora."""
    return _PACKAGE / model.repo


def _weights_folder(model: ModelEntry, config: EngineConfig) -> Path:
    """The folder of the weights on disk, fetched from the hub if need be."""
    source = config.weights.get(model.name) or (str(bundled_folder(model)) if model.bundled else model.repo)
    if not source:
        message = f"The weights of {model.name} are in no hub in diffusers' layout. {model.about}"
        raise EngineError("model_missing", message)
    if (path := Path(source)).is_dir() or path.is_absolute() or source.startswith("."):
        return path
    return _fetch_from_hub(source, model)


def _fetch_from_hub(repo: str, model: ModelEntry) -> Path:
    """Fetch the modules only: some repositories also hold a hundred gigabytes of other checkpoints."""
    try:
        folders = (*LAYOUTS[model.family].modules, *_catalog_adapters(model))
        return Path(snapshot_download(repo, allow_patterns=[INDEX_FILE, *(f"{name}/*" for name in folders)]))
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        message = (
            f"The weights of {model.name} could not be fetched as {repo!r}: {error} "
            "Check the name and the network, or give a folder that holds them."
        )
        raise EngineError("model_missing", message) from error


def _catalog_adapters(model: ModelEntry) -> set[str]:
    return {sampling.adapter for sampling in model.sampling.values() if sampling.adapter}


def _attach_loras(transformers: Collection[Any], source: ModelSource, named: Sequence[LoraSource]) -> _AttachedLoras:
    """Attach the adapters that came with the weights, and the operator's LoRAs. One of the latter that cannot be read
    fails only the jobs that ask for it.
    """
    sources = {name: str(source.folder / name) for name in sorted(source.adapters)}
    digests, errors = {}, {}
    for name, place in sources.items():
        with _named_errors(Path(place)):
            digests[name] = lora.attach_lora(transformers, name, place)
    for each in named:
        key = lora.adapter_name(each.name)
        try:
            digests[key] = lora.attach_lora(transformers, key, each.source)
        except Exception as error:  # whatever an operator's file raises concerns that file alone
            if is_out_of_memory(error):
                raise EngineError("out_of_memory", f"There is no room for the LoRA {each.name!r}.") from error
            errors[key] = f"The LoRA {each.name!r} {lora.unusable_reason(error)}."
        else:
            sources[key] = each.source
    return _AttachedLoras(digests, sources, errors)


def _check_against_catalog(model: ModelEntry, parts: Modules) -> None:
    if reason := layouts.catalog_mismatch(model, parts.vae, parts.transformer, parts.settings):
        raise EngineError("model_broken", f"The weights given for {model.name} {reason}.")


@contextmanager
def _named_errors(folder: Path) -> Iterator[None]:
    """Raise whatever fails while `folder` is read as EngineError `out_of_memory` or `model_broken`."""
    try:
        yield
    except (MemoryError, OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        if is_out_of_memory(error):
            raise EngineError("out_of_memory", f"There is no room for the weights in {folder}.") from error
        raise EngineError("model_broken", f"The weights in {folder} cannot be read: {error}") from error


def _folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


# A worker's log is no place for progress bars.
diffusers_logging.disable_progress_bar()
transformers_logging.disable_progress_bar()
