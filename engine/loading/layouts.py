"""The modules in a model folder of each family, in diffusers' layout, and how each is read.

It knows files and classes; finding the folder and placing the modules is the loader's business.
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
from engine.loading.float8_reader import read_as_float8
from engine.placement.memory import Quantization
from engine.types import EngineError

INDEX_FILE: Final = "model_index.json"


@dataclass(frozen=True, slots=True)
class ModuleSpec:
    """One module of a model: the classes it may have, and whether every folder must have it.

    One that `keeps_float32` does so whatever the dtype of the rest, as its project recommends. Those without weights
    (tokenizers, schedulers, image processors) are not torch modules.
    """

    classes: tuple[str, ...]
    required: bool = True
    keeps_float32: bool = False
    is_torch_module: bool = True


@dataclass(frozen=True, slots=True)
class FolderLayout:
    """A family's folder: the pipeline classes it may be saved from, and its modules in the order of reading."""

    pipelines: frozenset[str]
    modules: Mapping[str, ModuleSpec]


@dataclass(frozen=True, slots=True)
class FolderIndex:
    """The content of model_index.json: the class of each module in the folder, and the pipeline's own settings."""

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
            frozenset({"LTX2Pipeline", "LTX2ImageToVideoPipeline", "LTX2ConditionPipeline", "LTX2DFRPipeline"}),
            {
                "tokenizer": _TOKENIZER,
                "scheduler": _EULER,
                "text_encoder": ModuleSpec(("Gemma3ForConditionalGeneration", "Gemma4UnifiedForConditionalGeneration")),
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
    """Read the index of a folder that must hold a model of this family.

    Raises EngineError `model_missing` or `model_broken`.
    """
    try:
        content = json.loads((folder / INDEX_FILE).read_bytes())
        pipeline = content["_class_name"]
        classes = {
            name: entry[1] for name, entry in content.items() if isinstance(entry, list) and entry[1] is not None
        }
    except FileNotFoundError:
        content, pipeline, classes = {}, None, {}
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise EngineError("model_broken", f"{folder / INDEX_FILE} cannot be read: {error}") from error
    layout = LAYOUTS[model.family]
    if pipeline is not None and pipeline not in layout.pipelines:
        raise EngineError("model_broken", _wrong_family_message(folder, model, pipeline))
    missing = [name for name, spec in layout.modules.items() if not _is_present(folder, name, spec, classes)]
    if pipeline is None or missing:
        message = (
            f"The weights of {model.name} are not in {folder}: it lacks {', '.join(missing or [INDEX_FILE])}. "
            f"Put a diffusers folder of the family {model.family!r} there, or name another one for {model.name}."
        )
        raise EngineError("model_missing", message)
    settings = {
        name: value for name, value in content.items() if not name.startswith("_") and not isinstance(value, list)
    }
    return FolderIndex({name: kind for name, kind in classes.items() if name in layout.modules}, settings)


def read_module(
    model: ModelEntry, name: str, kind: str, folder: Path, dtype: torch.dtype, quantization: Quantization = "none"
) -> Any:
    """Read the module `name` of class `kind`, in evaluation mode on the CPU. A transformer that is to be stored as
    float8 is never in memory as anything larger.

    Raises ValueError for a class that this family does not use, and whatever diffusers and transformers raise.
    """
    spec = LAYOUTS[model.family].modules[name]
    if not spec.classes:
        return AutoTokenizer.from_pretrained(folder)
    if kind not in spec.classes:
        raise ValueError(f"it holds a {kind}, and the family {model.family!r} takes {' or '.join(spec.classes)}")
    if not spec.is_torch_module:
        return module_class(kind).from_pretrained(folder)
    if name.startswith("transformer") and quantization == "float8":
        return read_as_float8(module_class(kind), folder, dtype)
    return module_class(kind).from_pretrained(folder, dtype=torch.float32 if spec.keeps_float32 else dtype).eval()


def module_class(kind: str) -> Any:
    """The class of this name, of diffusers or transformers."""
    return next(getattr(library, kind) for library in (diffusers, ltx2, transformers) if hasattr(library, kind))


def weights_digest(folder: Path, names: Iterable[str]) -> str:
    """A digest of the weights of these modules, equal for equal files in any folder.

    Of a large file only the length and samples all over it are hashed, since reading it all once more would double the
    loading time: a model that was trained further differs in almost every number.
    """
    digest = blake2b((folder / INDEX_FILE).read_bytes(), digest_size=16)
    for name in sorted(names):
        for file in sorted(path for path in (folder / name).iterdir() if path.is_file()):
            size = file.stat().st_size
            digest.update(f"{name}/{file.name} {size}".encode())
            with file.open("rb") as opened:
                for start in range(0, size, max(_SAMPLE_BYTES, size // _SAMPLES)):
                    opened.seek(start)
                    digest.update(opened.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def vae_compression(vae: Any) -> tuple[int, int]:
    """Pixels per latent along each side, and frames per latent after the first."""
    if isinstance(vae, diffusers.AutoencoderKLWan):
        return int(vae.config.scale_factor_spatial), int(vae.config.scale_factor_temporal)
    if isinstance(vae, diffusers.AutoencoderKL):
        return int(2 ** (len(vae.config.block_out_channels) - 1)), 1
    return int(vae.spatial_compression_ratio), int(vae.temporal_compression_ratio)


def catalog_mismatch(model: ModelEntry, vae: Any, transformer: Any, settings: Mapping[str, Any]) -> str:
    """How these weights differ from the model's catalog entry, as the end of a sentence; "" where they agree.

    Plans are made from the catalog before anything is loaded.
    """
    spatial, temporal = vae_compression(vae)
    if temporal != model.temporal_compression or model.native_multiple % spatial:
        return (
            f"compress {spatial}x{spatial}x{temporal}, which is not what the catalog says of it "
            f"({model.temporal_compression} frames, sides of {model.native_multiple})"
        )
    if model.family == "wan":
        return _wan_mismatch(model, vae, transformer, settings)
    return ""


def _wan_mismatch(model: ModelEntry, vae: Any, transformer: Any, settings: Mapping[str, Any]) -> str:
    """All Wan models are saved from the same two pipelines: only the configuration shows what a folder can do."""
    from_text = transformer.config.in_channels == vae.config.z_dim
    from_image = not from_text or bool(settings.get("expand_timesteps"))
    if (from_text, from_image) != ("text_to_video" in model.operations, "image_to_video" in model.operations):
        inputs = " and ".join(name for name, able in (("text", from_text), ("a first image", from_image)) if able)
        return f"make clips from {inputs}, which is not what the catalog says of it"
    if (multiple := vae_compression(vae)[0] * transformer.config.patch_size[1]) != model.native_multiple:
        return f"need sides that are multiples of {multiple} pixels, and the catalog says {model.native_multiple}"
    return ""


def _is_present(folder: Path, name: str, spec: ModuleSpec, classes: Mapping[str, str]) -> bool:
    return (folder / name).is_dir() if name in classes else not spec.required


def _wrong_family_message(folder: Path, model: ModelEntry, pipeline: str) -> str:
    """The message for a folder of another family, with the remedy."""
    family = next((family for family, layout in LAYOUTS.items() if pipeline in layout.pipelines), None)
    if family is None:
        own = " or ".join(sorted(LAYOUTS[model.family].pipelines))
        remedy = f"no model here can use it; give a folder saved from {own}"
    else:
        names = ", ".join(name for name, model in MODELS.items() if model.family == family)
        remedy = f"serve it as one of that family's models ({names}), or name another folder"
    return f"{folder} holds a {pipeline}, which {model.name} of the family {model.family!r} is not: {remedy}."
