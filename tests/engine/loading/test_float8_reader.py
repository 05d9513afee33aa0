"""A transformer read straight as float8 is the one that was read and then cast."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.loading.float8_reader import read_as_float8
from engine.placement.lora import activate_loras, attach_lora
from engine.placement.quantization import quantize_module
from engine.testing import tiny_diffusers, tiny_ltx
from engine.types import LoraWeight
from tests.engine.placement.test_lora_layouts import LAYERS, matrices, write

FAMILIES = ["ltx", "wan_text", "wan_picture", "ltx2", "z_image"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("transformers")
    return {family: written(family, root / family) for family in FAMILIES}


def written(family: str, folder: Path) -> Path:
    torch.manual_seed(3)
    transformer = tiny_ltx.tiny_transformer() if family == "ltx" else getattr(tiny_diffusers, family)().transformer
    transformer.save_pretrained(folder)
    return folder


def class_of(family: str) -> Any:
    return type(tiny_ltx.tiny_transformer() if family == "ltx" else getattr(tiny_diffusers, family)().transformer)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_tensor_is_the_one_that_was_read_and_then_cast(
    folders: dict[str, Path], family: str, dtype: torch.dtype
) -> None:
    plain = class_of(family).from_pretrained(folders[family], torch_dtype=dtype).eval()
    quantize_module(plain, "float8")
    read = read_as_float8(class_of(family), folders[family], dtype)
    assert not read.training
    expected, found = ({**dict(each.named_parameters()), **dict(each.named_buffers())} for each in (plain, read))
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert (found[name].dtype, found[name].device) == (tensor.dtype, tensor.device), name
        assert torch.equal(found[name].float(), tensor.float()), name
    assert torch.float8_e4m3fn in {tensor.dtype for tensor in found.values()}


def test_several_files_are_one_model(folders: dict[str, Path], tmp_path: Path) -> None:
    (config,) = folders["ltx"].glob("config.json")
    tensors = load_file(next(folders["ltx"].glob("*.safetensors")))
    names = sorted(tensors)
    shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, held in shards.items():
        save_file({name: tensors[name] for name in held}, tmp_path / file)
    index = {"weight_map": {name: file for file, held in shards.items() for name in held}}
    (tmp_path / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / "config.json").write_bytes(config.read_bytes())
    whole = read_as_float8(class_of("ltx"), folders["ltx"], torch.float32).state_dict()
    split = read_as_float8(class_of("ltx"), tmp_path, torch.float32).state_dict()
    assert all(torch.equal(whole[name].float(), split[name].float()) for name in whole)
    (tmp_path / "diffusion_pytorch_model.safetensors.index.json").unlink()
    with pytest.raises(ValueError, match="the file lacks"):
        read_as_float8(class_of("ltx"), tmp_path, torch.float32)


def test_a_lora_on_it_keeps_its_own_numbers(folders: dict[str, Path], tmp_path: Path) -> None:
    transformer = read_as_float8(class_of("ltx"), folders["ltx"], torch.float32)
    tensors = matrices(tiny_ltx.tiny_transformer(), LAYERS["ltx"])
    attach_lora([transformer], "lora_film", write(tensors, tmp_path))
    held = {name: parameter for name, parameter in transformer.named_parameters() if ".lora_" in name}
    assert {parameter.dtype for parameter in held.values()} == {torch.float32}
    for name, parameter in held.items():
        assert torch.equal(parameter, tensors[name.replace(".lora_film", "")]), name
    activate_loras(transformer, (LoraWeight("lora_film"),))
    layer = transformer.get_submodule("transformer_blocks.0.attn1.to_q")
    x = torch.randn(2, layer.base_layer.weight.shape[1])
    change = x @ (tensors[f"{LAYERS['ltx'][0]}.lora_B.weight"] @ tensors[f"{LAYERS['ltx'][0]}.lora_A.weight"]).T
    torch.testing.assert_close(layer(x), layer.base_layer(x) + change)
