"""What a folder holds: refused by name where it is another family's, and read in the numbers and with the kernels that
are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.catalog.registry import find_model
from engine.loading.loader import Modules, load_model, locate_weights
from engine.placement.offload import attention_layers
from engine.types import EngineConfig, EngineError
from tests.support.engine_modules import read_modules, run_to_end
from tests.support.model_families import KINDS, make_request, render_frames


def refusal(families_config: EngineConfig, name: str, folder: str) -> EngineError:
    with pytest.raises(EngineError) as caught:
        run_to_end(
            load_model(
                find_model(name),
                locate_weights(find_model(name), replace(families_config, weights={name: folder})),
                families_config,
            )
        )
    return caught.value


def test_a_folder_of_another_family_is_refused_with_what_to_do(families_config: EngineConfig, weights: Path) -> None:
    error = refusal(families_config, "wan2.1-t2v-1.3b", families_config.weights["ltx-2"])
    assert error.code == "model_broken"
    assert "LTX2Pipeline" in str(error)
    assert "ltx-2-distilled" in str(error)
    assert "LTXPipeline" in str(refusal(families_config, "ltx-2", str(weights)))


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("wan2.1-t2v-1.3b", "wan2.1-i2v-14b-480p"),
        ("wan2.1-i2v-14b-480p", "wan2.1-t2v-1.3b"),
        ("wan2.1-t2v-1.3b", "wan2.2-ti2v-5b"),
    ],
)
def test_a_folder_of_another_wan_is_refused_by_its_numbers(
    families_config: EngineConfig, name: str, folder: str
) -> None:
    error = refusal(families_config, name, families_config.weights[folder])
    assert (error.code, "catalog" in str(error)) == ("model_broken", True)


def test_a_folder_without_an_index_is_named(families_config: EngineConfig, tmp_path: Path) -> None:
    error = refusal(families_config, "wan2.1-t2v-1.3b", str(tmp_path))
    assert error.code == "model_missing"


def test_a_model_that_no_hub_has_says_what_to_do() -> None:
    with pytest.raises(EngineError, match="KINORA_WEIGHTS") as caught:
        locate_weights(find_model("ltx-video-2b-distilled"), EngineConfig(device="cpu"))
    assert caught.value.code == "model_missing"


@pytest.mark.parametrize("name", KINDS)
def test_numbers_may_be_halved_but_for_what_must_be_precise(families_config: EngineConfig, name: str) -> None:
    halved = replace(families_config, dtype="bfloat16")
    modules = read_modules(name, halved)
    assert modules.transformer.dtype == modules.text_encoder.dtype == torch.bfloat16
    assert modules.vae.dtype == (torch.float32 if find_model(name).family == "wan" else torch.bfloat16)
    assert torch.isfinite(render_frames(modules, make_request(name, guidance_scale=3.0))).all()


@pytest.mark.parametrize(
    ("name", "backend"),
    [*((name, "_native_flash") for name in KINDS if name != "z-image-turbo"), ("z-image-turbo", "_native_math")],
)
def test_attention_by_another_kernel_shows_the_same(
    load_modules: Callable[[str], Modules], families_config: EngineConfig, name: str, backend: str
) -> None:
    chosen = replace(families_config, attention=backend)
    modules = read_modules(name, chosen)
    used = {getattr(layer.processor, "_attention_backend", None) for _, layer in attention_layers(modules.transformer)}
    assert backend in used
    request = make_request(name, guidance_scale=3.0)
    torch.testing.assert_close(
        render_frames(modules, request), render_frames(load_modules(name), request), rtol=1e-3, atol=1e-4
    )
