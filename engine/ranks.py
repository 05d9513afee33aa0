"""Several GPUs for one clip: the same transformer in a process for each, which share the tokens of every pass by
diffusers' context parallelism (Ulysses: each attends with some of the heads).

This process is rank 0 and the only one that knows of clips. The others (`engine.follower`) hold the transformer alone
and make the same passes; what a pass gets is sent to them just before it. They end when this process does.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, Final

import torch
import torch.distributed as dist
from diffusers import ContextParallelConfig
from diffusers.models._modeling_parallel import ContextParallelInput

from engine import lifeline
from engine.arrange import crosses
from engine.placement import Placement
from engine.types import EngineError, Worn

READY: Final = b"ready\n"
"""What another process says when its weights are read."""
_APART: Final = frozenset({"LTX2VideoTransformer3DModel"})
"""Diffusers' plan for these parts the tokens of the picture, and not the places by which their sound looks at it."""
_PATIENCE: Final = timedelta(minutes=5)  # for one exchange within a pass; between passes they wait for ever

_GOING: Final = 10.0  # seconds to end in order


@dataclass(frozen=True, slots=True)
class Seat:
    """What another process needs to join. `store` is a file by which they find each other; `hung` are LoRAs."""

    rank: int
    store: str
    placement: Placement
    folder: Path
    transformers: tuple[str, ...]
    hung: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass that all make: of which transformer, in which LoRAs, and what it gets. Tensors follow on the wire."""

    transformer: str
    worn: tuple[Worn, ...]
    tensors: Mapping[str, tuple[tuple[int, ...], torch.dtype]]
    rest: Mapping[str, Any]


def share(transformers: Mapping[str, Any], placement: Placement, folder: Path, hung: Sequence[tuple[str, str]]) -> None:
    """Let `placement.parallel` processes make every pass of these transformers together, until they are let go.

    `folder` is where the others read the weights. Raises EngineError `bad_setting` for one that cannot be shared, and
    `model_broken` where another process does not come; then none stays.
    """
    for transformer in transformers.values():
        _plan(transformer)
    others = [_start(rank) for rank in range(1, placement.parallel)]
    with ExitStack() as unless_joined:
        unless_joined.callback(_leave, others)
        store = str(Path(tempfile.mkdtemp(prefix="kinora-ranks-")) / "store")
        for rank, other in enumerate(others, 1):
            with _expected():
                _say(other, Seat(rank, store, placement, folder, tuple(transformers), tuple(hung)))
        for other in others:
            _await(other)
        join(0, store, placement, list(transformers.values()))
        unless_joined.pop_all()
    for name, transformer in transformers.items():
        transformer.register_forward_pre_hook(_telling(others, name, torch.device(placement.device)), with_kwargs=True)
    weakref.finalize(next(iter(transformers.values())), _leave, others).atexit = False  # then they end by themselves


def join(rank: int, store: str, placement: Placement, transformers: Sequence[Any]) -> None:
    """Take this process's seat, and let the transformers work on its part of the tokens."""
    on_gpu = placement.device.partition(":")[0] == "cuda"
    if on_gpu:
        torch.cuda.set_device(rank)
    world = placement.parallel
    dist.init_process_group(
        "nccl" if on_gpu else "gloo", init_method=f"file://{store}", rank=rank, world_size=world, timeout=_PATIENCE
    )
    for transformer in transformers:
        config = ContextParallelConfig(ulysses_degree=world, ulysses_anything=True)
        with _a_processor_counts():
            transformer.enable_parallelism(config=config, cp_plan=_plan(transformer))
        for name, layer in transformer.named_modules():
            if hasattr(layer, "set_processor") and crosses(name):
                layer.processor._parallel_config = None  # noqa: SLF001 (text is whole in every process)


def exchange(tensor: torch.Tensor) -> torch.Tensor:
    """Rank 0's tensor, in every process."""
    whole = tensor.contiguous()
    dist.broadcast(whole.view(torch.uint8) if whole.dtype == torch.bool else whole, src=0)
    return whole


def _plan(transformer: Any) -> dict[str, Any]:
    """Diffusers' own plan, but that the text stays whole, so that it may come with a mask, and that noise levels which
    each token has for itself are parted like the tokens.
    """
    if not getattr(transformer, "_cp_plan", None) or type(transformer).__name__ in _APART:
        reason = f"a {type(transformer).__name__} cannot be shared by several GPUs. Set it to 1."
        raise EngineError("bad_setting", f"The setting parallel cannot be done here: {reason}")
    plan = {
        where: {what: how for what, how in parts.items() if not str(what).startswith("encoder")}
        if isinstance(parts, dict)
        else parts
        for where, parts in transformer._cp_plan.items()  # noqa: SLF001 (a class declares it for such as us)
    }
    each = {"timestep": ContextParallelInput(split_dim=1, expected_dims=2, split_output=False)}
    return {where: parts for where, parts in plan.items() if parts} | {"": each | plan.get("", {})}


def _telling(others: Sequence[subprocess.Popen[bytes]], name: str, device: torch.device) -> Any:
    """What tells the other processes of a pass before it is made."""

    def tell(transformer: Any, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if given:
            raise TypeError("a shared transformer is called with keywords alone")
        tensors = {key: value.to(device) for key, value in named.items() if isinstance(value, torch.Tensor)}
        rest = {key: value for key, value in named.items() if key not in tensors}
        shapes = {key: (tuple(value.shape), value.dtype) for key, value in tensors.items()}
        for other in others:
            _say(other, Pass(name, getattr(transformer, "worn", ()), shapes, rest))
        return (), {**{key: exchange(value) for key, value in tensors.items()}, **rest}

    return tell


def _start(rank: int) -> subprocess.Popen[bytes]:
    environment = os.environ | {lifeline.PARENT: str(os.getpid())}
    command = [sys.executable, "-m", "engine.follower", str(rank)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)


def _say(other: subprocess.Popen[bytes], message: Seat | Pass) -> None:
    stream: IO[bytes] | None = other.stdin
    if stream is not None:
        pickle.dump(message, stream)
        stream.flush()


def _await(other: subprocess.Popen[bytes]) -> None:
    """Until it has read its weights: whoever waits for it in a process group waits for minutes in vain."""
    stream: IO[bytes] | None = other.stdout
    with _expected():
        if stream is None or READY not in iter(stream.readline, b""):
            raise BrokenPipeError


@contextmanager
def _expected() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        reason = "A further process of a clip that several GPUs share ended while it loaded; the log says why."
        raise EngineError("model_broken", reason) from error


def _leave(others: Sequence[subprocess.Popen[bytes]]) -> None:
    """End the others, which go when nobody can speak to them any more."""
    for other in others:
        if other.stdin is not None:
            with suppress(BrokenPipeError):  # one that has ended already, with something unsaid
                other.stdin.close()
    for other in others:
        with suppress(subprocess.TimeoutExpired):
            other.wait(_GOING)
        other.kill()  # who waits for an exchange that broke off hears nothing; on one that has ended it does nothing
        other.wait()
        if other.stdout is not None:
            other.stdout.close()
    if dist.is_initialized():
        dist.destroy_process_group()


@contextmanager
def _a_processor_counts() -> Iterator[None]:
    """Diffusers spreads ranks over accelerators and divides by their number; where there is none, it is one."""
    count = torch.accelerator.device_count
    torch.accelerator.device_count = lambda: count() or 1
    try:
        yield
    finally:
        torch.accelerator.device_count = count
