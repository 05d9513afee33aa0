"""The process of a rank above 0: it holds the transformers, and makes every forward call that rank 0 makes.

`engine.parallel.context_parallel` starts it and sends it calls on standard input; it exits when that closes or its
parent dies.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from engine import parent_death

parent_death.die_with_parent(parent=int(os.environ[parent_death.PARENT]))
signal.signal(signal.SIGINT, signal.SIG_IGN)

# Imported late, because these take seconds, in which the parent may die.
import torch  # noqa: E402
from diffusers import AutoModel  # noqa: E402

from engine.parallel.context_parallel import ForwardCall, RankConfig, broadcast_tensor, connect_store, join_group  # noqa: E402
from engine.parallel.rank_processes import BROKEN, FULL, READY  # noqa: E402
from engine.placement.hardware import is_out_of_memory  # noqa: E402
from engine.placement.lora import activate_loras, attach_lora  # noqa: E402
from engine.placement.offload import set_attention_backend  # noqa: E402
from engine.placement.quantization import quantize_module  # noqa: E402


def main(commands: IO[bytes], read: Callable[[RankConfig, str, torch.device], Any]) -> None:
    """Receive this rank's config from `commands`, read its transformers, and make forward calls until it closes."""
    config: RankConfig = pickle.load(commands)  # noqa: S301 (from our own process)
    kind = config.placement.device.partition(":")[0]
    device = torch.device(kind, config.rank if kind == "cuda" else 0)
    transformers = {name: read(config, name, device) for name in config.transformers}
    _report(READY)
    store = connect_store(config.port, config.placement.parallel)
    join_group(config.rank, store, config.placement, list(transformers.values()))
    while True:
        try:
            call: ForwardCall = pickle.load(commands)  # noqa: S301 (the same)
        except EOFError:
            return
        with _report_failure():
            _run_forward(transformers[call.transformer], call, device)


@contextmanager
def _report_failure() -> Iterator[None]:
    """Report at once why a forward call fails: on GPUs the other ranks would wait in it, perhaps for this one."""
    try:
        yield
    except BaseException as error:
        _report(FULL if is_out_of_memory(error) else BROKEN)
        raise


def _report(report: bytes) -> None:
    sys.stdout.buffer.write(report)
    sys.stdout.buffer.flush()


def read_transformer(config: RankConfig, name: str, device: torch.device) -> Any:
    """The transformer called `name`, as rank 0 has it."""
    dtype = getattr(torch, config.placement.dtype)
    transformer = AutoModel.from_pretrained(str(config.folder / name), torch_dtype=dtype).to(device).eval()
    for lora, source in config.loras:
        attach_lora([transformer], lora, source)
    quantize_module(transformer, config.placement.quantization)
    set_attention_backend(transformer, config.placement.attention)
    return transformer


@torch.inference_mode()
def _run_forward(transformer: Any, call: ForwardCall, device: torch.device) -> None:
    activate_loras(transformer, call.loras)
    tensors = {
        name: broadcast_tensor(torch.empty(shape, dtype=dtype, device=device))
        for name, (shape, dtype) in call.tensors.items()
    }
    transformer(**tensors, **call.arguments)


if __name__ == "__main__":
    main(sys.stdin.buffer, read_transformer)
