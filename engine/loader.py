"""Reads a model's weights from a folder or the hub into torch modules on the right device, and names what
failed.

It knows diffusers' folder layout and nothing of how a model is used. The same code reads LTX-Video's own
weights, the bundled model and tiny random ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import AutoencoderKLLTXVideo, FlowMatchEulerDiscreteScheduler, LTXVideoTransformer3DModel
from diffusers.utils import logging as diffusers_logging
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from safetensors import SafetensorError
from transformers import AutoTokenizer, T5EncoderModel
from transformers.utils import logging as transformers_logging

from engine import loras
from engine.arrange import arrange
from engine.catalog import Model
from engine.machine import look
from engine.placement import Offload, Placement, choose
from engine.ranks import share
from engine.types import EngineConfig, EngineError, Lora

_PARTS: Final = ("tokenizer", "scheduler", "text_encoder", "vae", "transformer")
_PACKAGE: Final = Path(__file__).parent
_PLAIN: Final = Placement(device="cpu", dtype="float32")
_TILE_PIXELS: Final = 768 * 512
"""Above this frame size the decoder works in overlapping tiles: its memory grows with the area."""


@dataclass(frozen=True, slots=True)
class Source:
    """A model's weights on this disk: a diffusers folder, and which of its entry's adapters lie in it."""

    folder: Path
    adapters: frozenset[str]


@dataclass(frozen=True, slots=True)
class Parts:
    """The modules of one LTX model, in evaluation mode on `device`.

    `spatial` and `temporal` are how many pixels and frames one latent stands for, read from the VAE itself.
    `adapters` are the LoRAs that the transformer carries, each off until a job wears it; `lost` says of others that
    were to hang there why they do not.
    """

    tokenizer: Any
    text_encoder: Any
    transformer: Any
    vae: Any
    scheduler: Any
    device: torch.device
    dtype: torch.dtype
    adapters: frozenset[str]
    placement: Placement = _PLAIN
    lost: Mapping[str, str] = field(default_factory=dict)

    @property
    def spatial(self) -> int:
        """Pixels per latent along each side."""
        return int(self.vae.spatial_compression_ratio)

    @property
    def temporal(self) -> int:
        """Frames per latent after the first."""
        return int(self.vae.temporal_compression_ratio)


def use_threads(config: EngineConfig) -> int:
    """Bound torch's CPU threads to what this process may run on, and say how many.

    More threads than cores spin against each other: on a busy machine a forward pass takes twenty times as
    long.
    """
    count = config.threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(count)
    return count


def locate(model: Model, config: EngineConfig) -> Source:
    """Find the model's weights, and fetch them from the hub if need be. Raises EngineError `model_missing`."""
    folder = _folder(model, config)
    return Source(folder, frozenset(name for name in _adapters(model) if (folder / name / loras.FILE).is_file()))


def load(model: Model, source: Source, config: EngineConfig, least: Offload = "none") -> Generator[float, None, Parts]:
    """Load what `locate` found and put it on the machine, yielding the fraction done after each part so that the
    caller may stop in between. `least` is how much must be offloaded where that is left to us.

    Raises EngineError `model_broken`, `device_missing`, `bad_setting` or `out_of_memory`.
    """
    placement = choose(look(), model, config, least)
    named = [lora for lora in config.loras if lora.model == model.name]
    device, home = _device(placement.device), torch.device(placement.home)
    dtype = getattr(torch, placement.dtype)
    folder = source.folder
    sizes = [_bytes(folder / part) for part in _PARTS]
    parts: dict[str, Any] = {}
    for done, name in enumerate(_PARTS):
        yield sum(sizes[:done]) / max(1, sum(sizes))
        with _named(folder / name):
            parts[name] = _READERS[name](folder / name, home, dtype)
    for name in sorted(source.adapters):
        with _named(folder / name):
            loras.hang(parts["transformer"], name, str(folder / name))
    lost = _hang(parts["transformer"], named)
    with _named(folder):
        arrange(parts, placement)
    if placement.parallel > 1:
        hung = [(name, str(folder / name)) for name in sorted(source.adapters)]
        hung += [(key, lora.source) for lora in named if (key := loras.key(lora.name)) not in lost]
        share({"transformer": parts["transformer"]}, placement, folder, hung)
    yield 1.0
    adapters = source.adapters | {loras.key(lora.name) for lora in named} - lost.keys()
    rest = {"device": device, "dtype": dtype, "placement": placement, "adapters": adapters, "lost": lost}
    return _agreeing(model, Parts(**parts, **rest))


def tile(parts: Parts, width: int, height: int, *, force: bool = False) -> None:
    """Choose between decoding whole frames and tiles for clips of this size."""
    wanted = parts.placement.tiling
    if force or wanted == "on" or (wanted == "auto" and width * height > _TILE_PIXELS):
        parts.vae.enable_tiling()
    else:
        parts.vae.disable_tiling()


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        message = f"This machine has no torch device {name!r}: {error}"
        raise EngineError("device_missing", message) from error
    return device


def _folder(model: Model, config: EngineConfig) -> Path:
    """Where the weights lie on disk, fetched from the hub if need be."""
    source = config.weights.get(model.name) or (str(_PACKAGE / model.repo) if model.bundled else model.repo)
    if (path := Path(source)).is_dir() or path.is_absolute() or source.startswith("."):
        return _complete(path, model)
    return _complete(_fetched(source, model), model)


def _complete(folder: Path, model: Model) -> Path:
    if missing := [part for part in _PARTS if not (folder / part).is_dir()]:
        message = (
            f"The weights of {model.name} are not in {folder}: it lacks {', '.join(missing)}. "
            f"Put a diffusers folder of the family {model.family!r} there, or name another one for {model.name}."
        )
        raise EngineError("model_missing", message)
    return folder


def _fetched(repo: str, model: Model) -> Path:
    """Only the parts: some repositories also hold a hundred gigabytes of other checkpoints."""
    try:
        wanted = (*_PARTS, *_adapters(model))
        return Path(snapshot_download(repo, allow_patterns=[f"{part}/*" for part in wanted]))
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        message = (
            f"The weights of {model.name} could not be fetched as {repo!r}: {error} "
            "Check the name and the network, or give a folder that holds them."
        )
        raise EngineError("model_missing", message) from error


def _adapters(model: Model) -> set[str]:
    return {how.adapter for how in model.sampling.values() if how.adapter}


def _hang(transformer: Any, named: Sequence[Lora]) -> dict[str, str]:
    """Hang the named LoRAs; of those that cannot be read, why. They fail the jobs that ask for them, and no other."""
    lost = {}
    for lora in named:
        try:
            with _named(Path(lora.source)):
                loras.hang(transformer, loras.key(lora.name), lora.source)
        except EngineError as error:
            if error.code != "model_broken":
                raise
            lost[loras.key(lora.name)] = str(error)
    return lost


def _agreeing(model: Model, parts: Parts) -> Parts:
    """Plans are made from the catalogue before anything is loaded, so the weights must be what it says."""
    if parts.temporal != model.frame_rule or model.native_multiple % parts.spatial:
        raise EngineError(
            "model_broken",
            f"The weights given for {model.name} compress {parts.spatial}x{parts.spatial}x{parts.temporal}, which is "
            f"not what the catalogue says of it ({model.frame_rule} frames, sides of {model.native_multiple}).",
        )
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


def _read_tokenizer(folder: Path, _device: torch.device, _dtype: torch.dtype) -> Any:
    return AutoTokenizer.from_pretrained(folder)


def _read_scheduler(folder: Path, _device: torch.device, _dtype: torch.dtype) -> Any:
    return FlowMatchEulerDiscreteScheduler.from_pretrained(folder)


def _read_text_encoder(folder: Path, device: torch.device, dtype: torch.dtype) -> Any:
    return T5EncoderModel.from_pretrained(folder, dtype=dtype).to(device).eval()


def _read_vae(folder: Path, device: torch.device, dtype: torch.dtype) -> Any:
    return AutoencoderKLLTXVideo.from_pretrained(folder, torch_dtype=dtype).to(device).eval()


def _read_transformer(folder: Path, device: torch.device, dtype: torch.dtype) -> Any:
    return LTXVideoTransformer3DModel.from_pretrained(folder, torch_dtype=dtype).to(device).eval()


_READERS: Final[dict[str, Callable[[Path, torch.device, torch.dtype], Any]]] = {
    "tokenizer": _read_tokenizer,
    "scheduler": _read_scheduler,
    "text_encoder": _read_text_encoder,
    "vae": _read_vae,
    "transformer": _read_transformer,
}

# A worker's log is no place for progress bars.
diffusers_logging.disable_progress_bar()
transformers_logging.disable_progress_bar()
