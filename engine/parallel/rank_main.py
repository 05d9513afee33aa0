"""A further process of a clip that several GPUs share: holds the transformer, and makes the passes that rank 0 makes.

`engine.parallel.context_parallel` starts it and speaks to it on its standard input; when that ends, or the process
behind it, so does this.
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

# Below the lines above, because these take seconds, in which the parent may die.
import torch  # noqa: E402
from diffusers import AutoModel  # noqa: E402

from engine.parallel.context_parallel import Pass, Seat, exchange, join, meet  # noqa: E402
from engine.parallel.rank_processes import BROKEN, FULL, READY  # noqa: E402
from engine.placement.hardware import full  # noqa: E402
from engine.placement.lora import hang, wear  # noqa: E402
from engine.placement.offload import attend  # noqa: E402
from engine.placement.quantization import quantise  # noqa: E402


def main(speaker: IO[bytes], read: Callable[[Seat, str, torch.device], Any]) -> None:
    """Take the seat that `speaker` assigns, `read` its transformers, and make passes until it says no more."""
    seat: Seat = pickle.load(speaker)  # noqa: S301 (from our own process)
    kind = seat.placement.device.partition(":")[0]
    device = torch.device(kind, seat.rank if kind == "cuda" else 0)
    transformers = {name: read(seat, name, device) for name in seat.transformers}
    _say(READY)
    join(seat.rank, meet(seat.port, seat.placement.parallel), seat.placement, list(transformers.values()))
    while True:
        try:
            told: Pass = pickle.load(speaker)  # noqa: S301 (the same)
        except EOFError:
            return
        with _failing_aloud():
            _pass(transformers[told.transformer], told, device)


@contextmanager
def _failing_aloud() -> Iterator[None]:
    """Say at once why the pass fails: on GPUs the others would wait in it, and this process perhaps for them."""
    try:
        yield
    except BaseException as error:
        _say(FULL if full(error) else BROKEN)
        raise


def _say(word: bytes) -> None:
    sys.stdout.buffer.write(word)
    sys.stdout.buffer.flush()


def read(seat: Seat, name: str, device: torch.device) -> Any:
    """A transformer of the model, as rank 0 has it."""
    dtype = getattr(torch, seat.placement.dtype)
    transformer = AutoModel.from_pretrained(str(seat.folder / name), torch_dtype=dtype).to(device).eval()
    for lora, source in seat.hung:
        hang([transformer], lora, source)
    quantise(transformer, seat.placement.quantisation)
    attend(transformer, seat.placement.attention)
    return transformer


@torch.inference_mode()
def _pass(transformer: Any, told: Pass, device: torch.device) -> None:
    wear(transformer, told.worn)
    tensors = {
        name: exchange(torch.empty(shape, dtype=dtype, device=device)) for name, (shape, dtype) in told.tensors.items()
    }
    transformer(**tensors, **told.rest)


if __name__ == "__main__":
    main(sys.stdin.buffer, read)
