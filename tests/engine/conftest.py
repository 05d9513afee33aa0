"""The engine's tests run on the tiny random weights of the real classes that all tests share."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
import torch

from engine.catalog import find
from engine.loader import Parts, load, locate, use_threads
from engine.types import EngineConfig, Request


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


@pytest.fixture
def request_() -> Request:
    return Request("kinora-mini", "a red ball", width=160, height=96, seconds=1, seed=7, steps=2)


@pytest.fixture(autouse=True)
def _same_random_state() -> None:
    torch.manual_seed(0)
