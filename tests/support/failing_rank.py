"""A further process of a shared clip that fails behind the first exchange of a pass, as its argument says."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import torch

from engine.parallel import rank_main
from engine.parallel.context_parallel import RankConfig


def fail_as_told(*_: object) -> None:
    match sys.argv[1]:
        case "full":
            raise torch.OutOfMemoryError("there is no room on this device")
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case _:
            raise ZeroDivisionError


def read_failing_transformer(config: RankConfig, name: str, device: torch.device) -> Any:
    transformer = rank_main.read_transformer(config, name, device)
    transformer.transformer_blocks[1].attn2.register_forward_pre_hook(fail_as_told)
    return transformer


if __name__ == "__main__":
    rank_main.main(sys.stdin.buffer, read_failing_transformer)
