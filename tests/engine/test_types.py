from __future__ import annotations

import pickle
import subprocess
import sys
from typing import get_args

from engine.types import FAILURES, Condition, EngineError, FailureCode, Progress, Request


def test_every_failure_code_says_whether_to_try_again() -> None:
    assert set(FAILURES) == set(get_args(FailureCode))


def test_values_cross_a_process_boundary() -> None:
    request = Request("kinora-mini", "x", 320, 192, 5, 7, conditions=(Condition(b"png", -1),))
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
