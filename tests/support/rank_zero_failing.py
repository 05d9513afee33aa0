"""Rank 0 of three, of which rank 1 fails in the middle of a pass.

Arguments: an empty folder, and how it fails. It prints what comes of the pass and of the others, word by word.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import torch
from diffusers import LTXVideoTransformer3DModel

from engine import parent_death
from engine.parallel import context_parallel, rank_processes
from engine.placement.policy import Placement
from tests.support.rank_zero import read_transformer, run_forward

FAILING_RANK = Path(__file__).with_name("failing_rank.py")
ABORT_LIMIT = 60.0  # seconds; whoever waits for an exchange does so for five minutes


def main(folder: Path, how: str) -> None:
    torch.set_num_threads(1)
    others: list[subprocess.Popen[bytes]] = []

    def start(rank: int) -> subprocess.Popen[bytes]:
        others.append(start_failing_rank(how) if rank == 1 else rank_processes.start_rank(rank))
        return others[-1]

    LTXVideoTransformer3DModel(
        in_channels=16,
        out_channels=16,
        num_attention_heads=3,
        attention_head_dim=16,
        cross_attention_dim=48,
        num_layers=2,
        caption_channels=32,
    ).save_pretrained(folder / "transformer")
    transformer = read_transformer(folder)
    three = Placement(device="cpu", dtype="float32", parallel=3)
    context_parallel.share_transformers({"transformer": transformer}, three, folder, [], start)
    began = time.monotonic()
    try:
        run_forward(transformer)
    except Exception as error:  # noqa: BLE001 (whichever it is, the test reads its name)
        print(type(error).__name__, "soon" if time.monotonic() - began < ABORT_LIMIT else "late")  # noqa: T201
    print(*("gone" if other.poll() is not None else "stays" for other in others))  # noqa: T201


def start_failing_rank(how: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {parent_death.PARENT: str(os.getpid())}
    command = [sys.executable, str(FAILING_RANK), how]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
