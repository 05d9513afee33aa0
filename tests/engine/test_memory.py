"""Running out of memory: what is tried, in which order, and that the engine lives. The error is torch's own; that a
real GPU would raise it at the same places is taken on trust.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine import folders, generate, loader, tiny_stock
from engine.catalog import find
from engine.generate import Engine
from engine.loader import Parts
from engine.model import Model
from engine.placement import Machine, Offload, Placement
from engine.types import Done, EngineConfig, EngineError, Event, Loading, Progress, Request
from tests.engine.conftest import loaded

GPU = Machine(kind="cuda", gpus=1, memory=80.0, capability=(9, 0), host_memory=256.0)


@pytest.fixture
def placed(monkeypatch: pytest.MonkeyPatch) -> list[Offload]:
    """A machine that believes it has a GPU, and what it then chose; the modules go to the processor all the same."""
    chosen: list[Offload] = []

    def arrange(modules: dict[str, Any], placement: Placement) -> None:
        chosen.append(placement.offload)

    monkeypatch.setattr(loader, "look", lambda: GPU)
    monkeypatch.setattr(generate, "look", lambda: GPU)
    monkeypatch.setattr(loader, "_device", lambda _name: torch.device("cpu"))
    monkeypatch.setattr(Placement, "home", "cpu")
    monkeypatch.setattr(loader, "arrange", arrange)
    return chosen


@pytest.fixture
def auto(config: EngineConfig) -> EngineConfig:
    return replace(config, device="auto", dtype="float32")


def never() -> bool:
    return False


def failing(times: int) -> Callable[..., None]:
    """Raises torch's own error the first `times` it is called."""
    left = iter([True] * times)

    def full(*_arguments: object) -> None:
        if next(left, False):
            raise torch.OutOfMemoryError("there is no room on this device")

    return full


def reading(part: str, full: Callable[[], None]) -> Callable[..., Any]:
    """How parts are read, with no room for one of them."""
    read = folders.read

    def instead(model: Model, name: str, *rest: Any) -> Any:
        if name == part:
            full()
        return read(model, name, *rest)

    return instead


def failed(engine: Engine, request: Request, folder: Path) -> EngineError:
    with pytest.raises(EngineError) as caught:
        list(engine.run(request, folder, never))
    assert caught.value.code == "out_of_memory"
    assert caught.value.retryable
    assert list(folder.iterdir()) == []
    return caught.value


def test_loading_goes_down_the_rungs_until_there_is_room(
    placed: list[Offload], auto: EngineConfig, request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "read", reading("transformer", failing(2)))
    events: list[Event] = list(Engine(auto).run(request_, tmp_path, never))
    assert isinstance(events[-1], Done)
    assert placed == ["group"]
    assert sum(event == Loading(0) for event in events) == 3
    fractions = [event.fraction for event in events if isinstance(event, Progress)]
    assert fractions == sorted(fractions)


def test_loading_that_never_finds_room_is_named_and_the_engine_lives(
    placed: list[Offload], auto: EngineConfig, request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(auto)
    with monkeypatch.context() as patched:
        patched.setattr(folders, "read", reading("vae", failing(100)))
        tmp_path.joinpath("one").mkdir()
        assert "no room for the weights" in str(failed(engine, request_, tmp_path / "one"))
    assert placed == []
    assert isinstance([*engine.run(request_, tmp_path / "two", never)][-1], Done)
    assert placed == ["group"]


def test_denoising_that_finds_no_room_fails_and_the_next_try_has_more(
    placed: list[Offload], auto: EngineConfig, request_: Request, tmp_path: Path
) -> None:
    engine = Engine(auto)
    list(engine.run(request_, tmp_path / "before", never))
    for _rung in range(3):
        transformer(engine).register_forward_pre_hook(failing(1))
        failed(engine, request_, tmp_path / "failed")
        list(engine.run(request_, tmp_path / "after", never))
    assert placed == ["none", "model", "group"], "and at the last rung it stays as it is"
    films = ((tmp_path / name / "video.mp4").read_bytes() for name in ("before", "after"))
    assert len(set(films)) == 1


def test_a_pass_of_several_gpus_that_breaks_off_ends_the_engine(
    placed: list[Offload], auto: EngineConfig, request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared: list[tuple[Any, ...]] = []
    monkeypatch.setattr(loader, "look", lambda: replace(GPU, gpus=2))
    monkeypatch.setattr(generate, "look", lambda: replace(GPU, gpus=2))
    monkeypatch.setattr(loader, "share", lambda *arguments: shared.append(arguments))
    engine = Engine(replace(auto, parallel=2, weights={**auto.weights}))
    list(engine.run(request_, tmp_path / "before", never))
    [(modules, placement, folder, hung)] = shared
    assert (list(modules), placement.parallel, hung) == (["transformer"], 2, [])
    assert str(folder) == auto.weights["kinora-mini"]
    before = engine.spent
    transformer(engine).register_forward_pre_hook(failing(1))
    failed(engine, request_, tmp_path / "failed")
    assert (before, engine.spent) == (False, True)
    assert placed == ["none"], "several GPUs offload nothing"


def test_several_gpus_share_every_transformer(
    placed: list[Offload], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared: list[str] = []
    monkeypatch.setattr(loader, "look", lambda: replace(GPU, gpus=2))
    monkeypatch.setattr(loader, "share", lambda transformers, *_: shared.extend(transformers))
    model = find("wan2.2-t2v-a14b")
    two = EngineConfig(weights={model.name: str(tiny_stock.write("wan_two", tmp_path))}, dtype="float32", parallel=2)
    loaded(loader.load(model, loader.locate(model, two), two))
    assert placed == ["none"]
    assert shared == ["transformer", "transformer_2"]


def test_what_the_operator_chose_stays(
    placed: list[Offload], auto: EngineConfig, request_: Request, tmp_path: Path
) -> None:
    engine = Engine(replace(auto, offload="none"))
    list(engine.run(request_, tmp_path, never))
    transformer(engine).register_forward_pre_hook(failing(1))
    failed(engine, request_, tmp_path / "failed")
    list(engine.run(request_, tmp_path / "after", never))
    assert placed == ["none"]


def test_decoding_that_finds_no_room_goes_on_in_tiles(config: EngineConfig, request_: Request, tmp_path: Path) -> None:
    engine = Engine(config)
    list(engine.run(request_, tmp_path / "before", never))
    vae = parts(engine).vae
    decode, full, tiled = vae.decode, failing(1), []

    def decoding(*arguments: Any, **more: Any) -> Any:
        tiled.append(vae.use_tiling)
        full()
        return decode(*arguments, **more)

    vae.decode = decoding
    events = list(engine.run(request_, tmp_path / "tiled", never))
    assert isinstance(events[-1], Done)
    assert tiled == [False, True]


def test_decoding_that_never_finds_room_is_named(config: EngineConfig, request_: Request, tmp_path: Path) -> None:
    engine = Engine(config)
    list(engine.run(request_, tmp_path / "before", never))
    decoder = parts(engine).vae.decoder
    hook = decoder.register_forward_pre_hook(failing(10))
    failed(engine, request_, tmp_path / "failed")
    hook.remove()
    assert isinstance([*engine.run(request_, tmp_path / "after", never)][-1], Done)


def test_a_processor_without_room_is_named_too(config: EngineConfig, request_: Request, tmp_path: Path) -> None:
    engine = Engine(config)
    list(engine.run(request_, tmp_path / "before", never))
    hook = transformer(engine).register_forward_pre_hook(lambda *_arguments: (torch.empty(2**55), None)[1])
    failed(engine, request_, tmp_path / "failed")
    hook.remove()
    assert isinstance([*engine.run(request_, tmp_path / "after", never)][-1], Done)


def test_a_processor_without_room_for_the_weights_is_named_too(
    config: EngineConfig, request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "read", reading("vae", lambda: (torch.empty(2**55), None)[1]))
    tmp_path.joinpath("failed").mkdir()
    failed(Engine(config), request_, tmp_path / "failed")


def test_another_error_of_torch_keeps_its_own_name(config: EngineConfig, request_: Request, tmp_path: Path) -> None:
    engine = Engine(config)
    list(engine.run(request_, tmp_path / "before", never))
    hook = transformer(engine).register_forward_pre_hook(lambda *_arguments: (torch.ones(2) @ torch.ones(3), None)[1])
    with pytest.raises(RuntimeError, match="size"):
        list(engine.run(request_, tmp_path / "failed", never))
    hook.remove()


def parts(engine: Engine) -> Parts:
    assert engine._loaded is not None
    return engine._loaded[1]


def transformer(engine: Engine) -> torch.nn.Module:
    module: torch.nn.Module = parts(engine).transformer
    return module
