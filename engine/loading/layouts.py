"""What lies in the folder of a model of each family, in diffusers' layout: its parts, and how each is read.

It knows files and classes; which folder it is and where the parts are put is the loader's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import diffusers
import torch
import transformers
from diffusers.pipelines import ltx2
from transformers import AutoTokenizer

from engine.catalog.model import Family, ModelEntry
from engine.catalog.registry import MODELS
from engine.types import EngineError

INDEX: Final = "model_index.json"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a model: the classes it may be of, and whether every folder has it.

    A `precise` one stays in float32 whatever the rest is in, as its project asks. Parts without weights (tokenizers,
    schedulers, image processors) are not `torch` modules.
    """

    classes: tuple[str, ...]
    needed: bool = True
    precise: bool = False
    torch: bool = True


@dataclass(frozen=True, slots=True)
class Layout:
    """A family's folder: the pipelines it may be saved from, and its parts in the order in which they are read."""

    pipelines: frozenset[str]
    parts: Mapping[str, Part]


@dataclass(frozen=True, slots=True)
class Index:
    """What a folder says of itself: the class of each part it has, and the pipeline's own settings."""

    classes: Mapping[str, str]
    settings: Mapping[str, Any]


_STRETCH: Final = 2**12  # bytes
_STRETCHES: Final = 2**8  # of one file
_TOKENIZER: Final = Part((), torch=False)
_EULER: Final = Part(("FlowMatchEulerDiscreteScheduler",), torch=False)

LAYOUTS: Final[Mapping[Family, Layout]] = MappingProxyType(
    {
        "ltx": Layout(
            frozenset(
                {"LTXPipeline", "LTXConditionPipeline", "LTXImageToVideoPipeline", "LTXI2VLongMultiPromptPipeline"}
            ),
            {
                "tokenizer": _TOKENIZER,
                "scheduler": _EULER,
                "text_encoder": Part(("T5EncoderModel",)),
                "vae": Part(("AutoencoderKLLTXVideo",)),
                "transformer": Part(("LTXVideoTransformer3DModel",)),
            },
        ),
        "wan": Layout(
            frozenset({"WanPipeline", "WanImageToVideoPipeline"}),
            {
                "tokenizer": _TOKENIZER,
                "scheduler": Part(("UniPCMultistepScheduler", "FlowMatchEulerDiscreteScheduler"), torch=False),
                "image_processor": Part(("CLIPImageProcessor", "CLIPImageProcessorPil"), needed=False, torch=False),
                "text_encoder": Part(("UMT5EncoderModel",)),
                "image_encoder": Part(("CLIPVisionModel",), needed=False, precise=True),
                "vae": Part(("AutoencoderKLWan",), precise=True),
                "transformer": Part(("WanTransformer3DModel",)),
                "transformer_2": Part(("WanTransformer3DModel",), needed=False),
            },
        ),
        "ltx2": Layout(
            frozenset({"LTX2Pipeline", "LTX2ImageToVideoPipeline", "LTX2ConditionPipeline"}),
            {
                "tokenizer": _TOKENIZER,
                "scheduler": _EULER,
                "text_encoder": Part(("Gemma3ForConditionalGeneration",)),
                "connectors": Part(("LTX2TextConnectors",)),
                "vae": Part(("AutoencoderKLLTX2Video",)),
                "audio_vae": Part(("AutoencoderKLLTX2Audio",)),
                "vocoder": Part(("LTX2Vocoder", "LTX2VocoderWithBWE")),
                "transformer": Part(("LTX2VideoTransformer3DModel",)),
            },
        ),
        "z_image": Layout(
            frozenset({"ZImagePipeline"}),
            {
                "tokenizer": _TOKENIZER,
                "scheduler": _EULER,
                "text_encoder": Part(("Qwen3Model", "Qwen3ForCausalLM")),
                "vae": Part(("AutoencoderKL",)),
                "transformer": Part(("ZImageTransformer2DModel",)),
            },
        ),
    }
)


def index(folder: Path, model: ModelEntry) -> Index:
    """What the folder says of itself, if it holds a model of this family. Raises EngineError `model_missing` or
    `model_broken`.
    """
    try:
        said = json.loads((folder / INDEX).read_bytes())
        pipeline = said["_class_name"]
        classes = {name: each[1] for name, each in said.items() if isinstance(each, list) and each[1] is not None}
    except FileNotFoundError:
        said, pipeline, classes = {}, None, {}
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise EngineError("model_broken", f"{folder / INDEX} cannot be read: {error}") from error
    layout = LAYOUTS[model.family]
    if pipeline is not None and pipeline not in layout.pipelines:
        raise EngineError("model_broken", _other(folder, model, pipeline))
    missing = [name for name, part in layout.parts.items() if not _there(folder, name, part, classes)]
    if pipeline is None or missing:
        message = (
            f"The weights of {model.name} are not in {folder}: it lacks {', '.join(missing or [INDEX])}. "
            f"Put a diffusers folder of the family {model.family!r} there, or name another one for {model.name}."
        )
        raise EngineError("model_missing", message)
    settings = {name: each for name, each in said.items() if not name.startswith("_") and not isinstance(each, list)}
    return Index({name: each for name, each in classes.items() if name in layout.parts}, settings)


def read(model: ModelEntry, name: str, kind: str, folder: Path, dtype: torch.dtype) -> Any:
    """One part of class `kind`, in evaluation mode on the CPU or, without weights, as it is.

    Raises ValueError for a class that this family has no use for, and what diffusers and transformers raise.
    """
    part = LAYOUTS[model.family].parts[name]
    if not part.classes:
        return AutoTokenizer.from_pretrained(folder)
    if kind not in part.classes:
        raise ValueError(f"it holds a {kind}, and the family {model.family!r} takes {' or '.join(part.classes)}")
    made = next(getattr(place, kind) for place in (diffusers, ltx2, transformers) if hasattr(place, kind))
    if not part.torch:
        return made.from_pretrained(folder)
    return made.from_pretrained(folder, dtype=torch.float32 if part.precise else dtype).eval()


def digest(folder: Path, names: Iterable[str]) -> str:
    """A name for the weights of these parts, equal for equal files wherever they lie.

    Of a large file it is taken from its length and from stretches all over it, since to read all of it once more would
    double the time of loading: a model that was trained further differs in almost every number.
    """
    made = blake2b((folder / INDEX).read_bytes(), digest_size=16)
    for name in sorted(names):
        for file in sorted(each for each in (folder / name).iterdir() if each.is_file()):
            size = file.stat().st_size
            made.update(f"{name}/{file.name} {size}".encode())
            with file.open("rb") as opened:
                for start in range(0, size, max(_STRETCH, size // _STRETCHES)):
                    opened.seek(start)
                    made.update(opened.read(_STRETCH))
    return made.hexdigest()


def compression(vae: Any) -> tuple[int, int]:
    """Pixels per latent along each side, and frames per latent after the first."""
    if isinstance(vae, diffusers.AutoencoderKLWan):
        return int(vae.config.scale_factor_spatial), int(vae.config.scale_factor_temporal)
    if isinstance(vae, diffusers.AutoencoderKL):
        return int(2 ** (len(vae.config.block_out_channels) - 1)), 1
    return int(vae.spatial_compression_ratio), int(vae.temporal_compression_ratio)


def unlike(model: ModelEntry, vae: Any, transformer: Any, settings: Mapping[str, Any]) -> str:
    """In which way these weights are not what the catalogue says of the model; "" where they are.

    Plans are made from the catalogue before anything is loaded.
    """
    spatial, temporal = compression(vae)
    if temporal != model.temporal_compression or model.native_multiple % spatial:
        return (
            f"compress {spatial}x{spatial}x{temporal}, which is not what the catalogue says of it "
            f"({model.temporal_compression} frames, sides of {model.native_multiple})"
        )
    if model.family == "wan":
        return _unlike_wan(model, vae, transformer, settings)
    return ""


def _unlike_wan(model: ModelEntry, vae: Any, transformer: Any, settings: Mapping[str, Any]) -> str:
    """All of Wan is saved from the same two pipelines: what a folder can do shows in its numbers only."""
    text = transformer.config.in_channels == vae.config.z_dim
    pictures = not text or bool(settings.get("expand_timesteps"))
    if (text, pictures) != ("text_to_video" in model.operations, "image_to_video" in model.operations):
        what = " and ".join(name for name, able in (("text", text), ("a first picture", pictures)) if able)
        return f"make clips from {what}, which is not what the catalogue says of it"
    if (multiple := compression(vae)[0] * transformer.config.patch_size[1]) != model.native_multiple:
        return f"want sides of {multiple} pixels, and the catalogue says {model.native_multiple}"
    return ""


def _there(folder: Path, name: str, part: Part, classes: Mapping[str, str]) -> bool:
    return (folder / name).is_dir() if name in classes else not part.needed


def _other(folder: Path, model: ModelEntry, pipeline: str) -> str:
    """A folder of another family, and what to do with it."""
    family = next((family for family, layout in LAYOUTS.items() if pipeline in layout.pipelines), None)
    if family is None:
        own = " or ".join(sorted(LAYOUTS[model.family].pipelines))
        todo = f"no model here can use it; give a folder saved from {own}"
    else:
        names = ", ".join(name for name, each in MODELS.items() if each.family == family)
        todo = f"serve it as one of that family's models ({names}), or name another folder"
    return f"{folder} holds a {pipeline}, which {model.name} of the family {model.family!r} is not: {todo}."
