"""One LoRA in every layout in which trainers publish it has one effect; what cannot be applied exactly is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine.loading.lora_check import unusable_loras
from engine.placement.lora import activate_loras, attach_lora, check_lora, unusable_reason
from engine.placement.lora_layouts import ORIGINAL_NAMES, BadLoraError
from engine.runtime.engine import Engine
from engine.testing import tiny_diffusers, tiny_ltx
from engine.types import EngineConfig, EngineError, LoraSource, LoraWeight, Request

Tensors = dict[str, torch.Tensor]
RANK = 2
LAYERS: Mapping[str, tuple[str, ...]] = {
    "ltx": ("transformer_blocks.0.attn1.to_q", "transformer_blocks.1.ff.net.0.proj", "proj_in"),
    "wan_two": ("blocks.0.attn1.to_q", "blocks.1.attn2.to_out.0", "blocks.0.ffn.net.2", "condition_embedder.time_proj"),
    "ltx2": ("transformer_blocks.0.attn1.to_q", "proj_in", "time_embed.linear"),
    "z_image": ("layers.0.attention.to_q", "layers.0.attention.to_out.0"),
}


def transformer_of(family: str) -> Any:
    torch.manual_seed(1)
    return tiny_ltx.tiny_transformer() if family == "ltx" else getattr(tiny_diffusers, family)().transformer


def matrices(transformer: Any, layers: tuple[str, ...]) -> Tensors:
    """A LoRA in diffusers' own layout."""
    generator, tensors = torch.Generator().manual_seed(2), {}
    for layer in layers:
        outputs, inputs = transformer.get_submodule(layer).weight.shape
        tensors[f"{layer}.lora_A.weight"] = torch.randn(RANK, inputs, generator=generator)
        tensors[f"{layer}.lora_B.weight"] = torch.randn(outputs, RANK, generator=generator)
    return tensors


def renamed(
    tensors: Tensors, name: Callable[[str], str], down: str = "lora_A.weight", up: str = "lora_B.weight"
) -> Tensors:
    named = {}
    for old, tensor in tensors.items():
        layer, _, role = old.rpartition(".lora_")
        named[f"{name(layer)}.{down if role.startswith('A') else up}"] = tensor
    return named


def original(family: str, layer: str) -> str:
    for pattern, replacement in ORIGINAL_NAMES[type(transformer_of(family)).__name__]:
        layer = re.sub(pattern, replacement, layer)
    return layer


def write(tensors: Tensors, folder: Path, name: str = "film", metadata: dict[str, str] | None = None) -> str:
    folder.mkdir(exist_ok=True)
    save_file(
        {name: tensor.contiguous().clone() for name, tensor in tensors.items()},
        folder / f"{name}.safetensors",
        metadata,
    )
    return str(folder / f"{name}.safetensors")


LAYOUTS: Mapping[str, Callable[[str, Tensors], Tensors]] = {
    "diffusers": lambda _, t: renamed(t, lambda layer: f"transformer.{layer}"),
    "bare": lambda _, t: t,
    "peft": lambda _, t: renamed(t, lambda layer: f"base_model.model.{layer}"),
    "saved adapter": lambda _, t: renamed(t, str, "lora_A.default.weight", "lora_B.default.weight"),
    "comfyui": lambda f, t: renamed(
        t, lambda layer: f"diffusion_model.{original(f, layer)}", "lora_down.weight", "lora_up.weight"
    ),
    "comfyui with peft's names": lambda f, t: renamed(t, lambda layer: f"diffusion_model.{original(f, layer)}"),
    "checkpoint": lambda f, t: renamed(
        t, lambda layer: f"model.diffusion_model.{original(f, layer)}", "lora.down.weight", "lora.up.weight"
    ),
    "kohya": lambda f, t: renamed(
        t, lambda layer: "lora_unet_" + original(f, layer).replace(".", "_"), "lora_down.weight", "lora_up.weight"
    ),
    "onetrainer": lambda _, t: renamed(
        t, lambda layer: "lora_transformer_" + layer.replace(".", "_"), "lora_down.weight", "lora_up.weight"
    ),
}


@pytest.mark.parametrize("family", LAYERS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_means_the_same_matrices(family: str, layout: str, tmp_path: Path) -> None:
    transformer = transformer_of(family)
    tensors = matrices(transformer, LAYERS[family])
    read = check_lora(transformer, write(LAYOUTS[layout](family, tensors), tmp_path))
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("family", LAYERS)
def test_the_matrices_reach_the_layers_they_are_for(family: str, tmp_path: Path) -> None:
    transformer = transformer_of(family)
    tensors = matrices(transformer, LAYERS[family])
    attach_lora([transformer], "lora_film", write(LAYOUTS["kohya"](family, tensors), tmp_path))
    activate_loras(transformer, (LoraWeight("lora_film", 0.5),))
    for layer in LAYERS[family]:
        module = transformer.get_submodule(layer)
        x = torch.randn(3, module.base_layer.weight.shape[1])
        change = 0.5 * tensors[f"{layer}.lora_B.weight"] @ tensors[f"{layer}.lora_A.weight"]
        torch.testing.assert_close(module(x), module.base_layer(x) + x @ change.T)


def test_alpha_scales_each_layer_by_itself(tmp_path: Path) -> None:
    transformer = transformer_of("ltx")
    first, second, third = LAYERS["ltx"]
    tensors = matrices(transformer, LAYERS["ltx"])
    kohya = LAYOUTS["kohya"]("ltx", tensors)
    kohya["lora_unet_" + first.replace(".", "_") + ".alpha"] = torch.tensor(1.0)
    kohya["lora_unet_" + second.replace(".", "_") + ".alpha"] = torch.tensor([8.0])
    read = check_lora(transformer, write(kohya, tmp_path))
    for layer, scale in ((first, 0.5), (second, 4.0), (third, 1.0)):
        change = read[f"{layer}.lora_B.weight"] @ read[f"{layer}.lora_A.weight"]
        expected = scale * tensors[f"{layer}.lora_B.weight"] @ tensors[f"{layer}.lora_A.weight"]
        torch.testing.assert_close(change, expected)


@pytest.mark.parametrize(
    ("config", "scales"),
    [
        ({"r": 2, "lora_alpha": 8}, (4.0, 4.0, 4.0)),
        ({"r": 2, "lora_alpha": 8, "use_rslora": True}, (8 / 2**0.5,) * 3),
        ({"r": 2, "lora_alpha": 2, "alpha_pattern": {"attn1.to_q": 1, "proj_in": 6}}, (0.5, 1.0, 3.0)),
    ],
)
@pytest.mark.parametrize("in_header", [True, False])
def test_a_configuration_scales_like_alpha(
    config: dict[str, Any], scales: tuple[float, ...], tmp_path: Path, *, in_header: bool
) -> None:
    transformer = transformer_of("ltx")
    tensors = matrices(transformer, LAYERS["ltx"])
    header = {"lora_adapter_metadata": json.dumps({f"transformer.{key}": value for key, value in config.items()})}
    if not in_header:
        (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    read = check_lora(transformer, write(tensors, tmp_path, "adapter_model", header if in_header else None))
    for layer, scale in zip(LAYERS["ltx"], scales, strict=True):
        name = f"{layer}.lora_B.weight"
        torch.testing.assert_close(read[name], scale * tensors[name])


def test_a_bias_is_added_and_zeros_change_nothing(tmp_path: Path) -> None:
    transformer = transformer_of("wan_two")
    (layer,) = layers = ("blocks.0.attn1.to_q",)
    comfy = LAYOUTS["comfyui"]("wan_two", matrices(transformer, layers))
    outputs = len(transformer.get_submodule(layer).weight)
    comfy["diffusion_model.blocks.0.self_attn.q.diff_b"] = torch.full((outputs,), 2.0)
    comfy["diffusion_model.blocks.1.self_attn.q.diff_b"] = torch.full((outputs,), 3.0)
    comfy["diffusion_model.blocks.0.norm3.diff"] = torch.zeros(outputs)
    attach_lora([transformer], "lora_film", write(comfy, tmp_path))
    activate_loras(transformer, (LoraWeight("lora_film"),))
    x = torch.zeros(1, transformer.get_submodule(layer).base_layer.weight.shape[1])
    for name, added in ((layer, 2.0), ("blocks.1.attn1.to_q", 3.0)):
        module = transformer.get_submodule(name)
        torch.testing.assert_close(module(x), module.base_layer(x) + added)


def without(tensors: Tensors, ending: str) -> Tensors:
    dropped = next(name for name in tensors if name.endswith(ending))
    return {name: tensor for name, tensor in tensors.items() if name != dropped}


BROKEN: Mapping[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "dora": (lambda t: t | {"proj_in.dora_scale": torch.ones(64, 1)}, "is a DoRA"),
    "dora of peft": (lambda t: t | {"proj_in.lora_magnitude_vector": torch.ones(64)}, "is a DoRA"),
    "loha": (lambda _: {"lora_unet_proj_in.hada_w1_a": torch.ones(2, 2)}, "is a LoHa"),
    "lokr": (lambda _: {"lora_unet_proj_in.lokr_w1": torch.ones(2, 2)}, "is a LoKr"),
    "locon": (lambda t: t | {"proj_in.lora_mid.weight": torch.ones(2, 2)}, "LoCon"),
    "half": (lambda t: without(t, "lora_B.weight"), "lacks the matrix 'up'"),
    "another model": (
        lambda t: renamed(t, lambda layer: f"diffusion_model.double_blocks.{layer}"),
        "for another model",
    ),
    "another size": (lambda t: {name: torch.ones(7, 7) for name in t}, "for another model"),
    "another rank": (lambda t: {name: torch.ones(64, 64)[:3] for name in t}, "for another model"),
    "one number": (lambda t: dict.fromkeys(t, torch.tensor(1.0)), "for another model"),
    "a norm": (lambda t: t | {"diffusion_model.norm_out.diff": torch.ones(3)}, "no part of a LoRA"),
    "a whole model": (lambda _: {"transformer_blocks.0.attn1.to_q.weight": torch.ones(2, 2)}, "no part of a LoRA"),
    "two alphas": (lambda t: t | {"proj_in.alpha": torch.ones(2)}, "an alpha of 2 numbers"),
    "nothing": (lambda _: {}, "holds no LoRA"),
    "no number": (lambda t: {name: tensor * float("nan") for name, tensor in t.items()}, "not finite"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_what_cannot_be_applied_exactly_is_refused_and_leaves_nothing(broken: str, tmp_path: Path) -> None:
    change, reason = BROKEN[broken]
    transformer = transformer_of("ltx")
    names = {name for name, _ in transformer.named_modules()}
    with pytest.raises(BadLoraError, match=reason):
        attach_lora([transformer], "lora_film", write(change(matrices(transformer, LAYERS["ltx"])), tmp_path))
    assert {name for name, _ in transformer.named_modules()} == names


@pytest.mark.parametrize(
    "config", ["[1]", "{", '{"lora_alpha": "much"}', '{"alpha_pattern": [1]}', '{"alpha_pattern": {"(": 1}}']
)
def test_a_configuration_that_makes_no_sense_is_refused(config: str, tmp_path: Path) -> None:
    transformer = transformer_of("ltx")
    (tmp_path / "adapter_config.json").write_text(config)
    with pytest.raises(BadLoraError, match="configuration"):
        check_lora(transformer, write(matrices(transformer, LAYERS["ltx"]), tmp_path))


def test_a_folder_with_several_files_says_which_name_counts(tmp_path: Path) -> None:
    transformer = transformer_of("ltx")
    tensors = matrices(transformer, LAYERS["ltx"])
    write(tensors, tmp_path, "one")
    write(tensors, tmp_path, "two")
    with pytest.raises(FileNotFoundError, match=r"one\.safetensors, two\.safetensors"):
        check_lora(transformer, str(tmp_path))
    write(tensors, tmp_path, "pytorch_lora_weights")
    assert check_lora(transformer, str(tmp_path))


def test_files_of_every_kind_lose_only_themselves(config: EngineConfig, request_: Request, tmp_path: Path) -> None:
    """However a file is broken, the clips that do not ask for it are made."""
    transformer = tiny_ltx.tiny_transformer()
    tensors = matrices(transformer, LAYERS["ltx"])
    sources = {name.replace(" ", "-"): write(change(tensors), tmp_path / name) for name, (change, _) in BROKEN.items()}
    for name, content in {
        "text": b"not a LoRA",
        "empty": b"",
        "cut": Path(write(tensors, tmp_path / "whole")).read_bytes()[:-9],
    }.items():
        (tmp_path / f"{name}.safetensors").write_bytes(content)
        sources[name] = str(tmp_path / f"{name}.safetensors")
    sources["folder"] = str(tmp_path / "nowhere")
    whole = LoraSource("whole", "kinora-mini", str(tmp_path / "whole"))
    loras = (*(LoraSource(name, "kinora-mini", source) for name, source in sources.items()), whole)
    engine = Engine(replace(config, loras=loras))
    list(engine.run(replace(request_, loras=(LoraWeight("whole"),)), tmp_path / "out", lambda: False))
    for name in sources:
        with pytest.raises(EngineError, match=f"The LoRA '{name}' ") as caught:
            list(engine.run(replace(request_, loras=(LoraWeight(name),)), tmp_path / "out", lambda: False))
        assert caught.value.code == "lora_missing"
        assert str(tmp_path) not in str(caught.value), "the server's folders are no user's business"
    found = unusable_loras(replace(config, loras=loras))
    assert len(found) == len(sources) - 1, "the doctor opens each that is there"
    assert all(any(f"The LoRA '{name}' " in sentence for sentence in found) for name in sources if name != "folder")


def test_without_the_model_s_folder_the_file_alone_is_examined(tmp_path: Path) -> None:
    tensors = matrices(tiny_ltx.tiny_transformer(), LAYERS["ltx"])
    change, reason = BROKEN["dora"]
    sources = {"whole": write(tensors, tmp_path / "whole"), "dora": write(change(tensors), tmp_path / "dora")}
    config = EngineConfig(loras=tuple(LoraSource(name, "ltx-2", source) for name, source in sources.items()))
    (found,) = unusable_loras(config)
    assert found.startswith(f"The LoRA 'dora' ({sources['dora']}) {reason}")


def test_a_reason_says_no_path() -> None:
    assert unusable_reason(FileNotFoundError("/srv/loras/film")) == "is not there"
    assert unusable_reason(PermissionError("/srv/loras/film")) == "cannot be read (PermissionError)"
