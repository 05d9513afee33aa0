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

INDEX_FILE: Final = "model_index.json"


@dataclass(frozen=True, slots=True)
class ModuleSpec:
    """One part of a model: the classes it may be of, and whether every folder has it.

    A `precise` one stays in float32 whatever the rest is in, as its project asks. Parts without weights (tokenizers,
    schedulers, image processors) are not `torch` modules.
    """

    classes: tuple[str, ...]
    required: bool = True
    keeps_float32: bool = False
    is_torch_module: bool = True


@dataclass(frozen=True, slots=True)
class FolderLayout:
    """A family's folder: the pipelines it may be saved from, and its parts in the order in which they are read."""

    pipelines: frozenset[str]
    modules: Mapping[str, ModuleSpec]


@dataclass(frozen=True, slots=True)
class FolderIndex:
    """What a folder says of itself: the class of each part it has, and the pipeline's own settings."""

    classes: Mapping[str, str]
    settings: Mapping[str, Any]


_SAMPLE_BYTES: Final = 2**12  # bytes
_SAMPLES: Final = 2**8  # of one file
_TOKENIZER: Final = ModuleSpec((), is_torch_module=False)
_EULER: Final = ModuleSpec(("FlowMatchEulerDiscreteScheduler",), is_torch_module=False)

LAYOUTS: Final[Mapping[Family, FolderLayout]] = MappingProxyType(
    {
        "ltx": FolderLayout(
            frozenset(
                {"LTXPipeline", "LTXConditionPipeline", "LTXImageToVideoPipeline", "LTXI2VLongMultiPromptPipeline"}
            ),
            {
                "tokenizer": _TOKENIZER,
                "scheduler": _EULER,
                "text_encoder": ModuleSpec(("T5EncoderModel",)),
                "vae": ModuleSpec(("AutoencoderKLLTXVideo",)),
                "transformer": ModuleSpec(("LTXVideoTransformer3DModel",)),
            },
        ),
        "wan": FolderLayout(
            frozenset({"WanPipeline", "WanImageToVideoPipeline"}),
            {
                "tokenizer": _TOKENIZER,
                "scheduler": ModuleSpec(
                    ("UniPCMultistepScheduler", "FlowMatchEulerDiscreteScheduler"), is_torch_module=False
                ),
                "image_processor": ModuleSpec(
                    ("CLIPImageProcessor", "CLIPImageProcessorPil"), required=False, is_torch_module=False
                ),
                "text_encoder": ModuleSpec(("UMT5EncoderModel",)),
                "image_encoder": ModuleSpec(("CLIPVisionModel",), required=False, keeps_float32=True),
                "vae": ModuleSpec(("AutoencoderKLWan",), keeps_float32=True),
                "transformer": ModuleSpec(("WanTransformer3DModel",)),
                "transformer_2": ModuleSpec(("WanTransformer3DModel",), required=False),
            },
        ),
        "ltx2": FolderLayout(
            frozenset({"LTX2Pipeline", "LTX2ImageToVideoPipeline", "LTX2ConditionPipeline"}),
            {
                "tokenizer": _TOKENIZER,
                "scheduler": _EULER,
                "text_encoder": ModuleSpec(("Gemma3ForConditionalGeneration",)),
                "connectors": ModuleSpec(("LTX2TextConnectors",)),
                "vae": ModuleSpec(("AutoencoderKLLTX2Video",)),
                "audio_vae": ModuleSpec(("AutoencoderKLLTX2Audio",)),
                "vocoder": ModuleSpec(("LTX2Vocoder", "LTX2VocoderWithBWE")),
                "transformer": ModuleSpec(("LTX2VideoTransformer3DModel",)),
            },
        ),
        "z_image": FolderLayout(
            frozenset({"ZImagePipeline"}),
            {
                "tokenizer": _TOKENIZER,
                "scheduler": _EULER,
                "text_encoder": ModuleSpec(("Qwen3Model", "Qwen3ForCausalLM")),
                "vae": ModuleSpec(("AutoencoderKL",)),
                "transformer": ModuleSpec(("ZImageTransformer2DModel",)),
            },
        ),
    }
)


def read_index(folder: Path, model: ModelEntry) -> FolderIndex:
    """What the folder says of itself, if it holds a model of this family. Raises EngineError `model_missing` or
    `model_broken`.
    """
    try:
        said = json.loads((folder / INDEX_FILE).read_bytes())
        pipeline = said["_class_name"]
        classes = {name: each[1] for name, each in said.items() if isinstance(each, list) and each[1] is not None}
    except FileNotFoundError:
        said, pipeline, classes = {}, None, {}
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise EngineError("model_broken", f"{folder / INDEX_FILE} cannot be read: {error}") from error
    layout = LAYOUTS[model.family]
    if pipeline is not None and pipeline not in layout.pipelines:
        raise EngineError("model_broken", _wrong_family_message(folder, model, pipeline))
    missing = [name for name, part in layout.modules.items() if not _is_present(folder, name, part, classes)]
    if pipeline is None or missing:
        message = (
            f"The weights of {model.name} are not in {folder}: it lacks {', '.join(missing or [INDEX_FILE])}. "
            f"Put a diffusers folder of the family {model.family!r} there, or name another one for {model.name}."
        )
        raise EngineError("model_missing", message)
    settings = {name: each for name, each in said.items() if not name.startswith("_") and not isinstance(each, list)}
    return FolderIndex({name: each for name, each in classes.items() if name in layout.modules}, settings)


def read_module(model: ModelEntry, name: str, kind: str, folder: Path, dtype: torch.dtype) -> Any:
    """One part of class `kind`, in evaluation mode on the CPU or, without weights, as it is.

    Raises ValueError for a class that this family has no use for, and what diffusers and transformers raise.
    """
    part = LAYOUTS[model.family].modules[name]
    if not part.classes:
        return AutoTokenizer.from_pretrained(folder)
    if kind not in part.classes:
        raise ValueError(f"it holds a {kind}, and the family {model.family!r} takes {' or '.join(part.classes)}")
    made = next(getattr(place, kind) for place in (diffusers, ltx2, transformers) if hasattr(place, kind))
    if not part.is_torch_module:
        return made.from_pretrained(folder)
    return made.from_pretrained(folder, dtype=torch.float32 if part.keeps_float32 else dtype).eval()


def weights_digest(folder: Path, names: Iterable[str]) -> str:
    """A name for the weights of these parts, equal for equal files wherever they lie.

    Of a large file it is taken from its length and from stretches all over it, since to read all of it once more would
    double the time of loading: a model that was trained further differs in almost every number.
    """
    made = blake2b((folder / INDEX_FILE).read_bytes(), digest_size=16)
    for name in sorted(names):
        for file in sorted(each for each in (folder / name).iterdir() if each.is_file()):
            size = file.stat().st_size
            made.update(f"{name}/{file.name} {size}".encode())
            with file.open("rb") as opened:
                for start in range(0, size, max(_SAMPLE_BYTES, size // _SAMPLES)):
                    opened.seek(start)
                    made.update(opened.read(_SAMPLE_BYTES))
    return made.hexdigest()


def vae_compression(vae: Any) -> tuple[int, int]:
    """Pixels per latent along each side, and frames per latent after the first."""
    if isinstance(vae, diffusers.AutoencoderKLWan):
        return int(vae.config.scale_factor_spatial), int(vae.config.scale_factor_temporal)
    if isinstance(vae, diffusers.AutoencoderKL):
        return int(2 ** (len(vae.config.block_out_channels) - 1)), 1
    return int(vae.spatial_compression_ratio), int(vae.temporal_compression_ratio)


def catalogue_mismatch(model: ModelEntry, vae: Any, transformer: Any, settings: Mapping[str, Any]) -> str:
    """In which way these weights are not what the catalogue says of the model; "" where they are.

    Plans are made from the catalogue before anything is loaded.
    """
    spatial, temporal = vae_compression(vae)
    if temporal != model.temporal_compression or model.native_multiple % spatial:
        return (
            f"compress {spatial}x{spatial}x{temporal}, which is not what the catalogue says of it "
            f"({model.temporal_compression} frames, sides of {model.native_multiple})"
        )
    if model.family == "wan":
        return _wan_mismatch(model, vae, transformer, settings)
    return ""


def _wan_mismatch(model: ModelEntry, vae: Any, transformer: Any, settings: Mapping[str, Any]) -> str:
    """All of Wan is saved from the same two pipelines: what a folder can do shows in its numbers only."""
    text = transformer.config.in_channels == vae.config.z_dim
    pictures = not text or bool(settings.get("expand_timesteps"))
    if (text, pictures) != ("text_to_video" in model.operations, "image_to_video" in model.operations):
        what = " and ".join(name for name, able in (("text", text), ("a first picture", pictures)) if able)
        return f"make clips from {what}, which is not what the catalogue says of it"
    if (multiple := vae_compression(vae)[0] * transformer.config.patch_size[1]) != model.native_multiple:
        return f"want sides of {multiple} pixels, and the catalogue says {model.native_multiple}"
    return ""


def _is_present(folder: Path, name: str, part: ModuleSpec, classes: Mapping[str, str]) -> bool:
    return (folder / name).is_dir() if name in classes else not part.required


def _wrong_family_message(folder: Path, model: ModelEntry, pipeline: str) -> str:
    """A folder of another family, and what to do with it."""
    family = next((family for family, layout in LAYOUTS.items() if pipeline in layout.pipelines), None)
    if family is None:
        own = " or ".join(sorted(LAYOUTS[model.family].pipelines))
        todo = f"no model here can use it; give a folder saved from {own}"
    else:
        names = ", ".join(name for name, each in MODELS.items() if each.family == family)
        todo = f"serve it as one of that family's models ({names}), or name another folder"
    return f"{folder} holds a {pipeline}, which {model.name} of the family {model.family!r} is not: {todo}."
