from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from engine.types import FAILURES, EngineError, FailureCode, ImageCondition, Progress, Request, SourceSpan


def test_every_failure_code_says_whether_to_try_again() -> None:
    assert set(FAILURES) == set(get_args(FailureCode))


def test_values_cross_a_process_boundary() -> None:
    request = Request("kinora-mini", "x", 320, 192, 5, 7, conditions=(ImageCondition(b"png", -1),))
    progress = Progress("denoising", 0.5, None, 1, 20, 1, 2)
    assert pickle.loads(pickle.dumps((request, progress))) == (request, progress)  # noqa: S301 (our own bytes)


def test_a_failure_keeps_its_code_across_a_process_boundary() -> None:
    error = pickle.loads(pickle.dumps(EngineError("out_of_memory", "No room.")))  # noqa: S301 (our own bytes)
    assert (error.code, error.retryable, str(error)) == ("out_of_memory", True, "No room.")


def test_what_the_web_process_imports_reaches_no_torch() -> None:
    code = """
import sys, engine, engine.types, engine.catalog.registry, engine.planning.timeline, engine.process.client
import engine.parent_death
heavy = {"torch", "diffusers", "transformers", "av", "numpy", "PIL"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("strength", "values"), [((1.0,), [1, 1, 1]), ((0.0, 1.0), [0, 0.5, 1]), ((0.2, 1.0, 0.0), [0.2, 1, 0])]
)
def test_a_take_s_strength_runs_straight_between_its_values(strength: tuple[float, ...], values: list[float]) -> None:
    take = SourceSpan(Path("film.mp4"), 0, 11, 4, strength)
    assert [take.strength_at(frame) for frame in (4, 9, 14)] == pytest.approx(values)
    assert take.strength_at(3) == take.strength_at(15) == 0
