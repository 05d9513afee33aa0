from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.catalog.model import ModelEntry
from engine.catalog.registry import find_model
from engine.loading.loader import Modules, limit_threads, load_model, locate_weights
from engine.types import EngineConfig, EngineError
from tests.support.engine_modules import run_to_end

mini = find_model("kinora-mini")


def reading(model: ModelEntry, config: EngineConfig) -> tuple[list[float], Modules]:
    return run_to_end(load_model(model, locate_weights(model, config), config))


def failure(config: EngineConfig, name: str = "kinora-mini") -> EngineError:
    with pytest.raises(EngineError) as caught:
        reading(find_model(name), config)
    return caught.value


@pytest.fixture
def weights_copy(weights: Path, tmp_path: Path) -> Path:
    return shutil.copytree(weights, tmp_path / "copy")


def test_loading_reports_how_far_it_is(config: EngineConfig) -> None:
    fractions, modules = reading(mini, config)
    assert fractions[0] == 0
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert (modules.spatial_compression, modules.temporal_compression) == (32, 8)
    assert modules.device.type == "cpu"
    assert not modules.transformer.training
    assert not modules.text_encoder.training
    assert not modules.vae.training


def test_the_same_code_loads_any_entry_from_a_folder(weights: Path) -> None:
    for name in ("ltx-video-2b", "ltx-video-13b-distilled"):
        _, modules = reading(
            find_model(name), EngineConfig(weights={name: str(weights)}, device="cpu", dtype="float32")
        )
        assert modules.dtype == torch.float32


def test_numbers_may_be_halved(weights: Path) -> None:
    config = EngineConfig(weights={"kinora-mini": str(weights)}, device="cpu", dtype="bfloat16")
    _, modules = reading(mini, config)
    assert modules.transformer.proj_in.weight.dtype == torch.bfloat16


def test_a_missing_folder_is_named_with_what_to_do(tmp_path: Path) -> None:
    error = failure(EngineConfig(weights={"kinora-mini": str(tmp_path / "nowhere")}))
    assert error.code == "model_missing"
    assert str(tmp_path / "nowhere") in str(error)
    assert "diffusers folder" in str(error)


def test_a_missing_part_is_named(weights_copy: Path) -> None:
    shutil.rmtree(weights_copy / "vae")
    error = failure(EngineConfig(weights={"kinora-mini": str(weights_copy)}))
    assert error.code == "model_missing"
    assert "lacks vae" in str(error)


@pytest.mark.parametrize(
    "name", ["transformer/diffusion_pytorch_model.safetensors", "vae/config.json", "tokenizer/tokenizer.json"]
)
def test_a_broken_file_is_named(weights_copy: Path, name: str) -> None:
    (weights_copy / name).write_bytes(b"\x00not what it was")
    error = failure(EngineConfig(weights={"kinora-mini": str(weights_copy)}))
    assert error.code == "model_broken"
    assert str(weights_copy / Path(name).parent) in str(error)


def test_a_hub_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # what HF_HUB_OFFLINE=1 does
    error = failure(EngineConfig(device="cpu"), "ltx-video-2b")
    assert error.code == "model_missing"
    assert "Lightricks/LTX-Video" in str(error)


@pytest.mark.parametrize("device", ["cuda:77", "warp"])
def test_a_device_that_is_not_there_is_named(config: EngineConfig, device: str) -> None:
    assert failure(replace(config, device=device)).code == "device_missing"


def test_an_unknown_dtype_is_refused(config: EngineConfig) -> None:
    assert failure(replace(config, dtype="int3")).code == "bad_setting"


def test_threads_are_bounded(config: EngineConfig) -> None:
    assert limit_threads(config) == torch.get_num_threads() == 1


def test_weights_of_another_compression_than_the_catalogs_are_refused(weights: Path) -> None:
    other = replace(mini, temporal_compression=4)
    with pytest.raises(EngineError, match="32x32x8") as caught:
        reading(other, EngineConfig(weights={"kinora-mini": str(weights)}, device="cpu"))
    assert caught.value.code == "model_broken"
