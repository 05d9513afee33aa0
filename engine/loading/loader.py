"""Reads a model's weights from a folder or the hub into torch modules on the right device, and names what
failed.

It knows where folders come from and where their parts go, and nothing of how a model is used; what lies in a folder
is in engine/loading/layouts.py. The same code reads a project's own weights, the bundled model and tiny random ones.
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

from engine.catalog.model import Model
from engine.loading import layouts
from engine.loading.layouts import INDEX, LAYOUTS, Index
from engine.parallel.host import HERE, Host
from engine.placement import lora as loras
from engine.placement import vae_tiling
from engine.placement.hardware import full
from engine.placement.policy import Offload, Placement, choose
from engine.types import EngineConfig, EngineError, Lora, Worn

_COMMON: Final = ("tokenizer", "scheduler", "text_encoder", "vae", "transformer")
_PACKAGE: Final = Path(__file__).parents[1]
_PLAIN: Final = Placement(device="cpu", dtype="float32")


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
    `adapters` are the LoRAs that each transformer carries, all off until a job wears them, each with a digest; `lost`
    says of others that were to hang there why they do not. `weights` is a digest of all the rest. `others` are the
    parts that not every family has, by their names, and `settings` what the folder says of its pipeline.
    """

    tokenizer: Any
    text_encoder: Any
    transformer: Any
    vae: Any
    scheduler: Any
    device: torch.device
    dtype: torch.dtype
    adapters: Mapping[str, str]
    weights: str
    others: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    placement: Placement = _PLAIN
    lost: Mapping[str, str] = field(default_factory=dict)

    def identity(self, worn: Iterable[Worn]) -> tuple[str, ...]:
        """What decides a clip's pixels beside its plan: the weights, the numbers in which they are kept and computed
        with, and what the LoRAs that it wears hold. Where the modules lie, and which kernels run, decides no more than
        the last bits.
        """
        kept = self.placement.dtype, self.placement.quantisation
        return self.weights, *kept, *(self.adapters[each.name] for each in worn)

    @property
    def spatial(self) -> int:
        """Pixels per latent along each side."""
        return layouts.compression(self.vae)[0]

    @property
    def temporal(self) -> int:
        """Frames per latent after the first."""
        return layouts.compression(self.vae)[1]


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
    adapters = frozenset(name for name in _adapters(model) if (folder / name / loras.FILE).is_file())
    return Source(folder, adapters, layouts.index(folder, model))


def load(
    model: Model, source: Source, config: EngineConfig, least: Offload = "none", host: Host = HERE
) -> Generator[float, None, Parts]:
    """Load what `locate` found and put it on the machine, yielding the fraction done after each part so that the
    caller may stop in between. `least` is how much must be offloaded where that is left to us, `host` the machine.

    Raises EngineError `model_broken`, `device_missing`, `bad_setting` or `out_of_memory`.
    """
    placement = choose(host.look(), model, config, least)
    named = [lora for lora in config.loras if lora.model == model.name]
    device, home = host.device(placement.device), host.device(placement.home)
    dtype = getattr(torch, placement.dtype)
    folder, names = source.folder, [name for name in LAYOUTS[model.family].parts if name in source.index.classes]
    sizes = [_bytes(folder / name) for name in names]
    read: dict[str, Any] = {}
    for done, name in enumerate(names):
        yield sum(sizes[:done]) / max(1, sum(sizes))
        with _named(folder / name):
            read[name] = part = layouts.read(model, name, source.index.classes[name], folder / name, dtype)
            if isinstance(part, torch.nn.Module):
                host.put(part, home)
    transformers = {name: part for name, part in read.items() if name.startswith("transformer")}
    places = {name: str(folder / name) for name in sorted(source.adapters)}
    adapters = {}
    for name, place in places.items():
        with _named(Path(place)):
            adapters[name] = loras.hang(transformers.values(), name, place)
    hanging, lost = _hang(transformers.values(), named)
    vae_tiling.check_tiling(read["vae"], placement.tiling)
    with _named(folder):
        host.arrange(read, placement)
        weights = layouts.digest(folder, names)
    if placement.parallel > 1:
        places |= {key: lora.source for lora in named if (key := loras.key(lora.name)) in hanging}
        host.share(transformers, placement, folder, list(places.items()))
    yield 1.0
    rest = {"device": device, "dtype": dtype, "placement": placement, "weights": weights, "lost": lost}
    common = {name: read.pop(name) for name in _COMMON} | {"adapters": adapters | hanging}
    return _agreeing(model, Parts(**common, others=read, settings=source.index.settings, **rest))


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


def _hang(transformers: Collection[Any], named: Sequence[Lora]) -> tuple[dict[str, str], dict[str, str]]:
    """Hang the named LoRAs on each: digests of those that hang there, and why the others cannot be read. They fail the
    jobs that ask for them alone.
    """
    hanging, lost = {}, {}
    for lora in named:
        key = loras.key(lora.name)
        try:
            with _named(Path(lora.source)):
                hanging[key] = loras.hang(transformers, key, lora.source)
        except EngineError as error:
            if error.code != "model_broken":
                raise
            lost[key] = str(error)
    return hanging, lost


def _agreeing(model: Model, parts: Parts) -> Parts:
    if reason := layouts.unlike(model, parts.vae, parts.transformer, parts.settings):
        raise EngineError("model_broken", f"The weights given for {model.name} {reason}.")
    return parts


@contextmanager
def _named(folder: Path) -> Iterator[None]:
    try:
        yield
    except (MemoryError, OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        if full(error):
            raise EngineError("out_of_memory", f"There is no room for the weights in {folder}.") from error
        raise EngineError("model_broken", f"The weights in {folder} cannot be read: {error}") from error


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


# A worker's log is no place for progress bars.
diffusers_logging.disable_progress_bar()
transformers_logging.disable_progress_bar()
