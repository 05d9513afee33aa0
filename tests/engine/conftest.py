"""The engine's tests run on the tiny random weights of the real classes that all tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.loading.loader import Modules, limit_threads
from engine.testing import tiny_diffusers
from engine.types import EngineConfig, Request
from tests.support.engine_modules import read_modules
from tests.support.model_families import KINDS


@pytest.fixture(scope="session")
def config(weights: Path) -> EngineConfig:
    return EngineConfig(weights={"kinora-mini": str(weights)}, device="cpu", dtype="float32", threads=1)


@pytest.fixture(scope="session")
def modules(config: EngineConfig) -> Modules:
    limit_threads(config)
    return read_modules("kinora-mini", config)


@pytest.fixture(scope="session")
def families_config(tmp_path_factory: pytest.TempPathFactory) -> EngineConfig:
    """The weights of a model of each kind of folder."""
    folder = tmp_path_factory.mktemp("families")
    weights = {name: str(tiny_diffusers.write_model(kind, folder / kind)) for name, kind in KINDS.items()}
    return EngineConfig(weights=weights, device="cpu", dtype="float32", threads=1)


@pytest.fixture(scope="session")
def load_modules(families_config: EngineConfig) -> Callable[[str], Modules]:
    """Each model's parts, read by the ordinary loader and once."""
    kept: dict[str, Modules] = {}

    def read(name: str) -> Modules:
        if name not in kept:
            kept[name] = read_modules(name, families_config)
        return kept[name]

    return read


@pytest.fixture
def request_() -> Request:
    return Request("kinora-mini", "a red ball", width=160, height=96, seconds=1, seed=7, steps=2)


@pytest.fixture(autouse=True)
def _same_random_state() -> None:
    torch.manual_seed(0)
