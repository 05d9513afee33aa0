"""A clip shared by two processes, over gloo on a processor. On GPUs it is NCCL that carries the same exchanges."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.parallel.context_parallel import share_transformers
from engine.placement.policy import Placement
from engine.testing import tiny_diffusers, tiny_ltx2
from engine.types import EngineError
from tests.support import rank_zero, rank_zero_failing

LEADER = Path(rank_zero.__file__)
FAILING = Path(rank_zero_failing.__file__)
TWO = Placement(device="cpu", dtype="float32", parallel=2)


def leading(leader: Path, folder: Path, *further: str) -> list[str]:
    """What such a leader says of a folder, word by word."""
    command = [sys.executable, str(leader), str(folder), *further]
    environment = {**os.environ, "PYTHONPATH": str(LEADER.parents[2]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(("how", "error"), [("full", "OutOfMemoryError"), ("killed", "RuntimeError")])
def test_a_process_that_fails_in_a_pass_ends_it_at_once_for_all(tmp_path: Path, how: str, error: str) -> None:
    assert leading(FAILING, tmp_path, how) == [error, "soon", "gone", "gone"]


def test_two_processes_compute_what_one_does_and_the_other_ends_with_it(weights: Path, tmp_path: Path) -> None:
    said = leading(LEADER, weights, str(tmp_path))
    assert said == ["plain:", "same", "lora:", "same", "changed", "after:", "same", "other:", "gone"]


def test_a_transformer_without_a_plan_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="a Linear cannot be shared") as caught:
        share_transformers({"transformer": torch.nn.Linear(1, 1)}, TWO, tmp_path, [])
    assert caught.value.code == "bad_setting"


def test_a_transformer_with_sound_is_refused_by_name(tmp_path: Path) -> None:
    """Diffusers' plan for it parts the tokens of the picture and not where its sound looks for them."""
    with pytest.raises(EngineError, match="cannot be shared") as caught:
        share_transformers({"transformer": tiny_ltx2.ltx2().transformer}, TWO, tmp_path, [])
    assert caught.value.code == "bad_setting"


@pytest.mark.parametrize("seats", [("true", "cat"), ("cat", "true")])
def test_where_one_process_fails_to_start_none_stays(tmp_path: Path, seats: tuple[str, str]) -> None:
    others: list[subprocess.Popen[bytes]] = []

    def start(rank: int) -> subprocess.Popen[bytes]:
        command = {"true": ["true"], "cat": ["sh", "-c", "echo ready; exec cat >/dev/null"]}[seats[rank - 1]]
        others.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        return others[-1]

    with pytest.raises(EngineError) as caught:
        share_transformers(
            {"transformer": tiny_diffusers.wan_text().transformer}, replace(TWO, parallel=3), tmp_path, [], start
        )
    assert caught.value.code == "model_broken"
    assert all(other.poll() is not None for other in others)
