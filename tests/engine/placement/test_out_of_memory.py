"""Running out of memory: what is tried, in which order, and that the engine lives. The error is torch's own; that a
real GPU would raise it at the same places is taken on trust.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKLLTXVideo, LTXVideoTransformer3DModel

from engine.catalog.registry import find_model
from engine.loading.loader import Modules, load_model, locate_weights
from engine.parallel.host import Host
from engine.placement.memory import Offload
from engine.placement.policy import Machine, Placement
from engine.runtime.engine import Engine
from engine.testing import tiny_diffusers
from engine.types import Done, EngineConfig, EngineError, Event, Loading, Progress, Request
from tests.support.cancels import never_cancelled
from tests.support.engine_modules import run_to_end

GPU = Machine(kind="cuda", gpus=1, memory=80.0, capability=(9, 0), host_memory=256.0)


class FakeHost(Host):
    """A machine that believes it has GPUs. What is put on one goes to the processor all the same; it writes down how
    much of each model it was to offload and what its GPUs were to share.
    """

    def __init__(self, machine: Machine = GPU, no_room: Callable[[torch.nn.Module], None] = lambda _: None) -> None:
        self.machine = machine
        self.no_room = no_room
        self.placed: list[Offload] = []
        self.shared: list[tuple[list[str], Placement, Path, list[tuple[str, str]]]] = []

    def inspect_machine(self) -> Machine:
        return self.machine

    def torch_device(self, name: str) -> torch.device:
        return super().torch_device(name.replace("cuda", "cpu"))

    def place_module(self, module: torch.nn.Module, device: torch.device) -> None:
        self.no_room(module)
        super().place_module(module, device)

    def arrange_modules(self, modules: Mapping[str, Any], placement: Placement) -> None:
        assert "vae" in modules
        self.placed.append(placement.offload)

    def share_transformers(
        self, transformers: Mapping[str, Any], placement: Placement, folder: Path, loras: Sequence[tuple[str, str]]
    ) -> None:
        self.shared.append((list(transformers), placement, folder, list(loras)))


@pytest.fixture
def fake_host() -> FakeHost:
    return FakeHost()


@pytest.fixture
def auto_config(config: EngineConfig) -> EngineConfig:
    return replace(config, device="auto", dtype="float32", quantization="none")


def failing(times: int) -> Callable[..., None]:
    """Raises torch's own error the first `times` it is called."""
    left = iter([True] * times)

    def full(*_arguments: object) -> None:
        if next(left, False):
            raise torch.OutOfMemoryError("there is no room on this device")

    return full


def lacking(kind: type[torch.nn.Module], full: Callable[..., object]) -> Callable[[torch.nn.Module], None]:
    """No room for modules of a kind."""

    def no_room(module: torch.nn.Module) -> None:
        if isinstance(module, kind):
            full()

    return no_room


def failed(engine: Engine, request: Request, folder: Path) -> EngineError:
    with pytest.raises(EngineError) as caught:
        list(engine.run(request, folder, never_cancelled))
    assert caught.value.code == "out_of_memory"
    assert caught.value.retryable
    assert list(folder.iterdir()) == []
    return caught.value


def test_loading_goes_down_the_rungs_until_there_is_room(
    fake_host: FakeHost, auto_config: EngineConfig, request_: Request, tmp_path: Path
) -> None:
    fake_host.no_room = lacking(LTXVideoTransformer3DModel, failing(2))
    events: list[Event] = list(Engine(auto_config, fake_host).run(request_, tmp_path, never_cancelled))
    assert isinstance(events[-1], Done)
    assert fake_host.placed == ["group"]
    assert sum(event == Loading(0) for event in events) == 3
    fractions = [event.fraction for event in events if isinstance(event, Progress)]
    assert fractions == sorted(fractions)


def test_quantized_ways_are_on_the_ladder_too(
    fake_host: FakeHost, auto_config: EngineConfig, request_: Request, tmp_path: Path
) -> None:
    fake_host.no_room = lacking(LTXVideoTransformer3DModel, failing(3))
    engine = Engine(replace(auto_config, quantization="auto"), fake_host)
    assert isinstance([*engine.run(request_, tmp_path, never_cancelled)][-1], Done)
    placement = engine_modules(engine).placement
    assert (placement.offload, placement.quantization) == ("model", "float8")
    weights = [layer.weight for layer in transformer(engine).modules() if isinstance(layer, torch.nn.Linear)]
    assert torch.float8_e4m3fn in {weight.dtype for weight in weights}


def test_a_model_that_no_way_can_hold_is_named_before_anything_is_read(fake_host: FakeHost, tmp_path: Path) -> None:
    fake_host.machine, model = replace(GPU, memory=8.0, host_memory=16.0), find_model("ltx-2")
    config = EngineConfig(weights={model.name: str(tiny_diffusers.write_model("ltx2", tmp_path))})
    with pytest.raises(EngineError, match="ltx-2 needs") as caught:
        next(load_model(model, locate_weights(model, config), config, host=fake_host))
    assert (caught.value.code, fake_host.placed) == ("out_of_memory", [])


def test_loading_that_never_finds_room_is_named_and_the_engine_lives(
    fake_host: FakeHost, auto_config: EngineConfig, request_: Request, tmp_path: Path
) -> None:
    engine = Engine(auto_config, fake_host)
    fake_host.no_room = lacking(AutoencoderKLLTXVideo, failing(3))
    tmp_path.joinpath("one").mkdir()
    assert "no room for the weights" in str(failed(engine, request_, tmp_path / "one"))
    assert fake_host.placed == []
    assert isinstance([*engine.run(request_, tmp_path / "two", never_cancelled)][-1], Done)
    assert fake_host.placed == ["group"]


def test_denoising_that_finds_no_room_fails_and_the_next_try_has_more(
    fake_host: FakeHost, auto_config: EngineConfig, request_: Request, tmp_path: Path
) -> None:
    engine = Engine(auto_config, fake_host)
    list(engine.run(request_, tmp_path / "before", never_cancelled))
    for _rung in range(3):
        transformer(engine).register_forward_pre_hook(failing(1))
        failed(engine, request_, tmp_path / "failed")
        list(engine.run(request_, tmp_path / "after", never_cancelled))
    assert fake_host.placed == ["none", "model", "group"], "and at the last rung it stays as it is"
    films = ((tmp_path / name / "video.mp4").read_bytes() for name in ("before", "after"))
    assert len(set(films)) == 1


def test_a_pass_of_several_gpus_that_breaks_off_ends_the_engine(
    fake_host: FakeHost, auto_config: EngineConfig, request_: Request, tmp_path: Path
) -> None:
    fake_host.machine = replace(GPU, gpus=2)
    engine = Engine(replace(auto_config, parallel=2), fake_host)
    list(engine.run(request_, tmp_path / "before", never_cancelled))
    [(modules, placement, folder, hung)] = fake_host.shared
    assert (modules, placement.parallel, hung) == (["transformer"], 2, [])
    assert str(folder) == auto_config.weights["kinora-mini"]
    before = engine.must_restart
    transformer(engine).register_forward_pre_hook(failing(1))
    failed(engine, request_, tmp_path / "failed")
    assert (before, engine.must_restart) == (False, True)
    assert fake_host.placed == ["none"], "several GPUs offload nothing"


def test_several_gpus_share_every_transformer(tmp_path: Path) -> None:
    host, model = FakeHost(replace(GPU, gpus=2)), find_model("wan2.2-t2v-a14b")
    two = EngineConfig(
        weights={model.name: str(tiny_diffusers.write_model("wan_two", tmp_path))}, dtype="float32", parallel=2
    )
    run_to_end(load_model(model, locate_weights(model, two), two, host=host))
    assert host.placed == ["none"]
    assert host.shared[0][0] == ["transformer", "transformer_2"]


def test_what_the_operator_chose_stays(
    fake_host: FakeHost, auto_config: EngineConfig, request_: Request, tmp_path: Path
) -> None:
    engine = Engine(replace(auto_config, offload="none"), fake_host)
    list(engine.run(request_, tmp_path, never_cancelled))
    transformer(engine).register_forward_pre_hook(failing(1))
    failed(engine, request_, tmp_path / "failed")
    list(engine.run(request_, tmp_path / "after", never_cancelled))
    assert fake_host.placed == ["none"]


def test_decoding_that_finds_no_room_goes_on_in_tiles(config: EngineConfig, request_: Request, tmp_path: Path) -> None:
    engine = Engine(config)
    list(engine.run(request_, tmp_path / "before", never_cancelled))
    vae = engine_modules(engine).vae
    decode, full, tiled = vae.decode, failing(1), []

    def decoding(*arguments: Any, **more: Any) -> Any:
        tiled.append(vae.use_tiling)
        full()
        return decode(*arguments, **more)

    vae.decode = decoding
    events = list(engine.run(request_, tmp_path / "tiled", never_cancelled))
    assert isinstance(events[-1], Done)
    assert tiled == [False, True]


def test_decoding_that_never_finds_room_is_named(config: EngineConfig, request_: Request, tmp_path: Path) -> None:
    engine = Engine(config)
    list(engine.run(request_, tmp_path / "before", never_cancelled))
    decoder = engine_modules(engine).vae.decoder
    hook = decoder.register_forward_pre_hook(failing(10))
    failed(engine, request_, tmp_path / "failed")
    hook.remove()
    assert isinstance([*engine.run(request_, tmp_path / "after", never_cancelled)][-1], Done)


def test_a_processor_without_room_is_named_too(config: EngineConfig, request_: Request, tmp_path: Path) -> None:
    engine = Engine(config)
    list(engine.run(request_, tmp_path / "before", never_cancelled))
    hook = transformer(engine).register_forward_pre_hook(lambda *_arguments: (torch.empty(2**55), None)[1])
    failed(engine, request_, tmp_path / "failed")
    hook.remove()
    assert isinstance([*engine.run(request_, tmp_path / "after", never_cancelled)][-1], Done)


def test_a_processor_without_room_for_the_weights_is_named_too(
    config: EngineConfig, request_: Request, tmp_path: Path
) -> None:
    host = FakeHost(Machine(kind="cpu"), lacking(AutoencoderKLLTXVideo, lambda: torch.empty(2**55)))
    tmp_path.joinpath("failed").mkdir()
    failed(Engine(config, host), request_, tmp_path / "failed")


def test_another_error_of_torch_keeps_its_own_name(config: EngineConfig, request_: Request, tmp_path: Path) -> None:
    engine = Engine(config)
    list(engine.run(request_, tmp_path / "before", never_cancelled))
    hook = transformer(engine).register_forward_pre_hook(lambda *_arguments: (torch.ones(2) @ torch.ones(3), None)[1])
    with pytest.raises(RuntimeError, match="size"):
        list(engine.run(request_, tmp_path / "failed", never_cancelled))
    hook.remove()


def engine_modules(engine: Engine) -> Modules:
    assert engine._loaded_model is not None
    return engine._loaded_model[1]


def transformer(engine: Engine) -> torch.nn.Module:
    module: torch.nn.Module = engine_modules(engine).transformer
    return module
