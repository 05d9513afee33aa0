"""The engine's tests run on the tiny random weights of the real classes that all tests share."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import pytest
import torch

from engine.catalog.registry import find
from engine.loading.loader import Parts, load, locate, use_threads
from engine.testing import tiny_diffusers
from engine.types import EngineConfig, Request
from tests.support.model_families import KINDS


@pytest.fixture(scope="session")
def config(weights: Path) -> EngineConfig:
    return EngineConfig(weights={"kinora-mini": str(weights)}, device="cpu", threads=1)


def loaded(loading: Generator[float, None, Parts]) -> tuple[list[float], Parts]:
    """The fractions a load reports, and what it loads."""
    fractions = []
    while True:
        try:
            fractions.append(next(loading))
        except StopIteration as end:
            return fractions, end.value


@pytest.fixture(scope="session")
def parts(config: EngineConfig) -> Parts:
    use_threads(config)
    mini = find("kinora-mini")
    return loaded(load(mini, locate(mini, config), config))[1]


@pytest.fixture(scope="session")
def families(tmp_path_factory: pytest.TempPathFactory) -> EngineConfig:
    """The weights of a model of each kind of folder."""
    folder = tmp_path_factory.mktemp("families")
    weights = {name: str(tiny_diffusers.write(kind, folder / kind)) for name, kind in KINDS.items()}
    return EngineConfig(weights=weights, device="cpu", threads=1)


@pytest.fixture(scope="session")
def parts_of(families: EngineConfig) -> Callable[[str], Parts]:
    """Each model's parts, read by the ordinary loader and once."""
    kept: dict[str, Parts] = {}

    def read(name: str) -> Parts:
        if name not in kept:
            kept[name] = loaded(load(find(name), locate(find(name), families), families))[1]
        return kept[name]

    return read


@pytest.fixture
def request_() -> Request:
    return Request("kinora-mini", "a red ball", width=160, height=96, seconds=1, seed=7, steps=2)


@pytest.fixture(autouse=True)
def _same_random_state() -> None:
    torch.manual_seed(0)
