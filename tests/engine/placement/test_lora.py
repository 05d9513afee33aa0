"""LoRAs by name: written as diffusers writes them, worn for one job, gone for the next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import WanPipeline
from diffusers.loaders import WanLoraLoaderMixin
from peft import LoraConfig, get_peft_model_state_dict

from engine.catalog.registry import find_model
from engine.placement.lora import activate_loras, attach_lora
from engine.runtime.engine import Engine
from engine.testing import tiny_diffusers
from engine.types import EngineConfig, EngineError, LoraSource, LoraWeight, Request
from tests.support.engine_modules import read_modules, read_transformer, write_lora

MINI = find_model("kinora-mini")


@pytest.fixture(scope="module")
def film_lora(config: EngineConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lora(config, tmp_path_factory.mktemp("film"), 1)


@pytest.fixture(scope="module")
def ink_lora(config: EngineConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lora(config, tmp_path_factory.mktemp("ink"), 2)


@pytest.fixture(scope="module")
def with_loras(
    config: EngineConfig, film_lora: Path, ink_lora: Path, tmp_path_factory: pytest.TempPathFactory
) -> EngineConfig:
    nothing = tmp_path_factory.mktemp("nothing")
    sources = {"film": film_lora, "ink": ink_lora / "pytorch_lora_weights.safetensors", "lost": nothing}
    other = LoraSource("other", "ltx-video-2b", str(film_lora))
    return replace(config, loras=(*(LoraSource(name, MINI.name, str(at)) for name, at in sources.items()), other))


@pytest.fixture(scope="module")
def engine(with_loras: EngineConfig) -> Engine:
    return Engine(with_loras)


def video(engine: Engine, request: Request, folder: Path, *loras: LoraWeight) -> bytes:
    list(engine.run(replace(request, loras=loras), folder, lambda: False))
    return (folder / "video.mp4").read_bytes()


def test_a_lora_counts_as_much_as_its_weight(
    engine: Engine, config: EngineConfig, request_: Request, tmp_path: Path
) -> None:
    bare = video(Engine(config), request_, tmp_path / "bare")
    assert video(engine, request_, tmp_path / "none") == bare, "what only hangs there changes nothing"
    assert video(engine, request_, tmp_path / "zero", LoraWeight("film", 0.0)) == bare
    whole = video(engine, request_, tmp_path / "one", LoraWeight("film"))
    half = video(engine, request_, tmp_path / "half", LoraWeight("film", 0.5))
    both = video(engine, request_, tmp_path / "both", LoraWeight("film"), LoraWeight("ink"))
    assert len({bare, whole, half, both}) == 4
    assert video(engine, request_, tmp_path / "again", LoraWeight("film")) == whole, "no weight of another job stays"
    assert video(engine, request_, tmp_path / "after") == bare, "nor any LoRA"


def test_a_lora_goes_with_the_model_s_own_adapter(config: EngineConfig, film_lora: Path, ink_lora: Path) -> None:
    made = read_transformer(config)
    attach_lora([made], "turbo", str(ink_lora))
    attach_lora([made], "lora_film", str(film_lora))
    seen = []
    for worn in (
        (),
        (LoraWeight("turbo"),),
        (LoraWeight("turbo"), LoraWeight("lora_film", 0.5)),
        (LoraWeight("turbo"),),
        (),
    ):
        activate_loras(made, worn)
        seen.append(answer(made))
    none, turbo, both, turbo_again, none_again = seen
    assert torch.equal(none, none_again)
    assert torch.equal(turbo, turbo_again)
    assert not torch.allclose(turbo, both)
    assert not torch.allclose(none, turbo)


@torch.inference_mode()
def answer(made: Any) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return made(  # type: ignore[no-any-return]
        hidden_states=torch.randn(1, 8, 16, generator=generator),
        encoder_hidden_states=torch.randn(1, 4, 32, generator=generator),
        encoder_attention_mask=torch.ones(1, 4, dtype=torch.bool),
        timestep=torch.full((1, 8), 500.0),
        video_coords=torch.zeros(1, 3, 8),
        return_dict=False,
    )[0]


@pytest.mark.parametrize("placed", [{"quantization": "float8"}, {"compile": "off"}])
def test_a_lora_hangs_on_a_model_that_is_kept_small(
    with_loras: EngineConfig, config: EngineConfig, request_: Request, tmp_path: Path, placed: dict[str, str]
) -> None:
    small = Engine(replace(with_loras, **placed))  # type: ignore[arg-type]
    bare = video(Engine(replace(config, **placed)), request_, tmp_path / "bare")  # type: ignore[arg-type]
    assert video(small, request_, tmp_path / "none") == bare
    assert video(small, request_, tmp_path / "one", LoraWeight("film")) != bare


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nope", "there are film, ink, lost"),
        ("other", "no LoRA 'other' for kinora-mini"),
        ("lost", "'lost' is not there"),
    ],
)
def test_one_that_cannot_be_worn_is_named_and_the_next_job_runs(
    engine: Engine, request_: Request, tmp_path: Path, name: str, said: str
) -> None:
    with pytest.raises(EngineError, match=said) as caught:
        video(engine, request_, tmp_path / "lost", LoraWeight(name))
    assert (caught.value.code, caught.value.retryable) == ("lora_missing", False)
    assert video(engine, request_, tmp_path / "next")


def test_what_is_for_another_kind_of_model_is_refused() -> None:
    with pytest.raises(ValueError, match="a Linear takes no LoRA"):
        attach_lora([torch.nn.Linear(1, 1)], "film", "somewhere")


def test_a_file_of_something_else_is_refused(config: EngineConfig, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    text = {f"text_encoder.x.lora_{matrix}.weight": torch.ones(1, 1) for matrix in "AB"}
    save_file(text, tmp_path / "pytorch_lora_weights.safetensors")
    with pytest.raises(ValueError, match="is for another model: 1 of its 1 layers"):
        attach_lora([read_transformer(config)], "film", str(tmp_path))


# --- two transformers ----------------------------------------------------------------------------------

TWO = find_model("wan2.2-t2v-a14b")


@pytest.fixture(scope="module")
def two_transformers(tmp_path_factory: pytest.TempPathFactory) -> EngineConfig:
    """Wan 2.2 with a transformer for high noise and one for low, and a LoRA for such."""
    folder, film = tmp_path_factory.mktemp("two"), tmp_path_factory.mktemp("wan")
    tiny_diffusers.write_model("wan_two", folder)
    made = tiny_diffusers.wan_two().transformer
    made.add_adapter(LoraConfig(r=4, lora_alpha=4, init_lora_weights=False, target_modules=["to_q", "to_v"]), "made")
    WanLoraLoaderMixin.save_lora_weights(film, get_peft_model_state_dict(made, adapter_name="made"))
    return EngineConfig(weights={TWO.name: str(folder)}, loras=(LoraSource("film", TWO.name, str(film)),), device="cpu")


@torch.inference_mode()
def moved(made: Any) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return made(  # type: ignore[no-any-return]
        hidden_states=torch.randn(1, 16, 2, 4, 4, generator=generator),
        encoder_hidden_states=torch.randn(1, 4, 32, generator=generator),
        timestep=torch.full((1,), 500),
        return_dict=False,
    )[0]


def test_both_transformers_of_wan_2_2_wear_a_lora_as_diffusers_loads_it(two_transformers: EngineConfig) -> None:
    modules = read_modules(TWO.name, two_transformers)
    mine = {"transformer": modules.transformer, "transformer_2": modules.others["transformer_2"]}
    pipe = WanPipeline.from_pretrained(two_transformers.weights[TWO.name])
    before = {name: moved(each) for name, each in mine.items()}
    for name in mine:
        pipe.load_lora_weights(
            two_transformers.loras[0].source, adapter_name=name, load_into_transformer_2=name != "transformer"
        )
    for name, each in mine.items():
        activate_loras(each, [LoraWeight("lora_film")])
        assert torch.equal(moved(each), moved(getattr(pipe, name)))
        assert not torch.allclose(moved(each), before[name])
        activate_loras(each, [])
        assert torch.equal(moved(each), before[name])


def test_a_clip_of_wan_2_2_wears_its_lora_at_every_noise_level(two_transformers: EngineConfig, tmp_path: Path) -> None:
    engine, worn = Engine(two_transformers), []
    request = Request(TWO.name, "a red ball", 256, 256, 0, 7, steps=3, loras=(LoraWeight("film"),))
    list(engine.run(replace(request, steps=1), tmp_path, lambda: False))
    assert engine._loaded_model
    _, modules = engine._loaded_model
    for name, each in (("high", modules.transformer), ("low", modules.others["transformer_2"])):
        layer = each.blocks[0].attn1.to_q
        layer.register_forward_pre_hook(lambda layer, _, name=name: worn.append((name, layer.disable_adapters)))
    list(engine.run(request, tmp_path, lambda: False))
    assert set(worn) == {("high", False), ("low", False)}
