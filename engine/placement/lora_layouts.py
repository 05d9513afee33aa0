"""The layouts in which LoRAs are published, read into one: names of tensors, their roles and scales. No torch.

A LoRA is two matrices for each layer it changes, `down` and `up`. Trainers disagree on everything else: the matrices'
names (`lora_A`, `lora_down`, `lora.down`), the prefix (`transformer.`, `diffusion_model.`, `base_model.model.`,
`lora_unet_`), the names of the layers (diffusers' or the project's own, with dots or underscores) and where the scale
is kept (an `alpha` beside the matrices, or a configuration). Whatever cannot be applied exactly is refused by name.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

Role: TypeAlias = Literal["down", "up", "alpha", "bias"]

_ROLES: Final[Mapping[str, Role]] = MappingProxyType({"A": "down", "B": "up", "down": "down", "up": "up"})
_MATRIX: Final = re.compile(r"(?P<layer>.+?)[._]lora(?:_linear_layer)?[._](?P<role>A|B|down|up)(?P<end>\..+)?")
_MATRIX_ENDS: Final = (None, ".weight", ".default.weight")
_BIAS_ENDS: Final = (".bias", ".default.bias")
_PREFIX: Final = re.compile(
    r"(?:base_model\.model\.)?(?:(?:model\.)?diffusion_model\.|transformer\.|unet\.|lora_unet_|lora_transformer_|)"
)
_FOREIGN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dora_scale": "a DoRA",
        "lora_magnitude_vector": "a DoRA",
        "hada_": "a LoHa",
        "lokr_": "a LoKr",
        "oft_": "an OFT adapter",
        "lora_mid": "a LoCon with a third matrix",
    }
)
"""Marks of other kinds of adapters in the names of tensors."""
_WAN_NAMES: Final = (
    (r"\.attn1\.", ".self_attn."),
    (r"\.attn2\.add_([kv])_proj$", r".cross_attn.\1_img"),
    (r"\.attn2\.", ".cross_attn."),
    (r"\.to_([qkv])$", r".\1"),
    (r"\.to_out\.0$", ".o"),
    (r"\.ffn\.net\.0\.proj$", ".ffn.0"),
    (r"\.ffn\.net\.2$", ".ffn.2"),
    (r"^condition_embedder\.time_proj$", "time_projection.1"),
    (r"^condition_embedder\.(time|text)_embedder\.linear_1$", r"\1_embedding.0"),
    (r"^condition_embedder\.(time|text)_embedder\.linear_2$", r"\1_embedding.2"),
    (r"^condition_embedder\.image_embedder\.ff\.net\.0\.proj$", "img_emb.proj.1"),
    (r"^condition_embedder\.image_embedder\.ff\.net\.2$", "img_emb.proj.3"),
    (r"^proj_out$", "head.head"),
)
_LTX_NAMES: Final = ((r"^proj_in$", "patchify_proj"), (r"^time_embed\.", "adaln_single."))
_LTX2_NAMES: Final = (
    (r"^(audio_|)proj_in$", r"\1patchify_proj"),
    (r"^(audio_|)time_embed\.", r"\1adaln_single."),
    (r"^(audio_|)prompt_adaln\.", r"\1prompt_adaln_single."),
    (r"^av_cross_attn_(video|audio)_scale_shift\.", r"av_ca_\1_scale_shift_adaln_single."),
    (r"^av_cross_attn_video_a2v_gate\.", "av_ca_a2v_gate_adaln_single."),
    (r"^av_cross_attn_audio_v2a_gate\.", "av_ca_v2a_gate_adaln_single."),
)
_Z_IMAGE_NAMES: Final = ((r"\.attention\.to_out\.0$", ".attention.out"),)
ORIGINAL_NAMES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = MappingProxyType(
    {
        "LTXVideoTransformer3DModel": _LTX_NAMES,
        "LTX2VideoTransformer3DModel": _LTX2_NAMES,
        "WanTransformer3DModel": _WAN_NAMES,
        "ZImageTransformer2DModel": _Z_IMAGE_NAMES,
    }
)
"""How each project names the layers of its transformer, as replacements in diffusers' names. Other classes take no
LoRA.
"""


class BadLoraError(ValueError):
    """A LoRA cannot be applied exactly; the message is the end of a sentence that begins with the LoRA."""


@dataclass(slots=True)
class LoraLayer:
    """One layer's tensors by the role they play. The values are the names of the file's tensors."""

    tensors: dict[Role, str] = field(default_factory=dict)


def group_by_layer(names: Iterable[str], zeros: Collection[str] = ()) -> dict[str, LoraLayer]:
    """The tensors of a file by the layer they belong to, in the file's own naming. `zeros` are those that hold zeros
    alone, which change nothing whatever they are for.

    Raises BadLoraError for tensors that no LoRA has, and for a layer of which a matrix is missing.
    """
    layers: defaultdict[str, LoraLayer] = defaultdict(LoraLayer)
    for name in names:
        _refuse_other_kinds(name)
        found = _parse_name(name)
        if found is not None:
            layer, role = found
            layers[layer].tensors[role] = name
        elif name not in zeros:
            raise BadLoraError(f"holds {name!r}, which is no part of a LoRA's layout")
    if not any("up" in layer.tensors for layer in layers.values()):
        raise BadLoraError("holds no LoRA")
    for layer_name, parts in layers.items():
        missing = {"down", "up"} - parts.tensors.keys()
        if missing and parts.tensors.keys() != {"bias"}:
            raise BadLoraError(f"lacks the matrix {min(missing)!r} of the layer {layer_name}")
    return dict(layers)


def match_layers(layers: Iterable[str], kind: str, modules: Collection[str]) -> dict[str, str]:
    """The transformer's module behind each layer of a file; `kind` is the transformer's class.

    Raises BadLoraError for layers that the transformer does not have.
    """
    aliases = module_aliases(kind, modules)
    matched = {layer: aliases.get(_PREFIX.sub("", layer, count=1)) for layer in layers}
    if missing := [layer for layer, module in matched.items() if module is None]:
        count = f"{len(missing)} of its {len(matched)} layers"
        raise BadLoraError(f"is for another model: {count} are not in this one, such as {missing[0]}")
    return {layer: module for layer, module in matched.items() if module is not None}


def module_aliases(kind: str, modules: Collection[str]) -> dict[str, str]:
    """Every name that a published LoRA may have for each module, with diffusers' name of it."""
    aliases = {}
    for module in modules:
        original = module
        for pattern, replacement in ORIGINAL_NAMES[kind]:
            original = re.sub(pattern, replacement, original)
        for name in (module, original):
            aliases[name] = aliases[name.replace(".", "_")] = module
    return aliases


def configured_scale(config: Mapping[str, Any], module: str, rank: int) -> float:
    """The scale of a layer by a LoRA's configuration in peft's format; 1 where there is none.

    Raises BadLoraError for a configuration that is not peft's.
    """
    if not config:
        return 1.0
    try:
        patterns = config.get("alpha_pattern") or {}
        own = next((alpha for name, alpha in patterns.items() if re.fullmatch(rf"(.*\.)?({name})", module)), None)
        alpha = float(config.get("lora_alpha", rank) if own is None else own)
    except (AttributeError, TypeError, ValueError, re.error) as error:
        raise BadLoraError(f"comes with a configuration that cannot be read: {error}") from error
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _refuse_other_kinds(name: str) -> None:
    for mark, kind in _FOREIGN.items():
        if mark in name:
            raise BadLoraError(f"is {kind} ({name}), which Kinora cannot apply: train or merge it as a plain LoRA")


def _parse_name(name: str) -> tuple[str, Role] | None:
    """The layer and the role of a tensor; None where it is no part of a LoRA."""
    for suffix, role in ((".alpha", "alpha"), (".diff_b", "bias")):
        if name.endswith(suffix):
            return name.removesuffix(suffix), role  # type: ignore[return-value]
    if (match := _MATRIX.fullmatch(name)) is None:
        return None
    if match["end"] in _MATRIX_ENDS:
        return match["layer"].replace(".processor", ""), _ROLES[match["role"]]
    return (match["layer"], "bias") if match["end"] in _BIAS_ENDS and _ROLES[match["role"]] == "up" else None
